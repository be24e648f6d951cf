let counter = 0

function frame() {
    const b = Buffer.alloc(4)
    b.setAt(0, "u16", counter)
    b.setAt(2, "u16", 0xaa55)
    return b
}

setInterval(() => {
    counter++
    console.log(`frame ${frame().toString("hex")}`)
}, 300)
