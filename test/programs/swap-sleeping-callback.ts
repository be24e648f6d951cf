// A timer whose callback sleeps: what has begun in one version ends in it.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let runs = 0

setInterval(async () => {
    if (runs >= 10) return
    const run = ++runs
    let local = run * 7
    say("slow", run, "b", V, local)
    await ds.sleep(6)
    local = local + V * 0 + 1
    say("slow", run, "m", V, local)
    await ds.sleep(5)
    say("slow", run, "m", V, local * 2)
}, 17)
await done(220)
