import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { sessionKey } from "../cloud/device-api/seal.ts"
import { call, openCloud, type TestCloud, until } from "./support/cloud.ts"
import { DeviceBench } from "./support/device-bench.ts"
import { plainImage } from "./support/plain-image.ts"
import { RecordingProxy } from "./support/recording-proxy.ts"

const test = suite("sealed requests of a board without TLS")
const ID = "12abdd2289421234"
let bench: DeviceBench
let cloud: TestCloud
let proxy: RecordingProxy

test.before(async () => {
    bench = await DeviceBench.open()
})
test.before.each(async () => {
    cloud = await openCloud()
    proxy = await RecordingProxy.to(cloud.url)
})
test.after.each(async () => {
    await Promise.all(bench.boards.splice(0).map(board => board.close()))
    proxy.close()
    await cloud.done()
})
test.after(() => bench?.close())

async function addBoard(key: string | null) {
    const { token } = await cloud.must(201, "POST", "/devices", { id: ID, app: "app" })
    if (key !== null) await cloud.must(200, "PUT", `/devices/${ID}/key`, { key })
    const board = await bench.started({ settings: { hUrl: proxy.url, hToken: token, hId: ID, hPoll: 1, ...(key === null ? {} : { hKey: key }) } })
    return { board, token: token as string }
}

async function publishUpdate(sequence: number) {
    const version = `1.${sequence}.0`
    await cloud.must(201, "POST", "/releases", { app: "app", version })
    const answer = await call(`${cloud.url}/api/v1/releases/app@${version}/artifacts`, {
        token: cloud.adminToken,
        raw: bench.artifact(plainImage({ sequence }), { sequence }),
        headers: { "content-type": "application/octet-stream" },
    })
    assert.is(answer.status, 201)
}

const shown = () => cloud.must(200, "GET", `/devices/${ID}`)

test("a whole update goes through; who listens sees neither the token nor the key nor what is said", async () => {
    const key = randomBytes(32).toString("hex")
    const { board, token } = await addBoard(key)
    await until("a poll", shown, device => device.actual !== null)
    await publishUpdate(1)
    await cloud.must(202, "POST", `/devices/${ID}/update`, { version: "1.1.0" })
    await board.waitForLine(/HOV persisted slot=A v=1\.1\.0/, 10_000)
    await until("the confirmation", shown, device => device.actual?.version === "1.1.0" && device.actual?.state === "confirmed")
    for (const secret of [token, key, "confirmed", "1.1.0", "\"cmd\""]) assert.not.ok(proxy.text.includes(secret), secret)
    assert.match(proxy.text, /Authorization: Seal /)
    assert.match(proxy.text, /Authorization: Bearer hovb_/)
})

test("a request that was recorded is refused when it is sent again, in its session and after it", async () => {
    const { board } = await addBoard(randomBytes(32).toString("hex"))
    await until("a poll", shown, device => device.actual !== null)
    const recorded = proxy.up.map(bytes => bytes.toString("latin1")).find(text => text.includes("/poll?"))
    assert.ok(recorded)
    assert.match(await sendAgain(recorded), /^HTTP\/1\.1 401 [\s\S]*HOV_API_SEAL/)
    await board.powerCycle()
    await board.waitForLine(/HOV start/, 8000)
    await until("a second hello", async () => proxy.text.split("/hello").length, count => count > 2)
    assert.match(await sendAgain(recorded), /^HTTP\/1\.1 401 [\s\S]*HOV_API_SEAL/)
})

test("after the server has started again, no request from before is taken, and the board goes on by itself", async () => {
    await addBoard(randomBytes(32).toString("hex"))
    await until("a poll", shown, device => device.actual !== null)
    const recorded = proxy.up.map(bytes => bytes.toString("latin1")).filter(text => /\/(hello|poll\?)/.test(text))
    assert.ok(recorded.length >= 2)
    const { dataDir } = cloud
    const port = Number(new URL(cloud.url).port)
    const before = (await shown()).actual.reportedAt
    await cloud.close()
    cloud = await openCloud({ dataDir, port })
    for (const request of recorded.filter(text => !text.includes("/hello"))) assert.match(await sendAgain(request), /^HTTP\/1\.1 401 [\s\S]*HOV_API_SEAL/)
    // Its hello, which has no secret in it, begins no session that its old requests fit.
    assert.match(await sendAgain(recorded[0]), /^HTTP\/1\.1 200 /)
    for (const request of recorded.filter(text => !text.includes("/hello"))) assert.match(await sendAgain(request), /^HTTP\/1\.1 401 [\s\S]*HOV_API_SEAL/)
    await until("a poll in a new session", shown, device => device.actual.reportedAt !== before, 15_000)
})

