import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { DEED, plainImage } from "./support/plain-image.ts"

const test = suite("a bad update on a board")
let bench: DeviceBench

benchFor(test, async () => (bench = await DeviceBench.open()))

test("an image that throws is called back, with diagnostics, and the version before it goes on", async () => {
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted/, 5000)
    bench.server.give(bench.update(plainImage({ sequence: 2, deed: DEED.throw }), { sequence: 2 }))
    await board.waitForLine(/plain went back/, 5000)
    await board.waitForLine(/plain active=1 reason=rollback/, 500)
    await board.waitForLine(/HOV rolledback slot=A v=1\.1\.0/, 5000)
    const status = await bench.server.waitForStatus(s => s.state === "rolledBack", 3000)
    assert.is(status.v, "1.1.0")
    assert.is(status.code, "HOV_TRIAL_FAULT")
    assert.is(status.diag?.kind, "exception")
    assert.is(status.diag?.fn, 7)
    assert.is(status.diag?.pc, 42)
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=A v=1\.1\.0/, 5000)
})

test("an image that crashes in a way that nothing can catch is given up after the restart", async () => {
    const board = await bench.started()
    const command = bench.update(plainImage({ sequence: 1, deed: DEED.panic }), { sequence: 1 })
    bench.server.give(command)
    await board.waitForLine(/HOV swap/, 5000)
    await board.waitForLine(/HOV boot slot=R v=1\.0\.0 seq=0 cause=panic/, 9000)
    const status = await bench.server.waitForStatus(s => s.code === "HOV_TRIAL_PANIC", 5000)
    assert.is(status.v, "1.0.0")
    bench.server.give({ ...command, id: "again" })
    const refused = await bench.server.waitForStatus(s => s.id === "again" && s.state === "failed", 5000)
    assert.is(refused.code, "HOV_IMAGE_BAD")
})

test.run()
