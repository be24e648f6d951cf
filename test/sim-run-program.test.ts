import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildProgram } from "./support/build-program.ts"

const spoken = (lines: string[]) => lines.filter(line => line.startsWith("> ")).map(line => line.slice(2))

test("a program runs to its restart without waiting for its sleeps", async () => {
    const { devs } = await buildProgram(`
        import * as ds from "@devicescript/core"
        console.log("one")
        await ds.sleep(20000)
        console.log("two")
        ds.restart()`)
    const result = await runProgram(devs)
    assert.equal(spoken(result.lines), ["one", "two"])
    assert.is(result.panicCode, 0)
    assert.not(result.timedOut)
    assert.ok(result.boardMs >= 20_000)
    assert.ok(result.durationMs < 5_000)
})

test("an uncaught exception ends the run with its panic code", async () => {
    const { devs } = await buildProgram(`throw new Error("no way")`)
    const result = await runProgram(devs)
    assert.is(result.panicCode, 60005)
    assert.ok(result.lines.some(line => line.includes("no way")))
})

test("a run ends at the line it waits for, or when the time on its clock is up", async () => {
    const { devs } = await buildProgram(`
        import * as ds from "@devicescript/core"
        let n = 0
        setInterval(() => { n++; console.log("tick", n) }, 100)`)
    const found = await runProgram(devs, { until: /^> tick 3$/ })
    assert.is(found.lines.at(-1), "> tick 3")
    assert.is(found.panicCode, undefined)
    assert.not(found.timedOut)

    const over = await runProgram(devs, { timeoutMs: 1000, clock: "virtual" })
    assert.ok(over.timedOut)
    const ticks = spoken(over.lines).length
    assert.ok(ticks >= 8 && ticks <= 10, `${ticks} ticks in a second`)
})

test("on the virtual clock two runs print exactly the same, random numbers and times included", async () => {
    const { devs } = await buildProgram(`
        import * as ds from "@devicescript/core"
        for (let i = 0; i < 5; ++i) {
            console.log(Math.random(), ds.millis())
            await ds.sleep(7)
        }
        ds.restart()`)
    const [a, b] = [await runProgram(devs, { clock: "virtual" }), await runProgram(devs, { clock: "virtual" })]
    assert.equal(a.lines, b.lines)
    assert.is(spoken(a.lines).length, 5)
})

test("a file that is not a program is refused with the VM's own words", async () => {
    try {
        await runProgram(new Uint8Array(64))
        assert.unreachable()
    } catch (e) {
        assert.match(String(e), /SIM_VM_FAILED/)
    }
})

test.run()
