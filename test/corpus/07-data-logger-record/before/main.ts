const record = Buffer.alloc(8)
let index = 0

function sample() {
    return 500 + ((index * 37) % 100)
}

function log() {
    record.setAt(0, "u16", index)
    record.setAt(2, "u16", sample())
    index++
    console.log(`record ${record.slice(0, 4).toString("hex")}`)
}

setInterval(log, 250)
