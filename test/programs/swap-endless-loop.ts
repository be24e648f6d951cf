// Endless loops that sleep, one with locals.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

let beats = 0

async function heartbeat() {
    while (true) {
        beats++
        if (beats <= 15) say("beat", beats, "i", V, beats * 3)
        await ds.sleep(9)
    }
}

async function ramp(from: number, to: number) {
    let level = from
    let round = 0
    while (level < to) {
        round++
        const step = (to - level) >> 2 || 1
        say("ramp", round, "i", V, level)
        level += step
        await ds.sleep(7)
    }
    say("ramp.end", 1, "m", V, level)
}

heartbeat.start()
ramp.start(0, 100)
await done(200)
