import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { RefusedError } from "../toolchain/translate/refusal.ts"
import { swappedBySelf } from "./support/swap-program.ts"

/* Migrations that no image should have: each ends with a code, the object as it was, and the program going on. */
const test = suite("a migration that goes wrong")

/** One class, one migration; `read` is what touches the object, and the object is printed before and after. */
const program = (up: string, more = "", read = "return p.x + p.left // after") => `
import { migrate } from "./hotswap/migration"
class Point {
    x = 1
    left = 0 // after
    constructor(public y: number) {}
}
${more}
${up.trim() ? `migrate(Point, { to: 2, up: ${up}, down: (p: any) => { delete p.left } }) // after` : ""}
function read(p: Point): number {
    return p.x // before
    ${read}
}
let other = 0
setInterval(() => { other++ }, 1)
async function run() {
    const p = new Point(5)
    await swap()
    const text = JSON.stringify(p)
    console.log("read " + read(p))
    console.log("same " + (JSON.stringify(p) === text) + " " + (p instanceof Point))
    await ds.sleep(20)
    for (let i = 0; i < 100 && other <= 5; ++i) await ds.sleep(20)
    console.log("goes on " + (other > 5))
}
await run()
console.log("done")
`

async function lines(text: string): Promise<string[]> {
    const { program } = swappedBySelf(text, { trial: true, quiet: true })
    const { lines, panicCode } = await runProgram(program, { until: /^> done/, clock: "skip" })
    assert.is(panicCode, undefined, lines.slice(-5).join("\n"))
    return lines.filter(l => l.startsWith("> ")).map(l => l.slice(2))
}

/** In any order: the fault is told in a fiber of its own. */
async function failsWith(message: string, text: string): Promise<void> {
    const said = await lines(text)
    assert.equal([...said].sort(), ["# loaded", `# fault ${message}`, "read 1", "same true true", "goes on true", "done"].sort(), said.join("\n"))
}

test("that throws: the trial fails, and the call is made again on the old code", () =>
    failsWith("bad up", program('(p: any) => { p.left = 7; delete p.x; throw new Error("bad up") }')))

test("that throws under a catch of new code: the trial fails all the same", async () => {
    const said = await lines(
        program('(p: any) => { p.left = 7; throw new Error("bad up") }', "", "try { return p.left } catch (e) { return 1 } // after"),
    )
    assert.ok(said.includes("# fault bad up"), said.join("\n"))
    assert.ok(said.includes("same true true"), said.join("\n"))
})

test("that computes for ever: its time ends, other fibers had theirs", () =>
    failsWith("HOV_MIGRATION_TIME", program("(p: any) => { p.left = 7; while (p.left) p.x = p.x + 1 }")))

test("that fills an array: it is stopped before the heap is full", () =>
    failsWith("HOV_MIGRATION_HEAP", program("(p: any) => { p.left = []; for (let i = 0; i < 100000; ++i) p.left.push(i) }")))

test("that makes a buffer as large as the object says: it is stopped before it is made", () =>
    failsWith("HOV_MIGRATION_HEAP", program("(p: any) => { p.left = Buffer.alloc(p.y * 20000) }")))

test("that has another function take the memory", () =>
    failsWith(
        "HOV_MIGRATION_HEAP",
        program("(p: any) => { for (let i = 0; i < 1000; ++i) p.left = grow([], i) }", "function grow(list: any[], n: number): any[] { list.push({ n }); return list.slice() } // after"),
    ))

test("that takes what it may: 200 numbers and a buffer of a kilobyte", async () => {
    const said = await lines(program("(p: any) => { p.left = 4; p.all = [Buffer.alloc(1000)]; for (let i = 0; i < 200; ++i) p.all.push(i) }"))
    assert.ok(said.includes("read 5"), said.join("\n"))
})

function refusalOf(text: string): string {
    try {
        swappedBySelf(text)
    } catch (e) {
        if (e instanceof RefusedError) return e.message
        throw e
    }
    throw new Error("it was not refused")
}

test("that takes too much as it is written is refused when it is built", () =>
    assert.match(refusalOf(program("(p: any) => { p.left = Buffer.alloc(20000) }")), /HOV122.*migration of Point to 2/))

test("that names no class is refused when it is built", () => {
    const nameless = (first: string) => program("", `${first}\nconst classes: any = { Point } // after\nmigrate(classes.Nowhere, { to: 2, up: (p: any) => { p.left = 1 } }) // after`)
    assert.match(refusalOf(nameless("")), /HOV121.*no class of the program/)
    assert.match(refusalOf(program("", "function plain() {}\nmigrate(plain, { to: 2, up: (p: any) => { p.left = 1 } }) // after")), /HOV121/)
})

test("a migration that waits, itself or in a function that it calls, is refused", () => {
    const refused = refusalOf(`import { migrate } from "./hotswap/migration"
        class Point {
            x = 1
        }
        class Other {
            x = 1
        }
        async function later(p: any) { // after
            await ds.sleep(1) // after
            p.x = 2 // after
        } // after
        migrate(Point, { to: 2, up: async (p: any) => { await ds.sleep(5); p.x++ } }) // after
        migrate(Other, { to: 2, up: (p: any) => { p.x++ }, down: async (p: any) => { await later(p) } }) // after
        function step(p: Point, o: Other): number {
            return p.x // before
            return p.x + o.x // after
        }
        setInterval(() => { step(new Point(), new Other()) }, 10)`)
    assert.match(refused, /HOV120.*Point/)
    assert.match(refused, /HOV120.*Other/)
})

test.run()
