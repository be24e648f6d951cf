const record = Buffer.alloc(8)
let index = 0

function sample() {
    return 500 + ((index * 37) % 100)
}

function log() {
    record.setAt(0, "u16", index)
    record.setAt(2, "u32", sample() * 1000)
    index++
    console.log(`record ${record.slice(0, 6).toString("hex")}`)
}

setInterval(log, 250)
