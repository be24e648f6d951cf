import { connect } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { artifactFile, BASE, call, openCloud, publish, sha256, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud; device: TestDevice }>("cloud: bad input")
test.before(async context => {
    context.cloud = await openCloud()
    context.device = await TestDevice.add(context.cloud, "d1")
})
test.after(async context => {
    assert.is((await call(`${context.cloud.url}/healthz`)).status, 200)
    context.device.close()
    await context.cloud.done()
})

test("malformed, incomplete or oversized bodies of devices are problems with a length", async ({ cloud, device }) => {
    const url = `${cloud.url}/v1/dfu/d1/poll?ct=0`
    const good = { v: "1.0.0", seq: 1, base: BASE, bank: "R", state: "idle" }
    const cases: [string | Uint8Array | undefined, number, string][] = [
        ["{", 400, "HOV_API_BAD_JSON"],
        ["", 400, "HOV_API_BAD_FIELD"],
        ["null", 400, "HOV_API_BAD_FIELD"],
        ["[]", 400, "HOV_API_BAD_FIELD"],
        [JSON.stringify({ ...good, seq: "1" }), 400, "HOV_API_BAD_FIELD"],
        [JSON.stringify({ ...good, seq: -1 }), 400, "HOV_API_BAD_FIELD"],
        [JSON.stringify({ ...good, base: "../../etc" }), 400, "HOV_API_BAD_FIELD"],
        [JSON.stringify({ ...good, state: "exploded" }), 400, "HOV_API_BAD_FIELD"],
        [JSON.stringify({ ...good, pad: "x".repeat(3000) }), 413, "HOV_API_BODY_TOO_LARGE"],
        [Buffer.from([0xff, 0xfe, 0x00]), 400, "HOV_API_BAD_JSON"],
    ]
    for (const [raw, status, code] of cases) {
        const answer = await call(url, { method: "POST", token: device.token, raw })
        assert.is(answer.body?.code, code, `${raw}`)
        assert.is(answer.status, status, `${raw}`)
        assert.is(answer.headers["content-length"], String(answer.bytes.length))
    }
    for (const ct of ["61", "-1", "1.5", "soon"])
        assert.is((await call(`${cloud.url}/v1/dfu/d1/poll?ct=${ct}`, { token: device.token, json: good })).status, 400, ct)
    assert.is((await cloud.must(200, "GET", "/devices/d1")).actual, null)
    const future = await call(url, { token: device.token, json: { ...good, newer: { field: true } } })
    assert.is(future.status, 202, "unknown fields of devices are ignored")
    assert.is((await call(url, { method: "POST", token: device.token, raw: JSON.stringify(good) })).status, 202, "without a content type")
})

test("unknown fields are refused on the operator API", async ({ cloud }) => {
    const answer = await cloud.api("POST", "/devices", { id: "d2", colour: "red" })
    assert.is(answer.status, 400)
    assert.match(answer.body.detail, "colour")
    assert.is((await cloud.api("GET", "/devices?sort=id")).status, 400)
    assert.is((await cloud.api("GET", "/devices?limit=501")).status, 400)
    assert.is((await cloud.api("GET", "/devices/d2")).status, 404)
    const broken = await call(`${cloud.url}/api/v1/devices`, {
        token: cloud.adminToken,
        raw: "{nope",
        headers: { "content-type": "application/json" },
    })
    assert.is(broken.status, 400)
    assert.is(broken.body.code, "HOV_API_BAD_JSON")
    const wrongType = await call(`${cloud.url}/api/v1/devices`, { token: cloud.adminToken, raw: "id=1", headers: { "content-type": "text/plain" } })
    assert.is(wrongType.status, 415)
})

