let tick = 0

function announce(text: string) {
    console.log(text)
}

setInterval(() => {
    tick++
    announce(`tick ${tick}`)
}, 250)
