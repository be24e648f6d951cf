import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { type Board, createBoard } from "../sim/index.ts"
import { sourceMapEntries, sourcePosition } from "../toolchain/program/debug-info.ts"
import { patchable } from "./support/replaced-program.ts"
import { StockDebugger } from "./support/stock-debugger.ts"

const test = suite("breakpoints in a linked program, with the stock debug adapter")

const source = `import * as ds from "@devicescript/core"
class Meter {
    total = 0
    count(amount: number) {
        const twice = amount * 2
        this.total += twice // in a method
        return this.total
    }
}
function down(n: number): number {
    if (n <= 0) return 0 // the bottom
    return 1 + down(n - 1)
}
function changed(n: number) {
    const is = n + 100
    return is
}
const meter = new Meter()
async function round(n: number) {
    const all = meter.count(n) // in a function that waits
    await ds.sleep(5)
    const each = [1, 2].map(k => {
        const scaled = k * n // in an inner function
        return scaled
    })
    console.log(\`round \${n} \${all} \${each[1]} \${down(3)} \${changed(n)}\`)
}
for (let n = 1; n < 1000; n++) {
    await round(n) // at the top
}
`
const lineOf = (mark: string): number => source.split("\n").findIndex(line => line.includes(mark)) + 1
const PATH = "src/program.ts"
const DEVICE = "12abdd2289421234"
const built = patchable(source)

async function withDebugger(program: Uint8Array, marks: readonly string[], work: (d: StockDebugger, board: Board) => Promise<void>): Promise<void> {
    const { base } = await built
    const board = await createBoard({ deviceId: DEVICE, program })
    let debug: StockDebugger | undefined
    try {
        await board.powerOn()
        const launched = await StockDebugger.launch(board, base.debug, DEVICE, PATH, marks.map(lineOf))
        debug = launched.debug
        assert.equal(
            launched.verified.map(b => [b.verified, b.line]),
            marks.map(mark => [true, lineOf(mark)]),
        )
        await work(debug, board)
    } finally {
        await debug?.close()
        await board.close()
    }
}

test("a statement of each function is found at its new address, in ascending order", async () => {
    const { base } = await built
    const before = sourceMapEntries(base.program.debug)
    const after = sourceMapEntries(base.debug)
    for (let i = 1; i < after.length; i++) assert.ok(after[i].pc >= after[i - 1].pc, `entry ${i}: the stock debugger refuses a map that goes back`)
    const places = (entries: typeof before, debug: typeof base.debug) => new Set(entries.map(e => JSON.stringify(sourcePosition(debug, e.offset))))
    // what nobody names once it is linked is not there any more; a function whose code stands in its callers is
    const linked = places(after, base.debug)
    const missing = before.filter(e => !linked.has(JSON.stringify(sourcePosition(base.program.debug, e.offset))))
    const gone = new Set(missing.map(e => base.program.debug.functions.findLast(f => f.startpc <= e.pc)!.name))
    assert.equal([...gone], ["spareClasses"], "kept for the compiler alone")
})

test("breakpoints in all kinds of functions hit, at their lines, with their variables", async () => {
    const { base } = await built
    await withDebugger(base.file, ["in a method", "in a function that waits", "in an inner function", "the bottom", "at the top"], async d => {
        for (const mark of ["at the top", "in a function that waits", "in a method", "in an inner function", "in an inner function", "the bottom", "at the top", "in a function that waits", "in a method"]) {
            const { reason, frames } = await d.stopped()
            assert.is(reason, "breakpoint")
            assert.equal([frames[0].line, frames[0].path], [lineOf(mark), PATH], mark)
            if (mark === "in a method") {
                assert.equal(frames.slice(0, 2).map(f => f.line), [lineOf("in a method"), lineOf("in a function that waits")])
                const seen = await d.variables(frames[0].id, /local/i)
                assert.equal(Number(seen.twice), 2 * Number((await d.variables(frames[0].id, /arg/i)).amount))
            }
            await d.resume()
        }
    })
})

test("beside replaced functions, breakpoints in the others hit, and the replaced code runs", async () => {
    const { withImage } = await built
    const { base } = await built
    const edited = await patchable(source.replace("n + 100", "n + 700"))
    const update = buildUpdate(base, edited.base.program, { sequence: 1 })
    assert.equal(update.shipped.filter(s => s.nextIndex > 0).map(s => s.name), ["changed"])
    await withDebugger(withImage(update.file), ["in a method", "in an inner function"], async (d, board) => {
        for (const mark of ["in a method", "in an inner function", "in an inner function", "in a method"]) {
            const { reason, frames } = await d.stopped()
            assert.is(reason, "breakpoint")
            assert.is(frames[0].line, lineOf(mark))
            await d.resume()
        }
        await board.waitForLine(/> round 1 2 2 3 701/, 20_000)
    })
})

test.run()
