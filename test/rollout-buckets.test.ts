import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { BUCKETS, bucketLimit, bucketOf, controlStart } from "../cloud/rollouts/bucket.ts"

const DEVICES = 1_000_000
const first = Float64Array.from({ length: DEVICES }, (_, n) => bucketOf("rollout-1", `board-${n}`))
const second = Float64Array.from({ length: DEVICES }, (_, n) => bucketOf("rollout-2", `board-${n}`))

const below = (buckets: Float64Array, percent: number): number => buckets.reduce((count, bucket) => count + Number(bucket < bucketLimit(percent)), 0)

test("five percent of a million devices is five percent, to a tenth of a point", () => {
    for (const percent of [1, 5, 20, 50]) {
        const share = (below(first, percent) / DEVICES) * 100
        assert.ok(Math.abs(share - percent) <= 0.1, `${percent}: ${share}`)
    }
    assert.is(below(first, 100), DEVICES)
    assert.is(below(first, 0), 0)
})

test("no device leaves when the percentage grows", () => {
    let left = 0
    for (let percent = 0; percent < 100; percent += 0.5)
        if (bucketLimit(percent) > bucketLimit(percent + 0.5)) left++
    assert.is(left, 0)
})

test("a device's bucket is the same every time, on every machine", () => {
    assert.equal(["a", "b", "board-1"].map(id => bucketOf("seed", id)), GOLDEN)
    assert.is(bucketOf("rollout-1", "board-7"), first[7])
})

test("two rollouts are independent of each other", () => {
    let both = 0
    for (let n = 0; n < DEVICES; n++) if (first[n] < bucketLimit(10) && second[n] < bucketLimit(10)) both++
    // 1 percent of a million, give or take four standard deviations.
    assert.ok(Math.abs(both - 10_000) < 400, `${both}`)
})

test("seed and id cannot be mistaken for one another", () => {
    assert.is.not(bucketOf("a", "bc"), bucketOf("ab", "c"))
    assert.ok(controlStart(10) === BUCKETS - bucketLimit(10))
})

const GOLDEN = [278250387, 2523653775, 2249620716]

test.run()
