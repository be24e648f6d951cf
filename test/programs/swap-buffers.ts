// Packing and unpacking of buffers.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

const ring = Buffer.alloc(16)
let at = 0
let frames = 0

function pack(value: number) {
    ring.setAt(at, "u16", value)
    ring[at + 2] = value & 0x7f
    at = (at + 4) % 16
    say("p.pack", ++frames, "b", V, ring.toString("hex"))
}

function checksum(): number {
    let sum = 0
    for (let i = 0; i < ring.length; ++i) sum = (sum * 31 + ring[i]) & 0xffff
    say("p.sum", frames, "b", V, sum)
    return sum
}

let value = 7
for (let i = 0; i < 16; ++i) {
    pack(value)
    value = checksum()
    await ds.sleep(6)
}
await done(5)
