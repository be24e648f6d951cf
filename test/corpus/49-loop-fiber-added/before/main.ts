let volume = 0

function sense() {
    volume = (volume + 9) % 40
    console.log(`volume ${volume}`)
}

setInterval(sense, 300)
