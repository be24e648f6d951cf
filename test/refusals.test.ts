import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { Assembler } from "../toolchain/devs/assembler.ts"
import { decodeCode } from "../toolchain/devs/code.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import { identity, nothingNew, programScope } from "../toolchain/diff/program-scope.ts"
import { refusalCatalogue } from "../toolchain/translate/refusal-catalogue.ts"
import { type Refusal, RefusalSignal, RefusedError } from "../toolchain/translate/refusal.ts"
import { translateFunction } from "../toolchain/translate/translate-function.ts"
import { patchable, patchableInProcess } from "./support/replaced-program.ts"
import { inVersion } from "./support/swap-program.ts"

/*
 * Each refusal says its code, the function, the line and what to do. HOV102 is in cli-release, HOV112 in device-budget, HOV114 and
 * HOV118 have more cases in layout.
 */
const test = suite("refusals")

/** Refusals and notes of an edit; files by path, lines ending in `// before` and `// after` are of that version only. */
function answerTo(files: string | Record<string, string>): readonly Refusal[] {
    const all = typeof files === "string" ? { "program.ts": files } : files
    const [before, after] = (["before", "after"] as const).map(version =>
        patchableInProcess(Object.fromEntries(Object.entries(all).map(([path, text]) => [path, inVersion(version, text)]))),
    )
    try {
        return buildUpdate(before.base, after.base.program, { sequence: 1 }).notes
    } catch (e) {
        if (e instanceof RefusedError) return e.refusals
        throw e
    }
}

/** All that is said: code, place and function. A fix is always there. */
function said(answers: readonly Refusal[]): string[] {
    for (const r of answers) assert.is(r.fix, refusalCatalogue[r.code].fix)
    return answers.map(r => `${r.code} ${r.location.replace("src/program.ts", "line")} ${r.functionName}`)
}

const tick = "setInterval(() => tick(), 100)"

test("HOV101: one answer for a top-level statement that was edited, at its new line", () => {
    const text = `let n = 0
        const added = 3 // after
        function tick() { n++ }
        function set(to: number) { n = to }
        function begin() { set(7); if (n > 8) begin() } // before
        function begin() { set(8); if (n > 8) begin() } // after
        ${tick}
        set(4) // before
        set(5) // after
        begin()`
    assert.equal(said(answerTo(text)), ["HOV101 line:9 top-level code", "HOV101 line:10 top-level code"])
})

test("HOV103: hardware configuration", async () => {
    const build = (pin: number) =>
        patchable(`import { configureHardware } from "@devicescript/servers"
            configureHardware({ scanI2C: false, i2c: { pinSDA: ${pin}, pinSCL: 2 } } as any)
            setInterval(() => console.log("on"), 100)`)
    const [before, after] = [await build(1), await build(3)]
    try {
        buildUpdate(before.base, after.base.program, { sequence: 1 })
        assert.unreachable("it was not refused")
    } catch (e) {
        assert.instance(e, RefusedError)
        assert.equal((e as RefusedError).refusals.map(r => r.code), ["HOV103"])
        assert.match((e as RefusedError).message, /i2c/)
    }
})

test("HOV104: a service that the base lacks, where its role is made", () => {
    const text = `import * as ds from "@devicescript/core"
        const bulb = new ds.LightBulb()
        const servo = new ds.Servo() // after
        setInterval(() => console.log(bulb.isBound), 100)
        setInterval(() => console.log(servo.isBound), 100) // after`
    assert.equal(said(answerTo(text)), ["HOV104 line:3 top-level code"])
})

test("HOV105: a library function that differs has no entry", () => {
    const answers = answerTo({
        "program.ts": `import { half } from "../node_modules/@devicescript/extra/half"\nsetInterval(() => console.log(half(4)), 100)`,
        "../node_modules/@devicescript/extra/half.ts": `export function half(n: number) {
            return n / 2 // before
            return n >> 1 // after
        }`,
    })
    assert.equal(said(answers), ["HOV105 node_modules/@devicescript/extra/half.ts:3 half"])
})

