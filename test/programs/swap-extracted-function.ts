// The new version calls functions that the base does not have.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let runs = 0
let value = 1

async function scale(v: number): Promise<number> { // after
    await ds.sleep(2) // after
    return clip(v * 7) // after
} // after

function clip(v: number): number { // after
    return v > 500 ? v % 500 : v // after
} // after

async function work() {
    const run = ++runs
    say("w.work", run, "b", V, value)
    await ds.sleep(2) // before
    const v = value * 7 // before
    value = v > 500 ? v % 500 : v // before
    value = await scale(value) // after
    say("w.work", run, "m", V, value)
}

async function all() {
    for (let i = 0; i < 15; ++i) {
        await work()
        await ds.sleep(4)
    }
}

all.start()
await done(140)
