// Packs and unpacks frames with a checksum.
import * as ds from "@devicescript/core"
function checksum(frame: Buffer, length: number): number {
    let sum = 0
    for (let i = 0; i < length; i++) sum = (sum + frame[i] * (i + 1)) & 0xffff
    return sum
}

function pack(frame: Buffer, id: number, value: number): void {
    frame.setAt(0, "u16", id)
    frame.setAt(2, "i32", value)
    frame[6] = value & 0xff
    frame[7] = 0x55
    frame.setAt(8, "u16", checksum(frame, 8))
}

function work(): number {
    const frame = Buffer.alloc(16)
    let good = 0
    for (let i = 0; i < 60; i++) {
        pack(frame, i, i * 1000 - 5)
        if (frame.getAt(8, "u16") === checksum(frame, 8) && frame.getAt(2, "i32") === i * 1000 - 5) good++
    }
    return good
}

// the VM ends a program that computes for more than 131,072 operations without a pause
async function rounds() {
    let result: any = 0
    for (let round = 0; round < 150; round++) {
        result = work()
        await ds.sleep(0)
    }
    return result
}

const start = ds.millis()
const result = await rounds()
console.log(`result ${result}`)
console.log(`took ${ds.millis() - start}`)
console.log("done")