test("what a route does not ask for is refused by every one of them, and what a field has to be is said in words", async ({ cloud }) => {
    await publish(cloud, "1.0.9", { app: "strict" })
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "strict@1.0.9", filter: "id = nobody", startAt: "2100-01-01T00:00:00Z", phases: [{ percent: 100 }] })
    for (const [method, route, json] of [
        ["GET", "/devices/d1?verbose=1"], ["GET", "/fleet?x=1"], ["GET", "/me?x=1"], ["GET", "/webhooks?x=1"], ["POST", `/rollouts/${id}/pause?hard=1`],
        ["POST", `/rollouts/${id}/pause`, { why: "x" }], ["POST", "/devices/d1/check", { x: 1 }], ["DELETE", "/devices/d1", { force: true }], ["DELETE", "/devices/d1/desired", ["x"]],
    ] as const) {
        const answer = await cloud.api(method, route, json)
        assert.equal([answer.status, answer.body?.code], [400, "HOV_API_BAD_FIELD"], `${method} ${route}`)
    }
    assert.is((await cloud.api("POST", `/rollouts/${id}/pause`, {})).status, 202, "no field at all is no field too many")
    for (const [method, route, json, words] of [
        ["POST", "/devices", { id: "a b" }, /body\/id must be 1 to 64 letters, digits/],
        ["POST", "/devices/d1/update", { version: "x y" }, /VERSION or APP@VERSION/],
        ["POST", "/tokens", { name: "ann", role: "god" }, /body\/role must be one of admin, publisher, operator, viewer/],
        ["GET", "/export/devices?format=xml", undefined, /must be one of csv, json/],
    ] as const)
        assert.match((await cloud.api(method, route, json)).body.detail, words)
})

test("a place in a list that is none is refused, on every database", async ({ cloud }) => {
    for (const route of ["/audit", "/devices/d1/history", "/devices/d1/log"])
        for (const after of ["1.5", "-1", "1e3", "abc", "Infinity", "99999999999999999999999"]) {
            const answer = await cloud.api("GET", `${route}?after=${after}`)
            assert.equal([answer.status, answer.body.code], [400, "HOV_API_BAD_FIELD"], `${route} ${after}`)
        }
    for (const hours of ["0.000000001", "0.3333333", "9600"]) assert.is((await cloud.api("GET", `/fleet/history?hours=${hours}`)).status, 200, hours)
    for (const route of ["/devices", "/groups", "/releases", "/rollouts", "/tokens", "/experiments"]) assert.is((await cloud.api("GET", `${route}?after=%00%ff`)).status, 200, route)
    assert.is((await cloud.api("GET", "/events?after=1e30")).status, 400)
})

test("a plan that is read in more than one way, or shrinks, is refused", async ({ cloud }) => {
    await publish(cloud, "1.0.8", { app: "strict" })
    const order = (plan: object) => cloud.api("POST", "/rollouts/preview", { release: "strict@1.0.8", phases: [{ percent: 100 }], ...plan })
    for (const startAt of ["1", "hello 1", "2030", "Tue Mar 01 2033", "2030-01-01T00:00", "2030-13-01T00:00:00Z", ""]) {
        const answer = await order({ startAt })
        assert.equal([answer.status, answer.body.code], [400, "HOV_API_BAD_FIELD"], startAt)
    }
    for (const startAt of ["2030-01-01", "2030-01-01T00:00Z", "2030-01-01T00:00:00.5+05:30"]) assert.is((await order({ startAt })).status, 200, startAt)
    for (const phases of [[{ count: 10 }, { count: 5 }], [{ percent: 5 }, { percent: 5 }], [{ percent: 5, count: 5 }], [{}], []]) assert.is((await order({ phases })).status, 400, JSON.stringify(phases))
    const mixed = (await order({ phases: [{ percent: 100 }, { count: 1 }] })).body.phases
    assert.ok(mixed[1].total >= mixed[0].total, "a later phase never has fewer")
})

