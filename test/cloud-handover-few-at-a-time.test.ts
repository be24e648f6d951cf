import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { FewAtATime } from "../cloud/handover/server/few-at-a-time.ts"
import { RunningWork } from "../cloud/running-work.ts"
import { turn } from "../cloud/turn.ts"

const test = suite("cloud: what comes in bursts")

const make = (few: number) => {
    const work = new RunningWork()
    const taken: string[] = []
    const errors: unknown[] = []
    const queue = new FewAtATime<string>({
        few,
        work,
        nameOf: one => one[0],
        take: one => {
            if (one === "x!") throw new Error("no")
            taken.push(one)
        },
        onError: error => errors.push(error),
    })
    return { work, taken, errors, queue }
}

test("the first is taken at once, the others a few in a turn, in their order; what comes again is taken once, as it was last", async () => {
    const { queue, taken, work } = make(2)
    for (const one of ["a1", "b1", "c1", "d1", "e1", "c2"]) queue.add(one)
    assert.equal(taken, ["a1"])
    await turn()
    assert.equal(taken, ["a1", "b1", "c2"])
    await turn()
    assert.equal(taken, ["a1", "b1", "c2", "d1", "e1"])
    await turn()
    queue.add("a2")
    assert.is(taken.at(-1), "a2")
    await work.close()
})

test("one that cannot be taken keeps no other; what is cleared, or waits at the end, is not taken", async () => {
    const { queue, taken, errors, work } = make(1)
    for (const one of ["a1", "x!", "b1", "c1"]) queue.add(one)
    await turn()
    await turn()
    assert.equal(taken, ["a1", "b1"])
    assert.is(errors.length, 1)
    queue.clear()
    for (let n = 0; n < 3; n++) await turn()
    assert.equal(taken, ["a1", "b1"])
    for (const one of ["d1", "e1"]) queue.add(one)
    await work.close()
    for (let n = 0; n < 3; n++) await turn()
    assert.equal(taken, ["a1", "b1", "d1"])
})

test.run()
