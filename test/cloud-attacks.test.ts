/** What hostile or broken clients send: each gets a clear answer, and the server stays up. */
import { connect } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { LIMITS } from "../cloud/limits.ts"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, call, openCloud, PATIENCE, TestDevice, until, withClouds } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud; device: TestDevice }>("cloud: attacks")
test.before(async context => {
    context.cloud = await openCloud()
    context.device = await TestDevice.add(context.cloud, "d1")
})
test.after(async context => {
    context.device.close()
    await context.cloud.done()
})
const isWell = async (cloud: TestCloud): Promise<void> => assert.is((await call(`${cloud.url}/healthz`)).status, 200)

/** What came back until the server hung up or fell silent. */
function send(cloud: TestCloud, bytes: string | Uint8Array, silenceMs = 400): Promise<string> {
    return new Promise(resolve => {
        let got = ""
        const socket = connect(Number(new URL(cloud.url).port), "127.0.0.1", () => socket.write(bytes))
        const done = (): void => {
            socket.destroy()
            resolve(got)
        }
        let timer = setTimeout(done, 5_000)
        socket.on("data", data => {
            got += data
            clearTimeout(timer)
            timer = setTimeout(done, silenceMs)
        })
        socket.on("close", () => {
            clearTimeout(timer)
            resolve(got)
        })
        socket.on("error", () => {})
    })
}

