import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"
import type { LinkedBase } from "../toolchain/link/link-base.ts"
import { type ImageMap, imageMap } from "../toolchain/pack/image-map.ts"
import { faultOfDiagnostics, faultOfLogLine, formatFault, symbolizeFault, symbolizeStackLine } from "../toolchain/pack/symbolize.ts"
import { patchable } from "./support/replaced-program.ts"

const source = `
function inner(x: any) {
    return x.a.b
}
function helper(x: number) {
    return inner(undefined)
}
function outer(x: number) {
    const y = x + 1
    return helper(y) + 2
}
function start() {
    try {
        console.log(outer(4))
    } catch (e) {
        console.log("caught")
    }
    console.log("done")
}
setTimeout(start, 10)
`
const edited = source.replace("const y = x + 1", 'const y = x + 1\n    console.log("outer")').replace("return inner", 'console.log("helper")\n    return inner')

const test = suite("symbolize")

let base: LinkedBase
let map: ImageMap
let lines: string[]

test.before(async () => {
    const [before, after] = [await patchable(source), await patchable(edited)]
    base = before.base
    const update = buildUpdate(base, after.base.program, { sequence: 7 })
    map = imageMap(base, after.base.program, update, { version: "1.1.0" })
    const run = await runProgram(before.withImage(update.file), { until: /^> done/, clock: "virtual" })
    lines = run.lines.map(l => (typeof l === "string" ? l : (l as { text: string }).text))
})

const faultLine = () => lines.find(l => l.includes("HOV thrown"))!

test("a fault of a real run gets the function and the line of every frame", () => {
    const seen = symbolizeFault(faultOfLogLine(faultLine())!, map, base)
    assert.is(seen.message, "getting field 'a' of undefined")
    assert.equal(
        seen.frames.map(f => [f.kind, f.functionName, f.location]),
        [
            ["base", "inner", "src/program.ts:3"],
            ["replaced", "helper", "src/program.ts:7"],
            ["executor", "a replaced function", "?"],
            ["base", "start", "src/program.ts:14"],
        ],
    )
    assert.match(formatFault(seen), /^getting field 'a' of undefined\n {4}at inner \(src\/program\.ts:3\)\n {4}at helper \(src\/program\.ts:7\) \[image\]\n/)
})

test("without the base's bundle the function of the image still has its name", () => {
    const seen = symbolizeFault(faultOfLogLine(faultLine())!, map)
    assert.equal([seen.functionName, seen.location, seen.frames.length], ["helper", "src/program.ts:7", 1])
})

test("without the map the base's own frames still have their names", () => {
    const seen = symbolizeFault(faultOfLogLine(faultLine())!, undefined, base)
    assert.is(seen.frames[0].functionName, "inner")
    assert.is(seen.frames[1].functionName, "function 1 of the image")
})

test("a map of another base or another image is refused", () => {
    const code = (call: () => unknown) => {
        try {
            call()
            return ""
        } catch (e) {
            return (e as { code: string }).code
        }
    }
    assert.is(code(() => symbolizeFault({ fn: 0, pc: 2 }, { ...map, baseId: "0000000000000000" }, base)), "HOV_MAP_BASE")
    assert.is(code(() => symbolizeFault({ fn: 0, pc: 2, img: "00000000" }, map, base)), "HOV_MAP_IMAGE")
    assert.is(code(() => symbolizeFault({ fn: 0, pc: 2, img: map.imageDigest.slice(0, 16) }, map, base)), "")
})

test("diagnostics from outside may hold anything", () => {
    assert.is(faultOfDiagnostics(null), undefined)
    assert.is(faultOfDiagnostics("x"), undefined)
    assert.is(faultOfDiagnostics({ fn: -1, pc: "2", native: 7 }), undefined)
    const seen = symbolizeFault(faultOfDiagnostics({ fn: 999, pc: 5, native: "ffff0x" })!, map, base)
    assert.is(seen.functionName, "function 999 of the image")
    assert.is(faultOfLogLine("> t 12"), undefined)
    assert.equal(faultOfLogLine("> HOV fault fn=2 pc=11 msg=a b"), { fn: 2, pc: 11, native: undefined, msg: "a b" })
})

test("a line of the VM's own stack trace gets its place", () => {
    const inner = base.debug.functions.findIndex(f => f.name === "inner")
    const frame = symbolizeStackLine(`*  at inner_F${inner} (pc:${base.debug.functions[inner].size - 4})`, base)
    assert.is(frame?.location, "src/program.ts:3")
})

test.run()
