import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SwapCases } from "./support/swap-cases.ts"

/* Loops that new code has taken over while it is on trial. */
const test = suite("a throw in a loop that new code has taken over")
const cases = new SwapCases()

test.before(() => cases.run({ trial: true }))

/** The fault is told in a fiber of its own, so its place among the lines says nothing. */
function withoutFault(name: string, message: string): string[] {
    const lines = cases.of(name)
    assert.is(lines.filter(l => l === `# fault ${message}`).length, 1, lines.join("\n"))
    return lines.filter(l => !l.startsWith("# fault"))
}

cases.given(
    "throws",
    `let rounds_throws = 0
    async function loop_throws() {
        while (rounds_throws < 6) {
            rounds_throws++
            if (rounds_throws === 4) throw new Error("fourth") // after
            console.log("old " + rounds_throws) // before
            console.log("new " + rounds_throws) // after
            await ds.sleep(5)
        }
        console.log("end")
    }`,
    `loop_throws.start()
    await ds.sleep(7)
    await swap()
    await ds.sleep(60)`,
)

test("the loop begins again in the old code, where the program keeps its state it goes on", () => {
    assert.equal(withoutFault("throws", "fourth"), ["old 1", "old 2", "new 3", "old 5", "old 6", "end"])
})

cases.given(
    "step",
    `function step_step(n: number): number {
        if (n === 3) throw new Error("third") // after
        return n + 1
    }
    async function loop_step() {
        let n = 0
        while (n < 5) {
            n = step_step(n)
            console.log("old " + n) // before
            console.log("new " + n) // after
            await ds.sleep(5)
        }
        console.log("end " + n)
    }`,
    `loop_step.start()
    await ds.sleep(2)
    await swap()
    await ds.sleep(60)`,
)

test("a throw below it, too: the outermost call of new code is the loop's", () => {
    assert.equal(withoutFault("step", "third"), ["old 1", "new 2", "new 3", "old 1", "old 2", "old 3", "old 4", "old 5", "end 5"])
})

test.run()
