// Exceptions thrown in one version are caught in another; finally runs once.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let finals = 0

async function risky(run: number): Promise<number> {
    say("e.risky", run, "b", V)
    try {
        await ds.sleep(2)
        if (run % 3 === 0) throw new RangeError(`r${run}`)
        return run
    } finally {
        finals++
        await ds.sleep(1)
        say("e.risky", run, "m", V, finals)
    }
}

async function attempt(run: number): Promise<number> {
    say("e.attempt", run, "b", V)
    try {
        return await risky(run)
    } catch (e) {
        await ds.sleep(2)
        say("e.attempt", run, "m", V, (e as any).message)
        return -run
    }
}

async function all() {
    let sum = 0
    for (let run = 1; run <= 15; ++run) {
        sum += await attempt(run)
        await ds.sleep(3)
    }
    console.log(`e.sum 1 m v0 @0 ${sum} ${finals}`)
}

all.start()
await done(180)
