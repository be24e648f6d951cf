import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { patchable } from "./support/replaced-program.ts"

const slot = Buffer.from("HANDOVER-TEST-IMAGE-SLOT").toString("hex")
/** Activates the image after 25 ms and calls it back 50 ms later. */
const loader = `import { activate, deactivate, loadImage, setMachineUp } from "./index"
import * as ds from "@devicescript/core"
const slot = hex\`${slot}\`
await setMachineUp()
async function live() {
    await ds.sleep(25)
    await activate(await loadImage(slot), { trial: true, reason: "hot", version: "test" })
    console.log("live")
    await ds.sleep(50)
    deactivate()
    console.log("back")
}
if (slot.length !== 24) live.start()
`
const program = (classes: string) => `import * as ds from "@devicescript/core"
import { migrate } from "./hotswap/migration"
${classes}
const points: Point[] = []
let n = 0
setInterval(() => {
    n++
    if (n % 3 === 1) points.push(new Point(n, n * 2))
    console.log(points.map(show).join(" ") + " " + JSON.stringify(points[0]))
}, 10)
await ds.sleep(120)
console.log("done")
`
const before = program(`class Point { constructor(public x: number, public y: number) {} }
function show(p: Point) { return p.x + "," + p.y }`)

async function trace(after: string): Promise<string[]> {
    const base = await patchable({ "program.ts": before, "hotswap/test-loader.ts": loader })
    const next = await patchable({ "program.ts": after, "hotswap/test-loader.ts": loader })
    const update = buildUpdate(base.base, next.base.program, { sequence: 1 })
    const run = await runProgram(base.withImage(update.file), { until: /^> done/, clock: "virtual" })
    assert.is(run.panicCode, undefined)
    return run.lines.filter(l => l.startsWith("> ")).map(l => l.slice(2))
}

const test = suite("migrate()")

test("a renamed field with another meaning: objects are brought up when touched, and down when the image is called back", async () => {
    const lines = await trace(
        program(`class Point { left: number; constructor(x: number, public y: number) { this.left = x * 100 } }
function show(p: Point) { return "L" + p.left + "," + p.y }
migrate(Point, { to: 2, up: (p: any) => { p.left = p.x * 100; delete p.x }, down: (p: any) => { p.x = p.left / 100; delete p.left } })`),
    )
    const live = lines.indexOf("live")
    const back = lines.indexOf("back")
    assert.is(lines[live - 1], '1,2 {"x":1,"y":2}')
    // the mark is not to be seen, new objects need none, and nothing is brought up twice
    assert.is(lines[live + 1], 'L100,2 {"y":2,"left":100}')
    assert.is(lines[back - 1], 'L100,2 L400,8 L700,14 {"y":2,"left":100}')
    assert.is(lines[back + 1], '1,2 4,8 7,14 {"y":2,"x":1}')
})

test.run()
