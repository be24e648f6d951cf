let counter = 0

function frame() {
    const b = Buffer.alloc(4)
    b.setAt(0, "u16", counter)
    b.setAt(2, "u16", 0xaa55)
    const sum = Buffer.alloc(1)
    sum[0] = b[0] ^ b[1] ^ b[2] ^ b[3]
    return b.concat(sum)
}

setInterval(() => {
    counter++
    console.log(`frame ${frame().toString("hex")}`)
}, 300)
