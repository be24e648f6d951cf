import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"

const test = suite("a version that runs hot but crashes at the start")
let bench: DeviceBench

test.before(async () => {
    bench = await DeviceBench.open()
})
test.after(() => bench?.close())

test("gives way to the version before after three starts", async () => {
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A/, 5000)
    bench.server.give(bench.update(plainImage({ sequence: 2, deed: DEED.panicAtBoot }), { sequence: 2 }))
    await board.waitForLine(/HOV persisted slot=B/, 5000)
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=B v=1\.2\.0 seq=2 cause=power/, 5000)
    await board.waitForLine(/HOV boot slot=B v=1\.2\.0 seq=2 cause=panic/, 9000)
    await board.waitForLine(/HOV boot slot=B v=1\.2\.0 seq=2 cause=panic/, 9000)
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0 seq=1 cause=panic/, 9000)
    const status = await bench.server.waitForStatus(s => s.code === "HOV_BOOT_PANIC", 5000)
    assert.is(status.v, "1.1.0")
})

test.run()
