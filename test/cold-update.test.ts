/** Whole bases over the air, on boards with the stock VM, given by the real server. */
import { createHash } from "node:crypto"
import { connect } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeArtifact, parseArtifact } from "../toolchain/format/artifact.ts"
import { call, until, upload } from "./support/cloud.ts"
import { CutLine } from "./support/cut-line.ts"
import { ColdBench, coldMain, type LinkedBase } from "./support/cold-bench.ts"

const test = suite("a cold update")
let bench: ColdBench
let one: LinkedBase
let number = 0

test.before(async () => {
    bench = await ColdBench.open({ timings: { coldConfirmMs: 6_000 } })
    one = await bench.base("one", "1.0.0", coldMain("one", persisted(1)))
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
})
test.after(() => bench?.close())

/** A counter that goes from base to base; its second version counts in tens. */
function persisted(version: number): string {
    return `
class State { count = 5 }
${version > 1 ? "migrate(State, { to: 2, up: s => { s.count = s.count * 10 } })" : ""}
const state = await persist("count", new State())
console.log("count " + state.count)
state.count++
`
}

const deviceId = () => `12abdd22aa${(0x100000 + number++).toString(16)}`
const update = (id: string, version: string) => bench.cloud.must(202, "POST", `/devices/${id}/update`, { version })
const runs = (base: LinkedBase) => (device: any): boolean => device.actual?.base === base.baseId && device.command === null

test("brings the whole base without a cable, with the state that the app declares, and leaves the adapter alone again", async () => {
    const two = await bench.base("two", "2.0.0", coldMain("two", persisted(2)))
    await bench.release(one, two, 1)
    const { board, id } = await bench.started(one, { deviceId: deviceId() })
    await board.waitForLine(/count 5$/, 5000)
    await update(id, "2.0.0")
    await board.waitForLine(/app two/, 20_000)
    await board.waitForLine(/count 60$/, 5000)
    await board.waitForLine(/clear connection string/, 10_000)
    const shown = await until("the confirmation", () => bench.shown(id), runs(two), 20_000)
    assert.equal([shown.commands[0].state, shown.actual.version, shown.sync.state], ["succeeded", "2.0.0", "converged"])
    // Only one of the two has the socket, at any time: it is closed before the other opens its own.
    const opened = board.lines().map(line => line.text).filter(text => /WSSK-H: connecting|socket tcp.* open/.test(text))
    assert.match(opened.at(-1) as string, /socket tcp/)
    await board.powerCycle()
    await board.waitForLine(/app two/, 10_000)
    assert.not.ok(board.lines().slice(-40).some(line => /WSSK-H: connecting/.test(line.text)), "the adapter has no address any more")
})

test("a base that panics at its start, again and again, is replaced by the one before, by itself", async () => {
    const bad = await bench.base("bad", "3.0.0", coldMain("bad", ";(undefined as any).x()"))
    await bench.release(one, bad, 1)
    const { board, id } = await bench.started(one, { deviceId: deviceId() })
    await update(id, bad.version)
    await board.waitForLine(/app bad/, 20_000)
    await board.waitForLine(/app one/, 60_000)
    const shown = await bench.shown(id)
    assert.equal([shown.commands[0].state, shown.commands[0].code], ["rolledBack", "HOV_COLD_UNCONFIRMED"])
    assert.is(shown.blocked[0].release, "app@3.0.0")
})

test("with another key the adapter gets nothing, and the board goes on with its base", async () => {
    const two = await bench.base("two", "2.0.0", coldMain("two", persisted(2)))
    const { board, id } = await bench.started(one, { deviceId: deviceId() })
    await update(id, two.version)
    await board.waitForLine(/app two/, 20_000)
    const response = await upgrade(id, "00".repeat(16))
    assert.match(response, /^HTTP\/1\.1 101 /)
    // Who has not the key sends something else than the proof, and is cut off.
    assert.match(await upgrade("nobody", "00".repeat(16)), /^HTTP\/1\.1 404 /)
    assert.match(await upgrade(id, "xyz"), /^HTTP\/1\.1 400 /)
})

/** What the server answers to an upgrade, and then to a message that no key made. */
function upgrade(device: string, seed: string): Promise<string> {
    return new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(bench.cloud.url).port), "127.0.0.1", () =>
            socket.write(`GET /wssk/${device} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${"a".repeat(22)}==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: devs-key-${seed}\r\n\r\n`),
        )
        let text = ""
        socket.on("data", bytes => {
            const first = text === ""
            text += bytes.toString("latin1")
            if (first && text.startsWith("HTTP/1.1 101")) socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | 36, 0, 0, 0, 0]), Buffer.alloc(36, 7)]))
        })
        socket.on("error", reject)
        socket.on("close", () => resolve(text))
        setTimeout(() => socket.destroy(), 10_000).unref()
    })
}

test("a server that goes away in the middle of the deploy is taken up again where it matters: the board ends on the new base", async () => {
    const two = await bench.base("two", "2.0.0", coldMain("two", persisted(2)))
    const line = await CutLine.to(bench.cloud.url)
    try {
        const { board, id } = await bench.started(one, { deviceId: deviceId(), settings: { hUrl: line.url } })
        line.cutAfter(12_000)
        await update(id, two.version)
        await board.waitForLine(/\* stop program/, 20_000)
        await board.waitForLine(/app two/, 60_000)
        await until("the confirmation", () => bench.shown(id), runs(two), 30_000)
        assert.ok(line.cuts >= 1)
    } finally {
        await line.close()
    }
})

test("the server takes no base without a resident, for another product or for another base", async () => {
    const two = await bench.base("two", "2.0.0", coldMain("two", persisted(2)))
    const { manifest, signature, image } = parseArtifact(await bench.artifact(one, two, 1))
    const noResident = Buffer.from(image)
    noResident.write("xxxxxxxx", noResident.indexOf("HANDOVER-KEYS-01"), "latin1")
    for (const [change, bytes, code] of [
        [{}, noResident, "HOV_COLD_NO_RESIDENT"],
        [{ productId: 7 }, image, "HOV_COLD_PRODUCT"],
        [{ baseId: "0123456789abcdef" }, image, "HOV_COLD_BASE"],
        [{}, image.subarray(0, 640), "HOV_COLD_FORMAT"],
    ] as const) {
        const changed = { ...manifest, ...change, imageSizeBytes: bytes.length, imageDigest: createHash("sha256").update(bytes).digest("hex") }
        const answer = await upload(bench.cloud, "app@2.0.0/artifacts", encodeArtifact(changed, signature, bytes))
        assert.equal([answer.status, answer.body.code, answer.body.detail.slice(0, code.length)], [422, "HOV_API_ARTIFACT_BAD", code])
    }
    const { cold } = (await call(`${bench.cloud.url}/api/v1/releases/app@2.0.0`, { token: bench.cloud.adminToken })).body.artifacts[0]
    assert.is(cold, true)
})

test.run()
