import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runKills } from "./support/cloud-kills.ts"

test("a server that is killed with SIGKILL again and again grants nothing twice, loses no end, and finishes", async () => {
    const seed = Number(process.env.SEED ?? 1 + (Date.now() % 1_000_000))
    console.log(`seed ${seed}`)
    const { doubleGrants, lostFinalStates, notConverged, ...found } = await runKills({ points: 4, seed, boards: 8 })
    assert.equal({ doubleGrants, lostFinalStates, notConverged }, { doubleGrants: 0, lostFinalStates: 0, notConverged: 0 }, `SEED=${seed}`)
    assert.is(found.points, 4)
    assert.ok(found.ends >= 8, JSON.stringify(found))
})

test.run()
