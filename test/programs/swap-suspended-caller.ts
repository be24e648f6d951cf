// A caller waits in the old version for a callee that is replaced.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

async function measure(run: number, part: number): Promise<number> {
    say("x.measure", run * 10 + part, "b", V, part)
    await ds.sleep(3)
    say("x.measure", run * 10 + part, "m", V, part + 1)
    return run * part
}

async function report(run: number): Promise<number> {
    say("x.report", run, "b", V)
    const first = await measure(run, 1)
    say("x.report", run, "m", V, first)
    const second = await measure(run, 2)
    say("x.report", run, "m", V, first + second)
    return first + second
}

async function all() {
    let sum = 0
    for (let run = 1; run <= 12; ++run) {
        sum += await report(run)
        await ds.sleep(2)
    }
    console.log(`x.sum 1 m v0 @0 ${sum}`)
}

all.start()
await done(160)
