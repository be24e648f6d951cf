import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"

const test = suite("a board that is told to go back, and a server that says no")
let bench: DeviceBench

benchFor(test, async () => (bench = await DeviceBench.open()))

test("told to revert, it runs its base again at once, and after a power cycle", async () => {
    const board = await bench.started()
    bench.server.give(bench.update(plainImage({ sequence: 3 }), { sequence: 3 }))
    await board.waitForLine(/HOV persisted slot=A/, 5000)
    bench.server.give({ cmd: "revert", id: "back" })
    const done = await bench.server.waitForStatus(s => s.id === "back" && s.state === "confirmed", 5000)
    assert.equal([done.v, done.bank, done.seq], ["1.0.0", "R", 0])
    await board.powerCycle()
    await board.waitForLine(/HOV boot slot=R v=1\.0\.0/, 5000)
    await board.waitForLine(/HOV start/, 5000)

    bench.server.give({ cmd: "revert", id: "again" })
    assert.is((await bench.server.waitForStatus(s => s.id === "again" && s.state === "confirmed", 5000)).bank, "R")
    const older = bench.update(plainImage({ sequence: 2 }), { sequence: 2 })
    bench.server.give(older)
    const refused = await bench.server.waitForStatus(s => s.id === older.id && s.state === "failed", 5000)
    assert.is(refused.code, "HOV_MANIFEST_SEQUENCE", "going back to the base is no way to an older image")
    bench.server.give(bench.update(plainImage({ sequence: 3 }), { sequence: 3 }))
    await board.waitForLine(/HOV persisted slot=A/, 5000)
})

test("a status that the server refuses for good does not hold up the next ones, or an update", async () => {
    const board = await bench.started()
    bench.server.intercept = (request, response) => {
        if (!request.url!.endsWith("/status")) return false
        const problem = JSON.stringify({ code: "HOV_API_BAD_FIELD", detail: "x".repeat(1500) })
        response.writeHead(400, { "Content-Length": problem.length }).end(problem)
        return true
    }
    bench.server.give(bench.update(plainImage({ sequence: 1 }), { sequence: 1 }))
    await board.waitForLine(/HOV persisted slot=A/, 8000)
    bench.server.intercept = () => false
    bench.server.give({ cmd: "check", id: "k" })
    await bench.server.waitForStatus(s => s.bank === "A", 5000)
})

test("a blob's refusal is told with its status, though its document is longer than the blob", async () => {
    const board = await bench.started()
    bench.server.intercept = (request, response) => {
        if (!request.url!.includes("/v1/blobs/")) return false
        const problem = JSON.stringify({ code: "HOV_API_BLOB_UNKNOWN", detail: "x".repeat(1500) })
        response.writeHead(404, { "Content-Length": problem.length }).end(problem)
        return true
    }
    const command = bench.update(plainImage({ sequence: 1 }), { sequence: 1 })
    bench.server.give(command)
    assert.is((await bench.server.waitForStatus(s => s.id === command.id && s.state === "failed", 5000)).code, "HOV_HTTP_404")
    assert.ok(board)
})

test.run()
