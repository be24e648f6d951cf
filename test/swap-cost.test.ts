import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { countedOverSwaps, heapDrift, lostOrDoubled } from "../scripts/swap-bench/drift.ts"

const test = suite("what swaps cost")

test("thousands of swaps back and forth leave the heap as it was", async () => {
    const { usedBytes } = await heapDrift()
    console.log(`heap in use after 1,000, 2,000 and 3,000 swaps: ${usedBytes.join(", ")} bytes`)
    // a block may have a word more than it asked for, when the rest was too small for a block of its own
    for (const bytes of usedBytes) assert.ok(Math.abs(bytes - usedBytes[0]) <= 4, usedBytes.join())
})

test("1,000 swaps neither lose nor double a timer, a subscription or a round of a loop", async () => {
    const counted = await countedOverSwaps()
    assert.is(lostOrDoubled(counted), 0, JSON.stringify(counted))
})

test.run()