test("requests that are not quite HTTP are refused with 4xx, or not answered at all", async ({ cloud, device }) => {
    const authorised = `Host: x\r\nAuthorization: Bearer ${device.token}\r\n`
    const cases: [string, string][] = [
        ["two lengths", `POST /v1/dfu/d1/poll HTTP/1.1\r\n${authorised}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
        ["length and chunks", `POST /v1/dfu/d1/poll HTTP/1.1\r\n${authorised}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
        ["a negative length", `POST /v1/dfu/d1/poll HTTP/1.1\r\n${authorised}Content-Length: -1\r\n\r\n`],
        ["a length beyond numbers", `POST /v1/dfu/d1/poll HTTP/1.1\r\n${authorised}Content-Length: 99999999999999999999\r\n\r\n`],
        ["a bad chunk", `POST /v1/dfu/d1/poll HTTP/1.1\r\n${authorised}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
        ["a space in a header's name", `GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n`],
        ["a header with NUL", `GET /healthz HTTP/1.1\r\nHost: x\0y\r\n\r\n`],
        ["no host", "GET /healthz HTTP/1.1\r\n\r\n"],
        ["a version of the future", "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n"],
        ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
        ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        ["a method nobody knows", "FROB /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["a proxy's method", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n"],
        ["a path upwards", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["a path upwards behind the docs", "GET /docs/static/..%2f..%2f..%2fpackage.json HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["a path with a backslash", "GET /docs/static/..\\..\\package.json HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["a ticket without a path", "GET /~ticket HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["a ticket before an operator's path", "GET /~x/api/v1/devices HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["many headers", `GET /healthz HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 2_000 }, (_, n) => `X-${n}: y\r\n`).join("")}\r\n`],
        ["one huge header", `GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: ${"z".repeat(64 * 1024)}\r\n\r\n`],
        ["a huge address", `GET /${"a".repeat(64 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ]
    for (const [what, text] of cases) {
        const got = await send(cloud, Buffer.from(text, "latin1"))
        assert.match(got, /^$|^HTTP\/1\.1 4\d\d /, `${what}: ${got.slice(0, 200)}`)
        if (/\r\n\r\n./.test(got)) assert.match(got, /"code":"HOV_/, `${what}: ${got.slice(0, 300)}`)
        await isWell(cloud)
    }
})

test("bodies that are no JSON of ours are refused with the reason", async ({ cloud, device }) => {
    const poll = `${cloud.url}/v1/dfu/d1/poll?ct=0`
    const good = { v: "1.0.0", seq: 1, base: BASE, bank: "R", state: "idle" }
    const nested = (depth: number): string => `{"v":${"[".repeat(depth)}${"]".repeat(depth)}}`
    const devices: [string | Uint8Array, Record<string, string>, readonly number[]][] = [
        [Buffer.from("a16176a1", "hex"), { "content-type": "application/cbor" }, [400, 415]],
        [Buffer.from("bfff9fbf5f7fff", "hex"), { "content-type": "application/cbor" }, [400, 415]],
        [Buffer.alloc(1_000, 0x9f), { "content-type": "application/cbor" }, [400, 415]],
        [nested(900), {}, [400]],
        ['{"__proto__":{"v":"1"},"v":"1.0.0"}', {}, [400]],
        ['{"constructor":{"prototype":{"x":1}}}', {}, [400]],
        [JSON.stringify(good).replace('"seq":1', '"seq":1e999'), {}, [400]],
        [JSON.stringify(good).replace('"seq":1', '"seq":9007199254740993'), {}, [400]],
        [JSON.stringify({ ...good, v: "\0" }), {}, [400]],
        [JSON.stringify(good), { "content-encoding": "gzip" }, [202, 400, 415]],
        [Buffer.from(JSON.stringify(good), "utf16le"), {}, [400]],
    ]
    for (const [raw, headers, statuses] of devices) {
        const answer = await call(poll, { method: "POST", token: device.token, raw, headers })
        assert.ok(statuses.includes(answer.status), `${raw.slice(0, 40)}: ${answer.status} ${answer.bytes}`)
        if (answer.status >= 400) assert.match(answer.body.code, /^HOV_API_/)
    }
    const json = { "content-type": "application/json" }
    const operators: [string, string, number][] = [
        ["/devices", nested(100_000), 400],
        ["/devices", "[".repeat(200_000), 400],
        ["/devices", `{"id":"x1","attributes":{"__proto__":"y"}}`, 400],
        ["/devices", `{"id":"x1","attributes":${JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, "b"])))}}`, 400],
        ["/devices", `{"id":"x1","app":"${"y".repeat(LIMITS.operatorBodyBytes)}"}`, 413],
        ["/devices/batch", JSON.stringify({ devices: Array.from({ length: LIMITS.devicesPerRequest + 1 }, (_, n) => ({ id: `x${n}` })) }), 400],
        ["/groups", JSON.stringify({ name: "deep", filter: `${"(".repeat(490)}id = a${")".repeat(490)}` }), 400],
        ["/groups", JSON.stringify({ name: "long", filter: `id = ${"a".repeat(2_000)}` }), 400],
        ["/groups", JSON.stringify({ name: "torn", filter: "id = (" }), 400],
        ["/rollouts", JSON.stringify({ release: "x", phases: Array.from({ length: 10_000 }, () => ({ percent: 1 })) }), 400],
        ["/webhooks", JSON.stringify({ url: "file:///etc/passwd" }), 400],
        ["/webhooks", JSON.stringify({ url: "http://[" }), 400],
        ["/tokens", JSON.stringify({ name: "x", role: "device" }), 400],
    ]
    for (const [route, raw, status] of operators) {
        const answer = await call(`${cloud.url}/api/v1${route}`, { token: cloud.adminToken, raw, headers: json })
        assert.is(answer.status, status, `${route} ${raw.slice(0, 60)}: ${answer.bytes.toString().slice(0, 300)}`)
        if (status >= 400) assert.match(answer.body.code, /^HOV_API_/)
    }
    await isWell(cloud)
})

test("a filter with many wildcards is answered at once", async ({ cloud }) => {
    const filter = `id ~ "${"*a".repeat(200)}*b"`
    await cloud.must(201, "POST", "/devices", { id: "a".repeat(64) })
    const startMs = performance.now()
    const answer = await cloud.api("POST", "/groups", { name: "stars", filter })
    assert.ok([201, 400].includes(answer.status), answer.bytes.toString())
    if (answer.status === 201) await cloud.must(200, "GET", "/groups/stars/devices")
    assert.ok(performance.now() - startMs < 2_000 * PATIENCE, `${performance.now() - startMs} ms`)
})

test("who asks too much is told how long to wait: devices, operators, downloads", async () => {
    // Time stands still, so that nothing is allowed again however slow this machine is.
    const cloud = await openCloud({ now: () => 1_800_000_000_000 })
    const { token } = await cloud.must(201, "POST", "/tokens", { name: "hasty", role: "viewer" })
    const hasty = await TestDevice.add(cloud, "hasty")
    const asks: [string, () => Promise<{ status: number; headers: any; body: any }>, number][] = [
        ["polls", () => hasty.poll(), LIMITS.deviceRequestBurst],
        ["an operator", () => call(`${cloud.url}/api/v1/devices?limit=1`, { token }), LIMITS.tokenRequestBurst],
        ["downloads", () => call(`${cloud.url}/v1/blobs/${"0".repeat(64)}`, { token: hasty.token }), LIMITS.tokenRequestBurst],
    ]
    for (const [what, ask, burst] of asks) {
        let refused: { status: number; headers: any; body: any } | undefined
        for (let n = 0; n <= burst && refused === undefined; n += 50) {
            const answers = await Promise.all(Array.from({ length: 50 }, ask))
            refused = answers.find(answer => answer.status === 429)
            assert.ok(refused === undefined || n + 50 > burst, `${what}: refused within what is allowed`)
        }
        assert.ok(refused !== undefined, what)
        assert.is(refused.body.code, "HOV_API_RATE", what)
        assert.ok(Number(refused.headers["retry-after"]) >= 1, what)
    }
    assert.is((await cloud.api("GET", "/devices")).status, 200, "another token is not concerned")
    hasty.close()
    await cloud.done()
})

test("of many polls of one device only the newest is held", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "many")
    await device.poll()
    const ended: number[] = []
    const polls = Array.from({ length: 30 }, (_, n) => device.at(cloud.url).poll(30).then(answer => ended.push(n) && answer.status))
    await until("all but one to end", async () => ended.length, length => length === 29)
    assert.is((await call(`${cloud.url}/healthz`)).body.heldPolls, 1)
    await cloud.must(204, "DELETE", "/devices/many")
    const statuses = await Promise.all(polls)
    assert.ok(statuses.every(status => [200, 202, 429].includes(status as number) || status === 401 || status === 404), statuses.join(" "))
    device.close()
})

