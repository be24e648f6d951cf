import { suite } from "uvu"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an update on a board")
let bench: DeviceBench

test.before(async () => {
    bench = await DeviceBench.open()
})
test.after(() => bench.close())

test("a command makes new code run, and a power cycle keeps it", async () => {
    const board = await bench.board()
    await board.powerOn()
    await board.waitForLine(/HOV start/, 8000)
    const image = plainImage({ sequence: 1, sizeBytes: 1500 })
    bench.server.give(bench.update(image, { sequence: 1, version: "1.1.0" }))
    await board.waitForLine(/HOV swap v=1\.1\.0/, 5000)
    await board.waitForLine(/HOV persisted slot=A/, 5000)
    const confirmed = await bench.server.waitForStatus(s => s.state === "confirmed", 3000)
    assert.is(confirmed.v, "1.1.0")
    assert.is(confirmed.bank, "A")

    const operations = board.flash.operations
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=power/, 5000)
    await board.waitForLine(/HOV healthy/, 5000)
    assert.is(board.flash.operations, operations, "a confirmed bank boots without a write")
})

test.run()