test("no nonce is used twice under one key, over sessions and a power cycle", async () => {
    const key = randomBytes(32)
    const { board } = await addBoard(key.toString("hex"))
    await until("a poll", shown, device => device.actual !== null)
    await board.powerCycle()
    await until("a second session", async () => proxy.text.split("/hello").length, count => count > 2, 10_000)
    await until("polls in it", async () => credentials().filter(c => c.sid !== credentials()[0].sid).length, count => count >= 2, 10_000)
    const seen = credentials().map(c => `${sessionKey(key, c.deviceNonce, c.sid).toString("hex")} ${c.count}`)
    assert.ok(seen.length >= 3)
    assert.is(new Set(seen).size, seen.length)
})

/** Of all sealed requests that went up. */
const credentials = () =>
    [...proxy.text.matchAll(/Authorization: Seal ([0-9a-f]{32})\.([0-9a-f]{44})\.(\d+)/g)].map(([, deviceNonce, sid, count]) => ({ deviceNonce, sid, count: Number(count) }))

function sendAgain(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(cloud.url).port), "127.0.0.1", () => socket.write(request, "latin1"))
        socket.once("data", bytes => {
            socket.destroy()
            resolve(bytes.toString())
        })
        socket.once("error", reject)
    })
}

test("a board with another key gets nothing, and the token alone is not enough for a device that has a key", async () => {
    const { token } = await cloud.must(201, "POST", "/devices", { id: ID })
    await cloud.must(200, "PUT", `/devices/${ID}/key`, { key: "11".repeat(32) })
    const board = await bench.started({ settings: { hUrl: proxy.url, hToken: token, hId: ID, hKey: "22".repeat(32) } })
    await board.waitForLine(/HOV retry code=HOV_HTTP_401/, 8000)
    assert.is((await shown()).actual, null)
    const body = { v: "6.6.6", seq: 1, base: "00112233445566aa", bank: "R", state: "idle" }
    const plain = await call(`${cloud.url}/v1/dfu/${ID}/poll?ct=0`, { token, json: body })
    assert.is(plain.body.code, "HOV_API_SEAL_REQUIRED")
})

test("an answer that was changed on its way is not believed", async () => {
    const { server } = bench
    server.intercept = (request, response) => {
        const body = request.url?.endsWith("/hello") ? JSON.stringify({ s: "0".repeat(44) }) : JSON.stringify({ cmd: "check", id: "forged", v: "1" })
        response.writeHead(200, { "Content-Length": Buffer.byteLength(body) }).end(body)
        return true
    }
    const board = await bench.started({ settings: { hUrl: server.url, hToken: "token-of-the-board", hId: ID, hKey: "33".repeat(32) } })
    await board.waitForLine(/HOV retry code=HOV_SEAL/, 8000)
    server.reset()
})

for (const key of [null, "44".repeat(32)])
    test(`a new token reaches the board ${key === null ? "in the clear" : "sealed"}, and the old one ends with its first use, never before`, async () => {
        const { board, token } = await addBoard(key)
        await until("a poll", shown, device => device.actual !== null)
        await cloud.must(200, "POST", `/devices/${ID}/token`, { keepOld: true })
        await board.waitForLine(/HOV token/, 8000)
        const tokens = async () => (await call(`${cloud.url}/v1/blobs/${"0".repeat(64)}`, { token })).status
        await until("the end of the old token", tokens, status => status === 401, 8000)
        await board.powerCycle()
        await board.waitForLine(/HOV start/, 8000)
        const before = (await shown()).actual.reportedAt
        await until("a poll with the new token", shown, device => device.actual.reportedAt !== before, 8000)
    })

test.run()
