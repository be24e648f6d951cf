import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an app in a critical section")
let bench: DeviceBench

/** Is busy from the moment on that an image runs on trial, for four seconds: longer than the trial. */
const APP = `
import * as ds from "@devicescript/core"
import { startResident } from "./resident"
import { Updater } from "./updater"

await startResident()
Updater.onChange(async s => {
    if (Updater.status().state !== "trial") return
    Updater.setBusy(true)
    console.log("app busy")
    await ds.sleep(4000)
    console.log("app done")
    Updater.setBusy(false)
})
`

test.before(async () => {
    bench = await DeviceBench.open({ "main.ts": APP })
})
test.after(() => bench?.close())

test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    bench.server.reset()
})

/** The larger one is in its bank before its trial: only the record is left to write. */
for (const [sizeBytes, least] of [
    [1000, 10],
    [1500, 2],
])
    test(`gets no write to flash while it is busy, and an image of ${sizeBytes} bytes is stored after it`, async () => {
        const board = await bench.started()
        const operations: number[] = []
        bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes }), { sequence: 1 }))
        await board.waitForLine(/app busy/, 10_000)
        board.onFlashOperation(operation => void operations.push(operation.tMs))
        const { tMs: doneMs } = await board.waitForLog(/app done/, 8000)
        assert.equal(operations.filter(tMs => tMs < doneMs), [])
        await board.waitForLine(/HOV persisted slot=A v=1\.1\.0/, 8000)
        assert.ok(operations.length >= least, `${operations.length} flash operations`)
    })

test.run()
