let readings = 0

function read() {
    readings++
    console.log(`reading ${readings}`)
}

setInterval(read, 300)
