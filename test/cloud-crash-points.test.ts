import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { onPostgres } from "./support/cloud-database.ts"
import { runCrashPoints } from "./support/cloud-crash.ts"

// Copies of files are what a kill leaves behind of the embedded database only.
const embedded = onPostgres ? test.skip : test
embedded("killed at any moment of a rollout, the server grants nothing twice, loses no end, and finishes", async () => {
    const seed = 7
    const { points, ...found } = await runCrashPoints(24, seed)
    assert.is(points, 24)
    assert.equal(found, { doubleGrants: 0, lostFinalStates: 0, notConverged: 0 }, `seed ${seed}`)
})

test.run()