test("a rollout can be steered as its state allows, and in no other way", async ({ cloud }) => {
    const allowed: Record<string, readonly string[]> = {
        running: ["pause", "abort", "rollback", "advance"],
        paused: ["resume", "abort", "rollback"],
        aborted: ["rollback"],
        completed: ["rollback"],
        rolledBack: [],
    }
    await publish(cloud, "1.0.7", { app: "strict" })
    const begin = (more: object = {}) => cloud.must(201, "POST", "/rollouts", { release: "strict@1.0.7", filter: "id = nobody", phases: [{ percent: 100 }], ...more })
    const reach = async (id: string, state: string) => until(state, () => cloud.must(200, "GET", `/rollouts/${id}`), shown => shown.state === state)
    for (const [state, verbs] of Object.entries(allowed))
        for (const verb of ["pause", "resume", "abort", "rollback", "advance"]) {
            const { id } = await begin(state === "completed" ? {} : { startAt: "2100-01-01T00:00:00Z" })
            const way = { running: [], paused: ["pause"], aborted: ["abort"], completed: [], rolledBack: ["rollback"] }[state] as string[]
            for (const step of way) await cloud.must(202, "POST", `/rollouts/${id}/${step}`)
            await reach(id, state)
            const answer = await cloud.api("POST", `/rollouts/${id}/${verb}`)
            if (verbs.includes(verb)) assert.is(answer.status, 202, `${verb} when ${state}`)
            else assert.equal([answer.status, answer.body.code], [409, "HOV_API_ROLLOUT_STATE"], `${verb} when ${state}`)
        }
})

test("path tricks in ids lead nowhere", async ({ cloud, device }) => {
    for (const id of ["..%2f..%2fetc%2fpasswd", "%2e%2e", ".hidden", "a%00b", "a%20b", "x".repeat(65), "x".repeat(500), "%zz"]) {
        const answer = await call(`${cloud.url}/v1/dfu/${id}/poll?ct=0`, { token: device.token, json: {} })
        assert.ok(answer.status >= 400 && answer.status < 500, `${id}: ${answer.status}`)
        assert.ok(answer.body.code.startsWith("HOV_API_"), id)
    }
    for (const digest of ["..%2f..%2fhandover.db", "ab", "A".repeat(64), "%2e%2e/handover.db"]) {
        const answer = await call(`${cloud.url}/v1/blobs/${digest}`, { token: device.token })
        assert.ok(answer.status >= 400 && answer.status < 500, digest)
    }
    for (const id of ["../x", ".x", "a/b", "a b", "", "__proto__", "é"]) {
        const answer = await cloud.api("POST", "/devices", { id })
        assert.is(answer.status, 400, id)
    }
    for (const id of ["constructor", "toString"]) assert.is((await cloud.api("GET", `/devices/${id}`)).status, 404)
})

test("ranges outside of a blob are 416, unknown blobs 404", async ({ cloud, device }) => {
    const { image, imageBytes } = await publish(cloud, "1.1.0", { sizeBytes: 100 })
    assert.is(imageBytes, 100)
    const get = (query: string) => call(`${cloud.url}/v1/blobs/${image}${query}`, { token: device.token }).then(answer => answer.status)
    assert.is(await get(""), 200)
    assert.is(await get("?offset=99&length=1"), 200)
    assert.is(await get("?offset=99&length=2"), 416)
    assert.is(await get("?offset=100"), 416)
    assert.is(await get("?offset=-1"), 400)
    assert.is(await get("?length=0"), 400)
    assert.is((await call(`${cloud.url}/v1/blobs/${"0".repeat(64)}`, { token: device.token })).status, 404)
    // As a cache in front of it asks.
    const ask = (headers: Record<string, string>, query = "") => call(`${cloud.url}/v1/blobs/${image}${query}`, { token: device.token, headers })
    const whole = await ask({})
    const part = await ask({ range: "bytes=10-19" })
    assert.equal([part.status, part.headers["content-range"], part.headers.etag], [206, "bytes 10-19/100", whole.headers.etag])
    assert.equal(part.bytes, whole.bytes.subarray(10, 20))
    assert.is(part.headers["chunk-digest"], sha256(part.bytes).slice(0, 16))
    assert.equal((await ask({ range: "bytes=-5" })).bytes, whole.bytes.subarray(95))
    const beyond = await ask({ range: "bytes=100-" })
    assert.equal([beyond.status, beyond.body.code, beyond.headers["content-range"]], [416, "HOV_API_RANGE", "bytes */100"])
    assert.is((await ask({ range: "bytes=10-19", "if-range": '"another"' })).status, 200)
    assert.is((await ask({ range: "furlongs=1-2" })).status, 200)
    const known = await ask({ "if-none-match": String(whole.headers.etag) })
    assert.equal([known.status, known.bytes.length], [304, 0])
})

