let level = 50

function pump() {
    level -= 3
    console.log(`level ${level}`)
}

function dump() {
    console.log(`debug level=${level}`)
}

setInterval(pump, 300)
setInterval(dump, 200)
