import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { powerFirmware } from "../scripts/power/firmware.ts"
import { scenarios } from "../scripts/power/scenarios.ts"
import { sweep } from "../scripts/power/sweep.ts"
import { wear } from "../scripts/power/wear.ts"

/** A part of `npm run test:power`, which cuts at every operation, in every way. */
const test = suite("power that goes away")
let program: Uint8Array

test.before(async () => {
    program = await powerFirmware()
})

const SHORT = ["update over another", "GC while storing", "rollback of a panic", "crashes at the start", "recovery to R"]

for (const chip of ["esp32", "rp2040"] as const)
    for (const scenario of scenarios(1024).filter(s => SHORT.includes(s.name)))
        test(`at some operation of ${scenario.name} leaves a ${chip} with the right image or the one before`, async () => {
            const result = await sweep({ chip, program, scenario, sizeBytes: 1024, seed: 7, quick: true, pairs: 1 })
            assert.equal(result.wrong, [])
            assert.ok(result.cuts > 0)
        })

test("an update of 1 KB is 7 writes, and its wear lets an RP2040 take more than 50,000 of them", async () => {
    const result = await wear("rp2040", program, 1024, 20)
    assert.ok(result.updatesWithin100000Cycles > 50_000, JSON.stringify(result))
    assert.is(result.operationsPerBoot, 0)
})

test.run()