test("a damaged, truncated, unsigned or misplaced artifact is refused and leaves nothing", async ({ cloud }) => {
    await cloud.must(201, "POST", "/releases", { app: "bad", version: "2.0.0" })
    const upload = (raw: Uint8Array, release = "bad@2.0.0") =>
        call(`${cloud.url}/api/v1/releases/${release}/artifacts`, {
            token: cloud.adminToken,
            raw,
            headers: { "content-type": "application/octet-stream" },
        })
    const file = artifactFile("2.0.0")
    const flipped = Buffer.from(file)
    flipped[flipped.length - 1] ^= 1
    const unsigned = Buffer.concat([file.subarray(0, 80), Buffer.from([0, 0]), file.subarray(82 + 1456)])
    const cases: [Uint8Array, string][] = [
        [flipped, "HOV_ARTIFACT_DIGEST"],
        [file.subarray(0, file.length - 5), "HOV_ARTIFACT_TRUNCATED"],
        [file.subarray(0, 40), "HOV_ARTIFACT_TRUNCATED"],
        [Buffer.from("MZ".padEnd(200, "x")), "HOV_MANIFEST_MAGIC"],
        [unsigned, "HOV_ARTIFACT_UNSIGNED"],
    ]
    for (const [bytes, code] of cases) {
        const answer = await upload(bytes)
        assert.is(answer.status, 422)
        assert.match(answer.body.detail, code)
    }
    assert.is((await upload(artifactFile("2.0.1"))).body.code, "HOV_API_ARTIFACT_VERSION")
    assert.is((await upload(file, "bad@9.9.9")).status, 404)
    assert.is((await upload(Buffer.alloc(300 * 1024))).status, 413)
    assert.equal((await cloud.must(200, "GET", "/releases/bad@2.0.0")).artifacts, [])
    assert.is((await upload(file)).status, 201)
    assert.is((await upload(file)).status, 200, "the same upload again is no error")
    assert.is((await upload(artifactFile("2.0.0"))).status, 409)
})

test("a version that two apps have must be named with its app", async ({ cloud }) => {
    await cloud.must(201, "POST", "/releases", { app: "left", version: "3.0.0" })
    await cloud.must(201, "POST", "/releases", { app: "right", version: "3.0.0" })
    assert.is((await cloud.api("GET", "/releases/3.0.0")).body.code, "HOV_API_RELEASE_AMBIGUOUS")
    assert.is((await cloud.must(200, "GET", "/releases/left@3.0.0")).app, "left")
})

test("a device that asks without pause is told to wait", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "eager")
    const answers = []
    for (let n = 0; n < 100; n++) answers.push(await device.poll())
    const refused = answers.filter(answer => answer.status === 429)
    assert.ok(refused.length > 0)
    assert.ok(Number(refused[0].headers["retry-after"]) >= 1)
    device.close()
})

test("huge headers and what is not HTTP get an answer and a closed connection", async ({ cloud }) => {
    const { port } = new URL(cloud.url)
    const send = (text: string): Promise<string> =>
        new Promise((resolve, reject) => {
            const socket = connect(Number(port), "127.0.0.1", () => socket.write(text))
            let got = ""
            socket.on("data", data => (got += data))
            socket.on("close", () => resolve(got))
            socket.on("error", reject)
        })
    assert.match(await send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Pad: ${"y".repeat(9000)}\r\n\r\n`), /^HTTP\/1.1 431 [\s\S]*HOV_API_HEADERS_TOO_LARGE/)
    assert.match(await send("how do you do\r\n\r\n"), /^HTTP\/1.1 400 [\s\S]*HOV_API_BAD_REQUEST/)
})

test.run()
