// Five fibers in a loop that stays as it is, around a step that changes.
import * as ds from "@devicescript/core"
import { done, say } from "./harness"
import { V } from "./version"

const state = [1, 2, 3, 4, 5]

function step(who: number, round: number): number {
    state[who] = (state[who] * 5 + round) % 257
    say(`f${who}`, round, "b", V, state[who])
    return 3 + (state[who] % 5)
}

async function walk(who: number) {
    for (let round = 1; round <= 12; ++round) await ds.sleep(step(who, round))
}

for (let i = 0; i < 5; ++i) walk.start(i)
await done(140)
