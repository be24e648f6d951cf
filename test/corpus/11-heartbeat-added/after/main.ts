let readings = 0

function read() {
    readings++
    console.log(`reading ${readings}`)
}

setInterval(read, 300)

setInterval(() => console.log(`alive after ${readings}`), 500)
