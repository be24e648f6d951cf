import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { decodeCode, type Expr } from "../toolchain/devs/code.ts"
import { type DevsImage, parseDevs, serializeDevs, stringAt } from "../toolchain/devs/image.ts"
import { orderStrings } from "../toolchain/link/order-strings.ts"
import { compileInProcess } from "./support/stock-compiler.ts"

const test = suite("strings in the order of their use")

/** Many strings that are named once, then one that is named often; a service with fields, for its names in the specs. */
const { devs } = compileInProcess({
    "src/main.ts": `
import * as ds from "@devicescript/core"
const screen = new ds.CharacterScreen()
function rows() { return [${Array.from({ length: 400 }, (_, i) => `"row number ${i}"`).join(", ")}] }
console.log(rows()[17], rows()[399])
function often(o: any) { o.theOftenNamed = 1; o.theOftenNamed += o.theOftenNamed; o.theOftenNamed += 2; return o.theOftenNamed }
class Shape { corners() { return "corners of " + often({ x: 1 }) } }
console.log(new Shape().corners(), screen.spec.name)
for (const name of ["message"]) console.log(screen.spec.lookup(name).name, screen.spec.lookup(name).code)
try { const x: any = undefined; x.nothing() } catch (e) { console.log((e as Error).message) }
ds.restart()
`,
})

function textsOf(image: DevsImage): string[][] {
    return image.functions.map(f => {
        const texts: string[] = [f.name, stringAt(image, f.nameIndex) ?? "?"]
        const look = (e: Expr): void => {
            if (e.kind === "int") return
            if (e.op.immediate === "asciiString") texts.push(image.asciiStrings[e.immediate])
            e.args.forEach(look)
        }
        for (const s of decodeCode(f.code)) {
            if (s.op.immediate === "asciiString") texts.push(image.asciiStrings[s.immediate])
            s.args.forEach(look)
        }
        return texts
    })
}

test("are what they were, in every function but shorter", () => {
    const before = parseDevs(devs)
    const after = parseDevs(serializeDevs(orderStrings(before).image))
    assert.equal(textsOf(after), textsOf(before))
    const places = (image: DevsImage) => decodeCode(image.functions[0].code).map(s => [s.pc, s.end, s.op.name])
    assert.equal(places(after), places(before), "main keeps its addresses")
    const bytes = (image: DevsImage) => image.functions.reduce((sum, f) => sum + f.code.length, 0)
    assert.ok(bytes(after) < bytes(before), `${bytes(after)} bytes, ${bytes(before)} before`)
    assert.ok(before.asciiStrings.indexOf("theOftenNamed") >= 248)
    assert.ok(after.asciiStrings.indexOf("theOftenNamed") < 248)
})

test("let the program say what it said", async () => {
    const said = async (file: Uint8Array) => (await runProgram(file, { clock: "virtual" })).lines.filter(line => line.startsWith("> "))
    const expected = await said(devs)
    assert.ok(expected.length > 2, expected.join("\n"))
    assert.equal(await said(serializeDevs(orderStrings(parseDevs(devs)).image)), expected)
})

test.run()
