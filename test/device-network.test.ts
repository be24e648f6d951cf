import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("an update over a bad network")
let bench: DeviceBench

benchFor(test, async () => (bench = await DeviceBench.open()))

test("a download goes on at the missing piece when the server was away", async () => {
    const board = await bench.started()
    let cut = 0
    bench.server.intercept = (request, response) => {
        if (!request.url?.includes("offset=1040") || cut > 1) return false
        cut++
        response.destroy()
        return true
    }
    bench.server.give(bench.update(plainImage({ sequence: 1, sizeBytes: 3000 }), { sequence: 1 }))
    await board.waitForLine(/HOV retry code=HOV_NET/, 5000)
    await board.waitForLine(/HOV swap/, 9000)
    const pieces = bench.server.fetches.map(line => line.slice(9))
    assert.equal(pieces, ["0 512", "512 512", "1024 272", "0 1040", "1040 1040", "2080 920"], "nothing was fetched twice")
})

test("a board keeps to the interval that the server sets", async () => {
    const atMs: number[] = []
    bench.server.intercept = (request, response) => {
        if (!request.url?.includes("/poll")) return false
        atMs.push(performance.now())
        const body = atMs.length === 1 ? JSON.stringify({ pollMs: 3000 }) : ""
        response.writeHead(body ? 200 : 202, { "Content-Type": "application/json", "Content-Length": body.length }).end(body)
        return true
    }
    await bench.started()
    for (const endMs = performance.now() + 20_000; atMs.length < 4 && performance.now() < endMs; ) await new Promise(resolve => setTimeout(resolve, 50))
    assert.ok(atMs.length >= 4, `${atMs.length} polls`)
    // The first is followed at once: it had news. From then on it waits, though the server does not hold it.
    assert.ok(atMs[1] - atMs[0] < 2500, `${atMs[1] - atMs[0]} ms`)
    for (const n of [2, 3]) assert.ok(atMs[n] - atMs[n - 1] >= 2900, `${atMs[n] - atMs[n - 1]} ms`)
})

test("a cancel ends a download that does not get on", async () => {
    const board = await bench.started()
    let stuck = true
    bench.server.intercept = (request, response) => {
        if (!stuck || !request.url?.includes("/v1/blobs/")) return false
        response.writeHead(503, { "Content-Length": 0 })
        response.end()
        return true
    }
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV retry code=HOV_HTTP_503/, 5000)
    bench.server.give({ cmd: "cancel", id: "stop" })
    const status = await bench.server.waitForStatus(s => s.state === "idle", 9000)
    assert.is(status.code, "HOV_CANCELLED")
    stuck = false
})

test.run()
