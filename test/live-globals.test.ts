import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Module variables and timers of a running program: the rules of docs/live-state.md, there and back. */
const test = suite("variables and timers of a running program")
const cases = new SwapCases()

test.before(() => cases.run())

cases.given(
    "variables",
    `let kept_variables = 1
    let changed_variables = 10 // before
    let changed_variables = 99 // after
    const constant_variables = [1, 2] // before
    const constant_variables = [3, 4, 5] // after
    const scale_variables = 2 // before
    const scale_variables = 3 // after
    const computed_variables = Math.max(scale_variables * 10, 7)
    let gone_variables = 5 // before
    let added_variables = scale_variables + 4 // after
    let empty_variables: any = undefined // after
    function show_variables(): string {
        kept_variables++
        changed_variables++
        const common = kept_variables + " " + changed_variables + " " + constant_variables.join("") + " " + computed_variables
        return common + " " + gone_variables++ // before
        return common + " " + added_variables++ + " " + empty_variables // after
    }`,
    `console.log(show_variables())
    await swap()
    console.log(show_variables())
    console.log(show_variables())
    await swap()
    console.log(show_variables())
    await swap()
    console.log(show_variables())
    await swap()`,
)

test("keep their values; new ones get theirs; a changed const is set again and a changed let is not", () => {
    assert.equal(cases.of("variables"), [
        "2 11 12 20 5",
        "3 12 345 30 7 undefined",
        "4 13 345 30 8 undefined",
        "5 14 12 20 6",
        "6 15 345 30 9 undefined",
    ])
})

cases.given(
    "timers",
    `let counts_timers = [0, 0, 0, 0]
    setInterval(() => { counts_timers[0]++ }, 10)
    setInterval(() => { counts_timers[1]++ }, 10) // before
    setInterval(() => { counts_timers[2]++ }, 10) // after
    setInterval(() => { counts_timers[3]++ }, 10) // before
    setInterval(() => { counts_timers[3]++ }, 20) // after
    async function count_timers(): Promise<string> {
        counts_timers = [0, 0, 0, 0]
        await ds.sleep(201)
        return counts_timers.map(n => Math.round(n / 5) * 5).join()
    }`,
    `for (let i = 0; i < 50; ++i) {
        await ds.sleep(i % 7)
        await swap()
    }
    console.log(await count_timers())
    await swap()
    console.log(await count_timers())
    await swap()
    console.log(await count_timers())`,
)

test("timers that are added, removed and changed fire at their pace after many swaps: none is lost, none doubled", () => {
    assert.equal(cases.of("timers"), ["20,20,0,20", "20,0,20,10", "20,20,0,20"])
})

cases.given(
    "loops",
    `let stop_loops = false
    async function named_loops(step: number) {
        let total = 0
        let rounds = 0
        while (!stop_loops) {
            rounds++
            total += step // before
            total += step * 100 // after
            console.log(rounds + ": " + total)
            await ds.sleep(10)
        }
    }`,
    `named_loops.start(2)
    await ds.sleep(15)
    await swap()
    await ds.sleep(20)
    stop_loops = true
    await ds.sleep(20)
    await swap()`,
)

test("a loop that sleeps goes over at its next round, with its variables", () => {
    assert.equal(cases.of("loops"), ["1: 2", "2: 4", "3: 204", "4: 404"])
})

test.run()
