import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { compareBatch } from "../scripts/differential/compare.ts"

const seed = Number(process.env.SEED ?? 1)

const test = suite("random programs natively and replaced")

test(`a few programs print the same in every way (seed ${seed})`, async () => {
    const result = await compareBatch([seed, seed + 1, seed + 2], false)
    assert.equal(result.differences, [])
    assert.ok(result.programs > 0 && result.functions > 20 && result.lines > 10)
})

test.run()
