import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/*
 * An image on trial throws. Wherever that is, the program goes on, on its old code, with at most one tick lost.
 * `fault …` is what the loader's fault handler gets.
 */
const test = suite("a throw in new code, by where it is called from")
const cases = new SwapCases()

test.before(() => cases.run({ trial: true }))

cases.given(
    "interval",
    `let ticks_interval = 0
    let last_interval = 0
    let gap_interval = 0
    function tick_interval() {
        const now = ds.millis()
        if (last_interval) gap_interval = Math.max(gap_interval, now - last_interval)
        last_interval = now
        ticks_interval++
        if (ticks_interval === 4) throw new Error("fourth") // after
        console.log("old " + ticks_interval) // before
        console.log("new " + ticks_interval) // after
    }`,
    `const timer = setInterval(tick_interval, 10)
    await ds.sleep(15)
    await swap()
    await ds.sleep(60)
    clearInterval(timer)
    console.log("gap", gap_interval)`,
)

test("a timer goes on firing at its pace, and its next tick is the old code's", () => {
    assert.equal(cases.of("interval"), ["old 1", "new 2", "new 3", "# fault fourth", "old 5", "old 6", "old 7", "gap 10"])
})

cases.given(
    "loop",
    `function step_loop(i: number) {
        if (i === 2) throw new Error("second") // after
        console.log("old " + i) // before
        console.log("new " + i) // after
    }
    async function rounds_loop() {
        for (let i = 1; i <= 4; ++i) {
            step_loop(i)
            await ds.sleep(5)
        }
        console.log("end")
    }`,
    `await swap()
    await rounds_loop()`,
)

test("a loop that stays as it is goes through all of its rounds", () => {
    assert.equal(cases.of("loop"), ["new 1", "# fault second", "old 3", "old 4", "end"])
})

cases.given(
    "event",
    `const emitter_event = ds.emitter<number>()
    function handle_event(value: number) {
        if (value === 2) throw new Error("two") // after
        console.log("old " + value) // before
        console.log("new " + value) // after
    }`,
    `const unsubscribe = emitter_event.subscribe(async v => handle_event(v))
    const inline = emitter_event.subscribe(async value => {
        if (value === 7) console.log("never")
    })
    await swap()
    for (let i = 1; i <= 4; ++i) {
        emitter_event.emit(i)
        await ds.sleep(3)
    }
    unsubscribe()
    inline()`,
)

test("a subscription stays, and later events reach the old code", () => {
    assert.equal(cases.of("event"), ["new 1", "# fault two", "old 3", "old 4"])
})

cases.given(
    "subscriber",
    `const emitter_subscriber = ds.emitter<number>()
    function subscribe_subscriber() {
        return emitter_subscriber.subscribe(async value => {
            if (value === 2) throw new Error("two") // after
            console.log("old " + value) // before
            console.log("new " + value) // after
        })
    }`,
    `const unsubscribe = subscribe_subscriber()
    await swap()
    for (let i = 1; i <= 4; ++i) {
        emitter_subscriber.emit(i)
        await ds.sleep(3)
    }
    unsubscribe()`,
)

test("the same when the subscriber itself is what is new", () => {
    assert.equal(cases.of("subscriber"), ["new 1", "# fault two", "old 3", "old 4"])
})

cases.given(
    "fiber",
    `async function work_fiber(n: number) {
        await ds.sleep(n)
        if (n === 2) throw new Error("in a fiber") // after
        console.log("old " + n) // before
        console.log("new " + n) // after
    }`,
    `await swap()
    for (let n = 1; n <= 3; ++n) work_fiber.start(n)
    await ds.sleep(10)
    work_fiber.start(4)
    await ds.sleep(10)`,
)

test("a fiber's own function: the fiber ends, others finish what they have begun", () => {
    assert.equal(cases.of("fiber"), ["new 1", "# fault in a fiber", "new 3", "old 4"])
})

cases.given(
    "second",
    `async function work_second(n: number) {
        await ds.sleep(n)
        throw new Error("fiber " + n) // after
        console.log("old " + n) // before
    }`,
    `await swap()
    for (let n = 1; n <= 3; ++n) work_second.start(n)
    await ds.sleep(10)
    work_second.start(4)
    await ds.sleep(10)`,
)

test("fibers that are still in the image's code when it has been called back may throw too: one fault is reported", () => {
    assert.equal(cases.of("second"), ["# fault fiber 1", "old 4"])
})

test.run()
