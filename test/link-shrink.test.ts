import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { makeBatch } from "../scripts/differential/batch.ts"
import { runProgram } from "../sim/index.ts"
import { op } from "../toolchain/devs/opcodes.ts"
import { Assembler } from "../toolchain/devs/assembler.ts"
import { parseDevs, serializeDevs } from "../toolchain/devs/image.ts"
import { capturedLocals } from "../toolchain/link/captured-places.ts"
import { dropFunctions } from "../toolchain/link/drop-functions.ts"
import { inlineCalls } from "../toolchain/link/inline-calls.ts"
import { shrinkCode } from "../toolchain/link/shrink-code.ts"
import { readProgram } from "../toolchain/program/compiled-program.ts"
import { compileInProcess } from "./support/stock-compiler.ts"

const test = suite("code written in fewer bytes")
const seed = Number(process.env.SEED ?? 1)
const BATCHES = Number(process.env.BATCHES ?? 3)
const PROGRAMS = 6
/** First seeds of batches that showed a defect once. */
const FOUND = [950_036]

async function linesOf(program: Uint8Array, gcStress = false) {
    const { lines } = await runProgram(program, { until: /^> done/, clock: "virtual", gcStress })
    // an address of the heap says how much code and how many locals there were
    return lines.filter(line => line.startsWith("> ") || line.includes("anic")).map(line => line.replace(/0x[0-9A-F]+/g, "0x"))
}

function difference(lines: string[], expected: string[]): string {
    const at = expected.findIndex((line, i) => line !== lines[i])
    return at < 0 ? "" : `line ${at}: "${lines[at]}" in place of "${expected[at]}"`
}

/** Some programs spoil the stock VM's heap, which only a GC at every allocation shows. */
async function compareUnderStress(program: Uint8Array, stock: Uint8Array, seeds: readonly number[]) {
    const expected = await linesOf(stock, true).catch(() => [])
    if (expected.at(-1)?.startsWith("> done")) assert.is(difference(await linesOf(program, true), expected), "", `seeds ${seeds[0]} to ${seeds.at(-1)}, GC stress`)
}

test(`does what it did, in random programs (seed ${seed})`, async () => {
    let before = 0
    let after = 0
    let compared = 0
    for (let batch = 0; batch < BATCHES; batch++) {
        const seeds = Array.from({ length: PROGRAMS }, (_, i) => seed * 100_000 + batch * PROGRAMS + i)
        const { files } = makeBatch(seeds)
        const { devs } = compileInProcess({
            "src/main.ts": files["program.ts"],
            ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`src/${path}`, text])),
        })
        const expected = await linesOf(devs).catch(() => [])
        // some programs crash the stock VM: nothing to compare with
        if (!expected.at(-1)?.startsWith("> done")) continue
        const image = parseDevs(devs)
        const functions = image.functions.map(f => ({ ...f, code: shrinkCode(f.code).code }))
        before += image.functions.reduce((n, f) => n + f.code.length, 0)
        after += functions.reduce((n, f) => n + f.code.length, 0)
        const shrunk = serializeDevs({ ...image, functions })
        assert.is(difference(await linesOf(shrunk), expected), "", `seeds ${seeds[0]} to ${seeds.at(-1)}`)
        if (batch === 0) await compareUnderStress(shrunk, devs, seeds)
        compared += expected.length
    }
    assert.ok(compared > 100, `${compared} lines`)
    assert.ok(after < before * 0.92, `${after} of ${before} bytes`)
})

test(`does what it did with bodies in the place of calls, in random programs (seed ${seed})`, async () => {
    let before = 0
    let after = 0
    let dropped = 0
    let compared = 0
    const first = [...Array.from({ length: BATCHES }, (_, batch) => seed * 100_000 + 50_000 + batch * PROGRAMS), ...FOUND]
    for (const [batch, from] of first.entries()) {
        const seeds = Array.from({ length: PROGRAMS }, (_, i) => from + i)
        const { files } = makeBatch(seeds)
        const { devs, debugInfo } = compileInProcess({
            "src/main.ts": files["program.ts"],
            ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`src/${path}`, text])),
        })
        const expected = await linesOf(devs).catch(() => [])
        if (!expected.at(-1)?.startsWith("> done")) continue
        const program = readProgram(devs, debugInfo)
        const own = new Set(program.functions.filter(f => f.owner !== "entry").map(f => f.index))
        const inlined = inlineCalls(program.image.functions, { own, captured: capturedLocals(program) })
        const { image, numbers } = dropFunctions({ ...program.image, functions: [...inlined.functions] })
        const file = serializeDevs(image)
        before += devs.length
        after += file.length
        dropped += program.functions.length - numbers.size
        assert.is(difference(await linesOf(file), expected), "", `seeds ${seeds[0]} to ${seeds.at(-1)}`)
        if (batch === 0) await compareUnderStress(file, devs, seeds)
        compared += expected.length
    }
    assert.ok(compared > 100, `${compared} lines`)
    assert.ok(dropped > 20, `${dropped} functions`)
    assert.ok(after < before * 0.92, `${after} of ${before} bytes`)
})

test("leaves to a handler what was stored before the statement that throws", async () => {
    const { devs } = compileInProcess({
        "src/main.ts": `
function ask(x: any) {
    let last: any = "first"
    try {
        last = x.a
        last = last.b.c
    } catch {
        console.log("caught, last is", last)
    } finally {
        console.log("in the end", last)
    }
}
ask({ a: "second" })
ask({ a: { b: { c: "third" } } })
console.log("done")
`,
    })
    const expected = await linesOf(devs)
    assert.ok(expected.includes("> caught, last is second"), expected.join("\n"))
    const image = parseDevs(devs)
    const shrunk = serializeDevs({ ...image, functions: image.functions.map(f => ({ ...f, code: shrinkCode(f.code).code })) })
    assert.is(difference(await linesOf(shrunk), expected), "")
})

test("has one jump for an && of values, and no local for a result that is used at once", () => {
    const a = new Assembler()
    a.emit("STORE_LOCAL", 1, ["LOAD_GLOBAL", 0])
    a.emit("JMP_Z", "end", ["TO_BOOL", ["LOAD_LOCAL", 1]])
    a.emit("STORE_LOCAL", 1, ["LOAD_GLOBAL", 1])
    a.label("end")
    a.emit("JMP_Z", "out", ["LOAD_LOCAL", 1])
    a.emit("CALL0", ["LOAD_GLOBAL", 2])
    a.emit("STORE_LOCAL", 2, ["RET_VAL"])
    a.emit("CALL1", ["LOAD_GLOBAL", 3], ["LOAD_LOCAL", 2])
    a.label("out")
    a.emit("RETURN", ["UNDEFINED"])
    const { code } = shrinkCode(a.finish().code)
    const names = [...code].map(byte => byte)
    assert.is(names.filter(byte => byte === op.STORE_LOCAL.code).length, 0)
    assert.is(code.length, 2 * 4 + 3 + 4 + 2, [...code].join(" "))
})

test("keeps a local that a call lies between, or that is read again", () => {
    const a = new Assembler()
    a.emit("CALL0", ["LOAD_GLOBAL", 0])
    a.emit("STORE_LOCAL", 0, ["RET_VAL"])
    a.emit("CALL0", ["LOAD_GLOBAL", 1])
    a.emit("RETURN", ["ADD", ["RET_VAL"], ["LOAD_LOCAL", 0]])
    const { code } = a.finish()
    assert.equal([...shrinkCode(code).code], [...code])
})

test.run()
