import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { readBootView } from "../sim/bootloader-check.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an image larger than a chunk")
let bench: DeviceBench

const SIZE_BYTES = 3500
const CHUNK_BYTES = 1040

/** Turns busy, for good, when the setting says so. */
const APP = `
import { startResident } from "./resident"
import { Updater } from "./updater"
import { readSetting } from "@devicescript/settings"

await startResident()
if (await readSetting("busy", 0)) Updater.setBusy(true)
`

benchFor(test, async () => (bench = await DeviceBench.open({ "main.ts": APP })))

const fetchedBytes = (img: string) => bench.server.fetches.filter(f => f.startsWith(img.slice(0, 8))).reduce((sum, f) => sum + Number(f.split(" ")[2]), 0)

test("goes on after a power cut with what its bank has, and the record says meanwhile that nothing is in there", async () => {
    const board = await bench.started({ settings: { hTrialMs: 300 } })
    for (const sequence of [1, 2]) {
        bench.server.give(bench.update(plainImage({ sequence }), { sequence }))
        await board.waitForLine(new RegExp(`HOV persisted .* seq=${sequence}`), 20_000)
    }
    const command = bench.update(plainImage({ sequence: 3, sizeBytes: SIZE_BYTES }), { sequence: 3 })
    bench.server.give(command)
    await board.waitForLine(/HOV chunk done=3120/, 20_000)
    await board.powerOff()
    const view = readBootView(board.flash.contents())
    assert.equal([view?.active, view?.b.status, view?.b.whole, view?.a.status], ["B", "confirmed", true, "empty"])

    await board.powerOn()
    await board.waitForLine(/HOV boot slot=B v=1\.2\.0/, 20_000)
    bench.server.give(command)
    await board.waitForLine(/HOV persisted slot=A v=1\.3\.0/, 20_000)
    // what came last was in RAM only
    const again = fetchedBytes(command.img) - SIZE_BYTES
    assert.ok(again <= CHUNK_BYTES, `${again} bytes twice`)
    assert.ok(fetchedBytes(command.img) >= SIZE_BYTES)
    assert.ok(readBootView(board.flash.contents())?.a.whole)
})

test("comes again where a chunk is not what the server says", async () => {
    const board = await bench.started()
    const command = bench.update(plainImage({ sequence: 1, sizeBytes: SIZE_BYTES }), { sequence: 1 })
    let spoilt = 0
    bench.server.intercept = (request, response) => {
        if (!request.url?.includes(`${command.img}?offset=1040`) || spoilt++) return false
        response.writeHead(200, { "Content-Length": CHUNK_BYTES, "Chunk-Digest": "00112233445566aa" })
        response.end(Buffer.alloc(CHUNK_BYTES))
        return true
    }
    bench.server.give(command)
    await board.waitForLine(/HOV retry code=HOV_HTTP_DIGEST/, 20_000)
    await board.waitForLine(/HOV persisted slot=A v=1\.1\.0/, 20_000)
    assert.is(fetchedBytes(command.img), SIZE_BYTES)
})

test("with a wrong digest is no reason to believe its pieces the next time", async () => {
    const board = await bench.started()
    const image = plainImage({ sequence: 1, sizeBytes: SIZE_BYTES })
    const bad = bench.update(image, { sequence: 1, spoilImage: b => Buffer.from(b.map((x, i) => (i === 700 ? x ^ 1 : x))) })
    bench.server.give(bad)
    const status = await bench.server.waitForStatus(s => s.state === "failed", 20_000)
    assert.is(status.code, "HOV_IMAGE_DIGEST")
    bench.server.give(bench.update(image, { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A v=1\.1\.0/, 20_000)
})

test("waits while the app is busy, and can be cancelled then", async () => {
    const board = await bench.started({ settings: { busy: 1 } })
    const operations = board.flash.operations
    bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes: SIZE_BYTES }), { sequence: 1 }))
    await bench.server.waitForStatus(s => s.state === "downloading", 20_000)
    bench.server.give({ cmd: "cancel", id: "x" })
    const status = await bench.server.waitForStatus(s => s.state === "idle", 20_000)
    assert.is(status.code, "HOV_CANCELLED")
    assert.is(board.flash.operations, operations)
})

test("that failed leaves its bank empty", async () => {
    const board = await bench.started({ settings: { hTrialMs: 300 } })
    const image = plainImage({ sequence: 1, sizeBytes: SIZE_BYTES, deed: 1 })
    const command = bench.update(image, { sequence: 1 })
    bench.server.give(command)
    await bench.server.waitForStatus(s => s.state === "rolledBack", 20_000)
    assert.is(fetchedBytes(command.img), SIZE_BYTES)
    assert.is(readBootView(board.flash.contents())?.a.status, "empty")
})

test("is asked for with the client's id, base, version and state", async () => {
    const board = await bench.started({ settings: { hId: "pump-7" } })
    bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes: SIZE_BYTES }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted/, 20_000)
    assert.equal([...new Set(bench.server.clients)], ["pump-7 00c0ffee00c0ffee 1.0.0 checking", "pump-7 00c0ffee00c0ffee 1.0.0 downloading"])
})

test.run()
