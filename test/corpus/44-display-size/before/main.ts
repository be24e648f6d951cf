let columns = 0

function initDisplay(width: number, rows: number) {
    columns = width
    console.log(`display ${width}x${rows}`)
}

initDisplay(16, 2)

let tick = 0
setInterval(() => {
    tick++
    console.log(`tick ${tick} of ${columns}`)
}, 300)
