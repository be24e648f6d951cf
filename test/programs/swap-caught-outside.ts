// Code that stays catches what replaced code throws, also values that are no errors.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let caught = 0

function check(run: number): string {
    say("c.check", run, "b", V)
    if (run % 4 === 1) throw new Error(`no ${run}`)
    if (run % 4 === 2) throw run as any
    if (run % 4 === 3) throw undefined as any
    return `yes ${run}`
}

async function guarded() {
    for (let run = 1; run <= 16; ++run) {
        try {
            console.log(`c.result ${run} m v0 @0 ${check(run)}`)
        } catch (e) {
            caught++
            console.log(`c.result ${run} m v0 @0 caught ${caught} ${e instanceof Error ? e.message : e}`)
        }
        await ds.sleep(5)
    }
}

guarded.start()
await done(110)
