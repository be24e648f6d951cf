import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { demoVersions } from "../cli/demo/versions.ts"
import { DeviceBench } from "./support/device-bench.ts"

/** The sample app's real base and a real image on a board, with a server that does what no good one does. */
const test = suite("a linked base and its image")
let bench: DeviceBench
let image: Buffer
let otherBase: Buffer
let older: Buffer

test.before(async () => {
    bench = await DeviceBench.openLinked({}, async imageOf => {
        image = await imageOf(demoVersions(undefined)[0].overlay, 5)
        older = await imageOf(demoVersions(undefined)[1].overlay, 4)
        otherBase = Buffer.from(image)
        otherBase[8] ^= 1
    })
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
})
test.after(() => bench?.close())

const flipBit = (bytes: Buffer) => {
    const flipped = Buffer.from(bytes)
    flipped[bytes.length >> 1] ^= 0x10
    return flipped
}

test("images that are damaged, cut short, unsigned or for another base are refused with a code, and the loop goes on", async () => {
    const board = await bench.started()
    const cases: [what: string, code: RegExp, give: () => object][] = [
        ["a flipped bit", /^HOV_IMAGE_DIGEST$/, () => bench.update(image, { sequence: 5, spoilImage: flipBit })],
        ["unsigned", /^HOV_SIGNATURE$/, () => bench.update(image, { sequence: 5, spoilSignature: b => Buffer.alloc(b.length) })],
        ["another base in the manifest", /^HOV_MANIFEST_BASE$/, () => bench.update(image, { sequence: 5, manifest: { baseId: "0123456789abcdef" } })],
        ["another base in the image", /^HOV_IMAGE_BASE$/, () => bench.update(otherBase, { sequence: 5 })],
        ["a truncated body with a true digest", /^HOV_IMAGE/, () => bench.update(image.subarray(0, image.length - 20), { sequence: 5 })],
    ]
    for (const [what, code, give] of cases) {
        const command = give() as { id: string }
        bench.server.give(command)
        const status = await bench.server.waitForStatus(s => s.id === command.id && s.state === "failed", 8000)
        assert.match(status.code ?? "", code, what)
        assert.is(status.v, "1.0.0", what)
    }
    await board.waitForLine(/> t \d+ 1\.0\.0/, 2000)
    bench.server.give(bench.update(image, { sequence: 5, version: "1.1.0" }))
    await board.waitForLine(/> t \d+ 1\.1\.0/, 8000)
    await board.waitForLine(/HOV persisted/, 8000)
    const command = bench.update(older, { sequence: 4 }) as { id: string }
    bench.server.give(command)
    const status = await bench.server.waitForStatus(s => s.id === command.id && s.state === "failed", 8000)
    assert.match(status.code ?? "", /SEQUENCE/)
    await board.waitForLine(/> t \d+ 1\.1\.0/, 2000)
})

test.run()
