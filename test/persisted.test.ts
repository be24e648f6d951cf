import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Board } from "../sim/index.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"

/** Values in settings, over restarts, updates and ways back, on a board with the real loader. */
const test = suite("persisted state")
let bench: DeviceBench
/** counts in Wh instead of kWh */
let second: Buffer
/** cannot bring any old value up */
let throwing: Buffer

const program = (version: number, up = "m.wattHours = m.total * 1000; delete m.total") => ({
    "src/main.ts": `import * as ds from "@devicescript/core"
import { migrate, persist, saveState, startResident } from "./resident"
class Meter {
    ${version === 1 ? "total = 0" : 'wattHours = 0\n    unit = "Wh"'}
    constructor(public name: string) {}
}
${version === 1 ? "" : `migrate(Meter, { to: 2, up: (m: any) => { ${up} }, down: (m: any) => { m.total = m.wattHours / 1000; delete m.wattHours } })`}
const meter = await persist("meter", new Meter("main"))
function count() {
    ${version === 1 ? "meter.total++" : "meter.wattHours += 1000"}
}
function show(): string {
    return ${version === 1 ? '"kWh " + meter.total' : '"Wh " + meter.wattHours + " " + meter.unit'}
}
console.log("read " + show())
setInterval(async () => {
    count()
    const saved = await saveState(meter)
    console.log(show() + (saved ? " saved" : " lost"))
}, 400)
await startResident()
`,
})

benchFor(test, async () => {
    bench = await DeviceBench.openLinked(program(1), async imageOf => {
        second = await imageOf(program(2))
        throwing = await imageOf(program(2, 'if (m.total >= 0) throw new Error("cannot")'), 2)
    })
    return bench
})

/** That the board prints it, or has. */
async function lineOf(board: Board, pattern: RegExp): Promise<void> {
    if (!board.lines().some(l => pattern.test(l.text))) await board.waitForLine(pattern, 15_000)
}

/** The next one that it prints. */
async function nextNumber(board: Board, pattern: RegExp): Promise<number> {
    return Number(pattern.exec(await board.waitForLine(pattern, 15_000))![1])
}

test("an old value is brought up at read by the class's rule, and down with the way back, with what was counted meanwhile", async () => {
    const board = await bench.started()
    await lineOf(board, /read kWh 0/)
    const before = await nextNumber(board, /kWh (\d+) saved/)
    bench.server.give(bench.update(second, { sequence: 1, version: "1.1.0" }))
    const live = await nextNumber(board, /> Wh (\d+) Wh saved/)
    assert.ok(live > before * 1000 && live % 1000 === 0, `${live} Wh after ${before} kWh`)
    await board.waitForLine(/HOV persisted slot=A/, 8000)
    await board.powerCycle()
    const read = await nextNumber(board, /read Wh (\d+) Wh/)
    assert.ok(read >= live, `${read} Wh after the restart, ${live} before`)
    await board.waitForLine(/HOV healthy/, 8000)
    bench.server.give({ cmd: "revert", id: "back" })
    await bench.server.waitForStatus(s => s.id === "back" && s.state === "confirmed", 5000)
    const back = await nextNumber(board, /> kWh (\d+) saved/)
    assert.ok(back * 1000 > read, `${back} kWh after the way back, ${read} Wh before`)
    await board.powerCycle()
    assert.ok((await nextNumber(board, /read kWh (\d+)/)) >= back)
})

test("the code before comes back without a word: it reads what it saved last, before the newer layout", async () => {
    const settings = { hPmeter: { v: 2, s: { name: "main", wattHours: 9000 } }, hQmeter: { v: 1, s: { name: "main", total: 8 } } }
    const board = await bench.started({ settings })
    await lineOf(board, /HOV persist name=meter code=HOV_STATE_NEWER/)
    await lineOf(board, /read kWh 8/)
})

test("a value that is none of ours, or damaged, is left out with a code", async () => {
    const board = await bench.started({ settings: { hPmeter: 7 } })
    await lineOf(board, /HOV persist name=meter code=HOV_STATE_BAD/)
    await lineOf(board, /read kWh 0/)
})

test("a rule that cannot bring the value up fails the version at its start, and the value is as it was", async () => {
    const board = await bench.started()
    await nextNumber(board, /kWh (\d+) saved/)
    // touched by the timer in the running program: the trial fails
    bench.server.give(bench.update(throwing, { sequence: 2, version: "1.2.0" }))
    const status = await bench.server.waitForStatus(s => s.state === "rolledBack", 8000)
    assert.equal([status.v, status.code], ["1.0.0", "HOV_TRIAL_FAULT"])
    const after = await nextNumber(board, /> kWh (\d+) saved/)
    await board.powerCycle()
    assert.ok((await nextNumber(board, /read kWh (\d+)/)) >= after)
})

test.run()
