// Computations so long that replaced code has to yield within them.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let ticks = 0

function hash(seed: number): number {
    let h = seed
    for (let i = 0; i < 400; ++i) h = ((h << 5) + (h >> 3) + i) & 0xffff
    return h
}

function digest(run: number): number {
    say("d.digest", run, "b", V)
    const h = hash(run) ^ hash(run + 1)
    say("d.digest", run, "m", V, h)
    return h
}

setInterval(() => {
    if (ticks < 12) say("tick", ++ticks, "b", V)
}, 10)

async function all() {
    for (let run = 1; run <= 8; ++run) {
        digest(run)
        await ds.sleep(12)
    }
}

all.start()
await done(160)