test("HOV106: more parameters than the frame has places for", () => {
    const names = "a,b,c,d,e,f,g,h,i,j".split(",")
    const text = `function tick() { console.log(wide) }
        function wide(${names.map(n => `${n}: number`).join(", ")}) {
            return a + j // before
            return a - j // after
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV106 line:4 wide"])
})

test("HOV108: closures made before have no such variable", () => {
    const text = `let later: () => void
        function make(a: number) {
            let n = 0
            let m = a * 2 // after
            later = () => {
                n++
                n += m // after
            }
        }
        function tick() { make(1); later() }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV108 line:7 inline"])
})

test("HOV110: more classes than a base has room for, once for each beyond", () => {
    const classes = Array.from({ length: 8 }, (_, i) => `class C${i} { x = ${i} } // after`)
    const uses = classes.map((_, i) => `console.log(new C${i}().x) // after`)
    const text = `${classes.join("\n")}
        function tick() {
            ${uses.join("\n")}
            console.log(1)
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV110 line:7 C6", "HOV110 line:8 C7"])
})

test("HOV111: an operation whose format is not constant", () => {
    const { base } = patchableInProcess({ "program.ts": "setInterval(() => console.log(1), 100)" })
    const a = new Assembler().emit("RETURN", ["LOAD_BUFFER", ["LOAD_LOCAL", 0], ["LOAD_LOCAL", 1], 0])
    const scope = programScope(base.program, base.program, identity(base.program), nothingNew, new Set(), new Set())
    const operations = new Set(base.operations.map(o => o.name))
    const statements = decodeCode(a.finish().code)
    try {
        translateFunction({ statements, scope, parameterCount: 2, keptParameters: false, pinned: new Map(), operations })
        assert.unreachable("it was not refused")
    } catch (e) {
        assert.instance(e, RefusalSignal)
        assert.is((e as RefusalSignal).code, "HOV111")
    }
})

test("HOV113: another base class", () => {
    const text = `class A { x() { return 1 } }
        class B { x() { return 2 } }
        class C extends A { y = 1 } // before
        class C extends B { y = 1 } // after
        const c = new C()
        const b = new B()
        function tick() { console.log(c.x(), b.x()) }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV113 line:4 C"])
})

test("HOV114: a first value that only the constructor knows", () => {
    const text = `class P {
            z: number // after
            constructor(x: number) {
                this.z = x // after
            }
        }
        const p = new P(1)
        function tick() {
            console.log(p) // before
            console.log(p.z) // after
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV114 line:4 P"])
})

test("HOV115: a constructor that takes more than before", () => {
    const text = `class P {
            constructor(public x: number) {} // before
            constructor(public x: number, y: number) { this.x += y } // after
        }
        function tick() {
            console.log(new P(1)) // before
            console.log(new P(1, 2)) // after
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV115 line:3 P"])
})

test("HOV116: a loop that goes on in its old code is named", () => {
    const text = `import * as ds from "@devicescript/core"
        async function run() {
            let n = 0
            let m = 0 // after
            while (n < 1000) {
                n++
                m += n // after
                console.log(m) // after
                await ds.sleep(10)
            }
        }
        run.start()`
    assert.equal(said(answerTo(text)), ["HOV116 line:5 run"])
})

test("HOV117: a migration without a way back is named", () => {
    const text = `import { migrate } from "./hotswap/migration"
        class P { x = 1 }
        const p = new P()
        migrate(P, { to: 2, up: (o: any) => { o.left = o.x } }) // after
        function tick() {
            console.log(p.x) // before
            console.log((p as any).left) // after
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV117 line:4 P"])
})

test("HOV118: a new field is deleted", () => {
    const text = `class P {
            x = 1
            z?: number = 7 // after
        }
        const p = new P()
        function tick() {
            p.x++
            delete p.z // after
        }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV118 line:8 tick"])
})

test("HOV119: callbacks that a function has registered and that are others now are named", () => {
    const text = `function begin(name: string) {
            setInterval(() => console.log("on"), 50) // before
            setInterval(() => console.log(name), 50) // after
        }
        function tick() { begin("x") }
        ${tick}`
    assert.equal(said(answerTo(text)), ["HOV119 line:3 inline"])
})

test.run()
