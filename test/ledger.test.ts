import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* What still runs old code after a swap. */
const test = suite("the ledger of calls that still run old code")
const cases = new SwapCases()

test.before(() => cases.run())

cases.given(
    "waits",
    `async function work_waits(ms: number): Promise<number> {
        await ds.sleep(ms)
        return 1 // before
        return 2 // after
    }
    async function outer_waits(ms: number) {
        const x = await work_waits(ms)
        console.log("got " + x)
    }`,
    `outer_waits.start(20)
    await ds.sleep(5)
    console.log("before " + oldCalls().length)
    await swap()
    console.log("after " + oldCalls().length)
    outer_waits.start(30)
    await ds.sleep(10)
    const [call] = oldCalls()
    console.log("still " + oldCalls().length, call[1], call[3])
    await ds.sleep(10)
    console.log("ended " + oldCalls().length)
    await swap()
    const [left] = oldCalls()
    console.log("back " + oldCalls().length, left[3], left[2] >= 0)
    await ds.sleep(20)
    console.log("end " + oldCalls().length)`,
)

test("a call that waits is in it until it ends, those that began since are not", () => {
    const lines = cases.of("waits")
    assert.equal(lines, ["before 0", "after 1", "still 1 10 -1", "got 1", "ended 0", "back 1 1 true", "got 2", "end 0"])
})

cases.given(
    "throws",
    `async function risky_throws(ms: number): Promise<number> {
        await ds.sleep(ms)
        throw new RangeError("old") // before
        throw new RangeError("new") // after
    }
    async function outer_throws() {
        for (let round = 0; round < 3; ++round) {
            try {
                await risky_throws(4)
            } catch (e) {
                console.log("caught " + (e as any).message + " " + oldCalls().length)
            }
            await ds.sleep(4)
        }
    }`,
    `outer_throws.start()
    await ds.sleep(2)
    await swap()
    console.log("swapped " + oldCalls().length)
    await ds.sleep(8)
    console.log("next " + oldCalls().length)
    await swap()
    console.log("back " + oldCalls().length)
    await ds.sleep(30)
    console.log("end " + oldCalls().length)`,
)

test("a call that ends by a throw is gone from it, whoever catches; one of an image that was called back is left out", () => {
    assert.equal(cases.of("throws"), ["swapped 1", "caught old 0", "next 0", "back 1", "caught old 0", "end 0"])
})

cases.given(
    "terminated",
    `async function work_terminated(ms: number) {
        try {
            await ds.sleep(ms)
            console.log("never") // before
            console.log("never again") // after
        } finally {
            console.log("never at all")
        }
    }`,
    `const fibers: ds.Fiber[] = []
    for (let i = 0; i < 5; ++i) fibers.push(work_terminated.start(1000))
    await ds.sleep(1)
    await swap()
    console.log("swapped " + oldCalls().length)
    fibers[1].terminate()
    fibers[3].terminate()
    console.log("left " + oldCalls().length)
    fibers[0].terminate()
    fibers[2].terminate()
    fibers[4].terminate()
    console.log("none " + oldCalls().length)
    await swap()`,
)

test("a fiber that is terminated, which runs no finally, is gone from it at once", () => {
    assert.equal(cases.of("terminated"), ["swapped 5", "left 3", "none 0"])
})

cases.given(
    "recursion",
    `async function down_recursion(n: number): Promise<number> {
        await ds.sleep(2)
        if (n === 0) return 100 // before
        if (n === 0) return 200 // after
        const x = await down_recursion(n - 1)
        return x + 1
    }
    async function run_recursion() {
        console.log("sum " + (await down_recursion(4)))
    }`,
    `run_recursion.start()
    await ds.sleep(5)
    await swap()
    console.log("old " + oldCalls().length)
    await ds.sleep(10)
    console.log("old " + oldCalls().length)
    await swap()`,
)

test("a recursion is as many calls as have begun", () => {
    assert.equal(cases.of("recursion"), ["old 3", "sum 204", "old 0"])
})

cases.given(
    "loop",
    `let rounds_loop = 0
    let going_loop = true
    async function forever_loop() {
        while (going_loop) {
            rounds_loop += 1 // before
            rounds_loop += 100 // after
            await ds.sleep(5)
        }
    }
    `,
    `forever_loop.start()
    await ds.sleep(12)
    await swap()
    console.log("swapped " + oldCalls().length)
    await ds.sleep(6)
    console.log("taken over " + oldCalls().length, rounds_loop)
    await swap()
    console.log("back " + oldCalls().length)
    await ds.sleep(10)
    console.log("goes on " + oldCalls().length)
    going_loop = false
    await ds.sleep(10)
    console.log("end " + oldCalls().length)`,
)

test("a loop is gone from it when new code has taken it over, and in it after the way back until it ends", () => {
    assert.equal(cases.of("loop"), ["swapped 1", "taken over 0 103", "back 1", "goes on 1", "end 0"])
})

cases.given(
    "many",
    `let terminated_many = 0
    async function work_many(ms: number) {
        await ds.sleep(ms)
        terminated_many += 1 // before
        terminated_many += 2 // after
    }`,
    `for (let i = 0; i < 2000; ++i) {
        const fiber = work_many.start(1000)
        await ds.sleep(0)
        fiber.terminate()
    }
    const kept = work_many.start(1000)
    await ds.sleep(1)
    await swap()
    console.log("old " + oldCalls().length)
    kept.terminate()
    await swap()`,
)

test("thousands of terminated fibers do not fill the memory", () => {
    assert.equal(cases.of("many"), ["old 1"])
})

test.run()
