/** The short form of `npm run test:handover`. */
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { MUTATIONS, type Mutation } from "../scripts/handover-simulation/mutations.ts"
import { runHandover } from "../scripts/handover-simulation/run.ts"

const SEEDS = 60
/** A protocol that is broken on purpose is found within so many runs. */
const FOUND_WITHIN = 400
const first = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6))
const test = suite("simulated handovers")

test(`nothing is lost, doubled or out of order in ${SEEDS} runs from seed ${first}`, () => {
    const wrong: string[] = []
    let kills = 0
    for (let seed = first; seed < first + SEEDS; seed++) {
        const result = runHandover({ seed })
        kills += result.kills
        if (result.violations.length > 0) wrong.push(`seed ${seed}: ${result.violations[0]}`)
    }
    assert.equal(wrong, [])
    assert.ok(kills > SEEDS / 4, `${kills} kills`)
})

for (const mutation of Object.keys(MUTATIONS) as Mutation[])
    test(`a protocol with "${mutation}" is found out`, () => {
        let found = false
        for (let seed = 1; seed <= FOUND_WITHIN && !found; seed++) found = runHandover({ seed, mutation }).violations.length > 0
        assert.ok(found)
    })

test.run()
