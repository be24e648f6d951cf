import * as fc from "fast-check"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Update } from "../toolchain/diff/build-update.ts"
import { encodeImage, imageHeaderBytes } from "../toolchain/format/image.ts"
import { ImageError, readImage } from "../toolchain/format/image-reader.ts"
import type { LinkedBase } from "../toolchain/link/link-base.ts"
import { disassembleFunction, readable } from "../toolchain/pack/disassemble-image.ts"
import { imageMap, locateInImage, readImageMap, encodeImageMap } from "../toolchain/pack/image-map.ts"
import { replaceAll } from "./support/replaced-program.ts"

const source = `
class Meter {
    sum = 0
    add(x: number) {
        this.sum += x * 1.5
        return this.sum > 100 ? "über" : "low"
    }
}
const meter = new Meter()
function safe(values: number[]) {
    try {
        for (let i = 0; i < values.length; ++i) console.log(meter.add(values[i]), hex\`010203\`)
    } catch (e) {
        console.log("bad", e)
    } finally {
        console.log("done")
    }
}
safe([1, -2, 3e9])
`
const test = suite("image reader")

let base: LinkedBase
let update: Update

test.before(async () => {
    const made = await replaceAll(source)
    base = made.patchable.base
    update = made.update
})

test("what was read is written again byte for byte", () => {
    assert.equal(Buffer.from(encodeImage(readImage(update.file))), Buffer.from(update.file))
})

test("every word of every function is in the disassembly, named by the base's operations", () => {
    const image = readImage(update.file)
    image.functions.forEach((f, number) => {
        const lines = disassembleFunction(image, number, base)
        assert.is(lines.reduce((n, l) => n + 1 + l.operands.length, 0), f.words.length)
        const expected = update.shipped[number].laidOut.instructions.map(i => [i.place, readable(i.operation, base)])
        assert.equal(lines.map(l => [l.place, l.operation]), expected)
    })
})

test("the map names the source line of every instruction", () => {
    const map = readImageMap(encodeImageMap(imageMap(base, base.program, update, { version: "1.1.0" })))
    const number = update.shipped.findIndex(s => s.name === "add")
    const lines = update.shipped[number].laidOut.instructions.map(i => locateInImage(map, number, i.place))
    assert.equal([...new Set(lines)], ["src/program.ts:5", "src/program.ts:6"])
})

test("a damaged map is refused with a code", () => {
    const good = encodeImageMap(imageMap(base, base.program, update, { version: "1.1.0" }))
    const cases: [string, string][] = [
        ["{", "HOV_MAP_FORMAT"],
        ["{}", "HOV_MAP_FORMAT"],
        [JSON.stringify({ ...JSON.parse(good), formatVersion: 9 }), "HOV_MAP_VERSION"],
        [JSON.stringify({ ...JSON.parse(good), functions: [{ name: "x", key: "x", path: 0, lines: [[1, 99, 1]] }] }), "HOV_MAP_FORMAT"],
    ]
    for (const [text, code] of cases) assert.throws(() => readImageMap(text), (e: { code?: string }) => e.code === code)
})

test("an image cut short anywhere is refused", () => {
    for (let length = 0; length < update.file.length; ++length) {
        const cut = Buffer.from(update.file.subarray(0, length))
        if (length >= imageHeaderBytes) cut.writeUInt32LE(length, 20)
        assert.throws(() => readImage(cut), (e: unknown) => e instanceof ImageError)
    }
})

test("no damage makes the reader fail in another way than it says", () => {
    const flips = fc.array(fc.tuple(fc.nat(update.file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
        fc.property(flips, changes => {
            const bytes = Buffer.from(update.file)
            for (const [at, value] of changes) bytes[at] = value
            try {
                const image = readImage(bytes)
                for (const i of image.functions.keys()) disassembleFunction(image, i, base)
            } catch (e) {
                if (!(e instanceof ImageError)) throw e
            }
        }),
        { numRuns: 20_000 },
    )
})

test.run()