/** Clients that send their beginning and then a byte now and then; what each had got when it was cut off. */
function drip(cloud: TestCloud, beginnings: readonly string[], more: string) {
    const { port } = new URL(cloud.url)
    const ended: { readonly beginning: string; readonly got: string }[] = []
    const sockets = beginnings.map(beginning => {
        let got = ""
        const socket = connect(Number(port), "127.0.0.1", () => socket.write(beginning))
        const dripping = setInterval(() => socket.writable && socket.write(more), 200)
        socket.on("data", data => (got += data))
        socket.on("error", () => {})
        socket.on("close", () => {
            clearInterval(dripping)
            ended.push({ beginning, got })
        })
        return socket
    })
    const close = (): void => {
        for (const socket of sockets) socket.destroy()
    }
    return { ended, close }
}

const SLOW = { timings: { headersMs: 1_000, requestMs: 2_000 } }
const repeat = <T>(count: number, of: readonly T[]): T[] => Array.from({ length: count }, (_, n) => of[n % of.length])

async function allCutOff(cloud: TestCloud, beginnings: readonly string[], more: string): Promise<void> {
    const { ended, close } = drip(cloud, beginnings, more)
    try {
        for (let n = 0; n < 10; n++) {
            const startMs = performance.now()
            await isWell(cloud)
            assert.ok(performance.now() - startMs < 2_000 * PATIENCE, "others are answered meanwhile")
        }
        await until("all of them to be cut off", async () => ended.length, length => length === beginnings.length, 10_000)
    } finally {
        close()
    }
    const unanswered = ended.filter(({ got }) => !/^HTTP\/1\.1 408 [\s\S]*HOV_API_TIMEOUT/.test(got))
    assert.ok(unanswered.length < beginnings.length * 0.1, `${unanswered.length} of ${beginnings.length} were not told why: ${unanswered[0]?.beginning} ${unanswered[0]?.got}`)
    await isWell(cloud)
}

test("clients that send their headers one byte at a time are cut off, and nobody waits for them", () =>
    withClouds(1, cloud => allCutOff(cloud, repeat(300, ["POST /v1/dfu/d1/poll HTTP/1.1\r\nHost: x\r\nX-Slow: "]), "y"), SLOW))

test("clients that send their body one byte at a time are cut off, whoever they are; nothing of it is done, and nobody waits for them", () =>
    withClouds(
        1,
        async cloud => {
            const device = await TestDevice.add(cloud, "d1")
            await cloud.must(201, "POST", "/releases", { app: "app", version: "1.0.0" })
            const before = await cloud.must(200, "GET", "/audit?limit=1")
            const begin = (route: string, token: string, type = "application/json", length = "Content-Length: 900"): string =>
                `POST ${route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\n${length}\r\n\r\n`
            const short = "Content-Length: 100"
            const chunked = "Transfer-Encoding: chunked"
            await allCutOff(
                cloud,
                repeat(90, [
                    begin("/v1/dfu/d1/poll?ct=60", device.token),
                    begin("/v1/dfu/d1/status", device.token),
                    begin("/v1/dfu/d1/status", device.token, "application/json", chunked),
                    begin("/v1/enrol", "none", "application/json", short),
                    begin("/v1/dfu/d1/hello", "none", "application/json", short),
                    begin("/api/v1/devices", cloud.adminToken),
                    begin("/api/v1/devices/batch", cloud.adminToken, "application/json", chunked),
                    begin("/api/v1/releases/app@1.0.0/artifacts", cloud.adminToken, "application/octet-stream"),
                    begin("/api/v1/releases/app@1.0.0/files?filename=a.swu", cloud.adminToken, "application/octet-stream"),
                ]),
                // A whole chunk of one byte, where there are chunks; else just bytes.
                "1\r\n{\r\n",
            )
            assert.equal(await cloud.must(200, "GET", "/audit?limit=1"), before)
            assert.is((await device.poll()).status, 202)
            device.close()
        },
        SLOW,
    ))

test.run()
