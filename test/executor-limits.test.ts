import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { patchableInProcess } from "./support/replaced-program.ts"
import { compileInProcess } from "./support/stock-compiler.ts"
import { swappedBySelf } from "./support/swap-program.ts"

const test = suite("limits of replaced code")

function replaced(source: string): Uint8Array {
    const p = patchableInProcess({ "program.ts": source })
    return p.withImage(buildUpdate(p.base, p.base.program, { sequence: 1, replaceAll: true }).file)
}

const ended = { until: /^> done/, clock: "virtual", timeoutMs: 30_000 } as const
const printed = (lines: readonly string[]) => lines.filter(l => l.startsWith("> "))

test("recursion 90 deep works replaced and with idle preludes as it does natively", async () => {
    const source = `class Node { next: Node
            depth(): number { return this.next ? this.next.depth() + 1 : 1 } }
        function down(n: number): number { return n === 0 ? 0 : down(n - 1) + 1 }
        function chain(n: number): Node {
            let first: Node
            for (let i = 0; i < n; i++) { const node = new Node(); node.next = first; first = node }
            return first
        }
        function show() { console.log(down(90), chain(90).depth()) }
        show()
        console.log("done")`
    const idle = patchableInProcess({ "program.ts": source }).withImage(undefined)
    for (const program of [compileInProcess({ "src/main.ts": source }).devs, idle, replaced(source)])
        assert.equal(printed((await runProgram(program, ended)).lines), ["> 90 90", "> done"])
})

test("a function that calls itself is replaced at its next outermost call, and comes back so", async () => {
    const { program } = swappedBySelf(`
        function sum(n: number): number {
            if (n === 0) return 0
            return sum(n - 1) + n // before
            return sum(n - 1) + n * 2 // after
        }
        async function run() {
            console.log(sum(20))
            await swap()
            console.log(sum(20))
            await swap()
            console.log(sum(20))
            console.log("done")
        }
        run.start()`, { quiet: true })
    assert.equal(printed((await runProgram(program, ended)).lines).filter(l => !l.startsWith("> #")), ["> 210", "> 420", "> 210", "> done"])
})

test("a loop of ten million instructions runs to its end beside a timer of 10 ms", async () => {
    // a round is two instructions or more
    const source = `import * as ds from "@devicescript/core"
        let ticks = 0
        setInterval(() => { ticks++ }, 10)
        function work(): number {
            let s = 0
            for (let i = 0; i < 5000000; i++) s = (s + i) & 1023
            return s
        }
        async function run() {
            await ds.sleep(30)
            const before = ticks
            const start = ds.millis()
            const s = work()
            console.log(s, ticks - before, ds.millis() - start)
            console.log("done")
        }
        run.start()`
    const { lines, panicCode } = await runProgram(replaced(source), { until: /^> done/, timeoutMs: 150_000 })
    assert.is(panicCode, undefined)
    const [sum, ticks, tookMs] = printed(lines)[0].slice(2).split(" ").map(Number)
    let expected = 0
    for (let i = 0; i < 5_000_000; i++) expected = (expected + i) & 1023
    assert.is(sum, expected)
    // it gets a turn at least every 25 ms or so, on a machine that is busy with other things too
    assert.ok(ticks >= tookMs / 60, `${ticks} ticks in ${tookMs} ms`)
})

test.run()
