import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildUpdate, type Quiesce } from "../toolchain/diff/build-update.ts"
import { inVersion, swappable } from "./support/swap-program.ts"

/* Calls that have begun in old code, and would go on to something that the update has given another form. */
const test = suite("changes that must not mix")

const header = 'import * as ds from "@devicescript/core"\nimport { swap } from "./hotswap/test-loader"\nimport { migrate } from "./hotswap/migration"\n'

/** A program that asks for the swap 5 ms after `begin`, and says how it went. */
const program = (declarations: string, begin: string) => `${declarations}
async function go() {
    try {
        await swap()
        console.log("swapped at " + Math.round(ds.millis() - startMs))
    } catch (e) {
        console.log((e as any).code + " at " + Math.round(ds.millis() - startMs))
    }
}
const startMs = ds.millis()
${begin}
await ds.sleep(5)
go.start()
await ds.sleep(120)
console.log("done")
`

async function run(text: string, quiesce: Quiesce): Promise<{ lines: string[]; notes: string[] }> {
    const files = (version: "before" | "after") => ({ "program.ts": header + inVersion(version, text) })
    const base = swappable(files("before"))
    const { file, notes } = buildUpdate(base.base, swappable(files("after")).base.program, { sequence: 1, quiesce })
    const result = await runProgram(base.withPlan(file, { firstMs: 0, count: 0, quiet: true }), { until: /^> done/, clock: "virtual" })
    const lines = result.lines.filter(l => /^[>!] (?!# |done)/.test(l)).map(l => l.replace(/^> /, ""))
    return { lines, notes: notes.filter(n => n.code === "HOV123").map(n => `${n.functionName}: ${n.detail}`) }
}

const signature = program(
    `function area(width: number, height: number): string { return "area " + width * height } // before
function area(size: { w: number; h: number }): string { return "area " + size.w * size.h } // after
async function report(n: number) {
    await ds.sleep(20)
    console.log(area(n, 2)) // before
    console.log(area({ w: n, h: 2 })) // after
}`,
    "report.start(3)",
)

test("a changed signature waits until the callers that have begun have ended", async () => {
    const { lines, notes } = await run(signature, { waitMs: 60 })
    assert.equal(notes, ["report: a call that has begun goes on to area, which is called in another way now"])
    assert.is(lines[0], "area 6")
    assert.match(lines[1], /^swapped at 2\d$/)
})

test("with `now` it does not wait", async () => {
    const { lines, notes } = await run(signature, "now")
    assert.is(notes.length, 1)
    assert.match(lines[0], /^swapped at [56]$/)
})

const endless = (round: string) =>
    program(
        `function step(x: number): number { return x + 1 } // before
function step(x: string): number { return x.length } // after
async function forever() {
    while (true) {
${round}
    }
}`,
        "forever.start()",
    )

test("callers that do not end in time: the update is refused, and the program goes on as it was", async () => {
    const { lines, notes } = await run(endless('        await ds.sleep(10)\n        step(1) // before\n        step("a") // after'), { waitMs: 40 })
    assert.equal(notes, ["forever: a call that has begun goes on to step, which is called in another way now, in a loop without an end"])
    assert.equal(lines.length, 1)
    assert.match(lines[0], /^HOV_QUIESCE at 4\d$/)
})

test("a loop that waits at its end is taken over before it would mix, and not waited for", async () => {
    const { lines, notes } = await run(endless('        step(1) // before\n        step("a") // after\n        await ds.sleep(10)'), { waitMs: 40 })
    assert.equal(notes, [])
    assert.match(lines[0], /^swapped at [56]$/)
})

test("a method, and a field that a migration renames", async () => {
    const { notes } = await run(
        program(
            `class Tank {
    x = 5 // before
    level = 5 // after
    fill(by: number): number { return by } // before
    fill(by: string): string { return by + "l" } // after
}
migrate(Tank, { to: 2, up: (t: any) => { t.level = t.x; delete t.x }, down: (t: any) => { t.x = t.level; delete t.level } }) // after
const tank = new Tank()
async function fills() {
    await ds.sleep(10)
    console.log("fill " + tank.fill(2)) // before
    console.log("fill " + tank.fill("2")) // after
}
async function reads() {
    await ds.sleep(10)
    console.log(tank.x) // before
    console.log(tank.level) // after
}
async function before() {
    console.log(tank.x) // before
    console.log(tank.level) // after
    await ds.sleep(10)
}`,
            "fills.start()\nreads.start()\nbefore.start()",
        ),
        { waitMs: 40 },
    )
    assert.ok(notes.some(n => /^fills: .*fill, which is called in another way/.test(n)), notes.join("\n"))
    assert.ok(notes.some(n => /^reads: .*field x of Tank/.test(n)), notes.join("\n"))
    assert.not.ok(notes.some(n => n.startsWith("before:")), notes.join("\n"))
})

test("an update without such changes waits for nothing", async () => {
    const { lines, notes } = await run(
        program(
            `async function slow(n: number) {
    await ds.sleep(50)
    console.log("old " + n) // before
    console.log("new " + n) // after
}`,
            "slow.start(1)",
        ),
        { waitMs: 40 },
    )
    assert.equal(notes, [])
    assert.match(lines[0], /^swapped at [56]$/)
    assert.is(lines[1], "old 1")
})

test.run()
