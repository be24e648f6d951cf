import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Replaced code yields where native code would not, and only there where the VM would end the program else. */
const test = suite("when replaced code yields")
const cases = new SwapCases()

test.before(() => cases.run())

/** Without a call, so that an image's budget is small. */
const longStretch = Array.from({ length: 40 }, (_, i) => `        x = ((x << 1) + ${i}) & 0xfff`).join("\n")

cases.given(
    "waits",
    `function step_waits(round: number): number {
        let x = round // before
        let x = round + 1 // after
${longStretch}
        return x
    }
    function risky_waits(round: number): number {
        const x = step_waits(round) // before
        const x = step_waits(round + 1) // after
        if (round % 3 === 0) throw new RangeError("r" + round)
        return x
    }
    async function rounds_waits(): Promise<number> {
        let caught = 0 // before
        let caught = 100 // after
        const start = ds.millis()
        for (let round = 0; round < 40; ++round) {
            try {
                risky_waits(round)
            } catch (e) {
                caught++
            }
            await ds.sleep(3)
            step_waits(round)
            await ds.sleep(3)
        }
        console.log("caught " + caught)
        return ds.millis() - start
    }`,
    `const native = await rounds_waits()
    await swap()
    const replaced = await rounds_waits()
    await swap()
    console.log(replaced - native)`,
)

test("code that throws now and then and waits anyway takes as long as the base's", () => {
    const [first, second, lateMs] = cases.of("waits")
    assert.equal([first, second], ["caught 14", "caught 114"])
    assert.ok(Number(lateMs) <= 1, `${lateMs} ms late after 14 exceptions`)
})

cases.given(
    "computes",
    `let caught_computes = 0
    function risky_computes(round: number): number {
        throw new RangeError("old") // before
        throw new RangeError("new") // after
    }
    async function all_computes() {
        let caught = 0 // before
        let caught = 10000 // after
        for (let round = 0; round < 3000; ++round) {
            try {
                risky_computes(round)
            } catch (e) {
                caught++
            }
        }
        caught_computes = caught
    }`,
    `await swap()
    all_computes.start()
    let turns = 0
    while (!caught_computes) {
        turns++
        await ds.sleep(0)
    }
    console.log(caught_computes)
    console.log(turns > 5)
    await swap()`,
)

test("3,000 exceptions in a row keep to the VM's limit, and other fibers get their turns", () => {
    assert.equal(cases.of("computes"), ["13000", "true"])
})

cases.given(
    "two",
    `let running_two = 0
    async function compute_two(n: number) {
        running_two++
        let x = 0 // before
        let x = 1 // after
        for (let i = 0; i < 20000; ++i) x = (x + i) & 0xff
        running_two--
        console.log(n + " " + running_two)
    }`,
    `await swap()
    compute_two.start(1)
    compute_two.start(2)
    compute_two.start(3)
    await ds.sleep(1)
    while (running_two) await ds.sleep(1)
    await swap()`,
)

test("fibers that compute at the same time each keep to the VM's limit", () => {
    const lines = cases.of("two")
    assert.equal([...lines].map(l => l[0]).sort(), ["1", "2", "3"])
    assert.match(lines[2], / 0$/)
})

cases.given(
    "atomic",
    `let interrupted_atomic = 0
    let inside_atomic = false
    function watch_atomic() {
        if (inside_atomic) interrupted_atomic++
    }
    function step_atomic(i: number): number {
        let x = i // before
        let x = i + 1 // after
${longStretch}
        return x & 1
    }
    async function run_atomic() {
        for (let round = 0; round < 100; ++round) {
            inside_atomic = true
            let sum = 0 // before
            let sum = 1 // after
            for (let i = 0; i < 7; ++i) sum += step_atomic(i)
            inside_atomic = false
            await ds.sleep(2)
        }
    }`,
    `const timer = setInterval(watch_atomic, 1)
    await swap()
    await run_atomic()
    await swap()
    clearInterval(timer)
    console.log("interrupted " + interrupted_atomic)`,
)

test("a stretch that is short between waits is never interrupted", () => {
    assert.equal(cases.of("atomic"), ["interrupted 0"])
})

const straight = Array.from({ length: 60 }, (_, i) => `        x = (x + ${i}) & 0xfff`).join("\n")

cases.given(
    "native_loop",
    `function long_native_loop(start: number): number {
        let x = start // before
        let x = start + 1 // after
        for (let i = 0; i < (start & 0); ++i) x++
${straight}
        return x & 1
    }
    function all_native_loop(): number {
        let odd = 0
        for (let i = 0; i < 300; ++i) odd += long_native_loop(i)
        return odd
    }`,
    `console.log(all_native_loop())
    await ds.sleep(1)
    await swap()
    console.log(all_native_loop())
    await swap()`,
)

test("a long function with a short loop in it keeps to the VM's limit when native code calls it often", () => {
    assert.equal(cases.of("native_loop"), ["150", "150"])
})

test.run()
