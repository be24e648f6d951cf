let level = 50

function pump() {
    level -= 3
    console.log(`level ${level}`)
}

setInterval(pump, 300)
