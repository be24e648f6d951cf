import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an update on a board")
let bench: DeviceBench

benchFor(test, async () => (bench = await DeviceBench.open()))

test("a command makes new code run, and a power cycle keeps it", async () => {
    const board = await bench.started()
    const image = plainImage({ sequence: 1, sizeBytes: 1500 })
    const before = board.flash.operations
    bench.server.give(bench.update(image, { sequence: 1, version: "1.1.0" }))
    await board.waitForLine(/HOV swap v=1\.1\.0/, 5000)
    await board.waitForLine(/HOV persisted slot=A/, 5000)
    const confirmed = await bench.server.waitForStatus(s => s.state === "confirmed", 3000)
    assert.is(confirmed.v, "1.1.0")
    assert.is(confirmed.bank, "A")
    assert.equal(bench.server.statuses.map(s => s.state), ["checking", "downloading", "ready", "trial", "confirmed"])
    // value and entry are one operation each; 8 pieces, and the record before the trial and after it
    assert.is(board.flash.operations - before, 2 * 10)

    const operations = board.flash.operations
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=power/, 5000)
    await board.waitForLine(/HOV healthy/, 5000)
    assert.is(board.flash.operations, operations, "a confirmed bank boots without a write")
})

test("each update goes to the bank that does not run", async () => {
    const board = await bench.started()
    for (const [sequence, slot] of [[1, "A"], [2, "B"], [3, "A"]] as const) {
        bench.server.give(bench.update(plainImage({ sequence }), { sequence }))
        await board.waitForLine(new RegExp(`HOV persisted slot=${slot} v=1\\.${sequence}\\.0`), 5000)
    }
})

test("an older sequence is refused unless the signer allows it", async () => {
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 7 }), { sequence: 7 }))
    await board.waitForLine(/HOV persisted/, 5000)
    const older = bench.update(plainImage({ sequence: 6 }), { sequence: 6 })
    bench.server.give(older)
    const status = await bench.server.waitForStatus(s => s.id === older.id && s.state === "failed", 5000)
    assert.is(status.code, "HOV_MANIFEST_SEQUENCE")
    bench.server.give(bench.update(plainImage({ sequence: 6 }), { sequence: 6, manifest: { downgradeAllowed: true } }))
    await board.waitForLine(/HOV persisted slot=B v=1\.6\.0/, 5000)
})

test.run()
