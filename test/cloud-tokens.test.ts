import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { call, openCloud, TestDevice } from "./support/cloud.ts"
import { ask, databaseOf } from "./support/cloud-database.ts"

const test = suite<{ cloud: TestCloud }>("cloud: tokens and roles")
test.before(async context => {
    context.cloud = await openCloud()
})
test.after(context => context.cloud.done())

const BODY = { v: "6.6.6", seq: 1, base: "00112233445566aa", bank: "R", state: "idle" }

test("an unknown device gets 404, a wrong or missing token 401, and nothing is stored", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "known")
    const other = await TestDevice.add(cloud, "other")
    const poll = (id: string, token: string | null) => call(`${cloud.url}/v1/dfu/${id}/poll?ct=0`, { token, json: BODY })
    const status = (id: string, token: string | null) =>
        call(`${cloud.url}/v1/dfu/${id}/status`, { token, json: { state: "failed", v: "6.6.6" } })
    for (const send of [poll, status]) {
        const cases = [
            [await send("unknown", device.token), 404, "HOV_API_DEVICE_UNKNOWN"],
            [await send("known", null), 401, "HOV_API_TOKEN_MISSING"],
            [await send("known", "not-the-right-token"), 401, "HOV_API_TOKEN_WRONG"],
            [await send("known", other.token), 401, "HOV_API_TOKEN_WRONG"],
            [await send("known", cloud.adminToken), 401, "HOV_API_TOKEN_WRONG"],
        ] as const
        for (const [answer, expected, code] of cases) {
            assert.is(answer.status, expected)
            assert.is(answer.body.code, code)
            assert.is(answer.headers["content-type"], "application/problem+json")
            assert.is(answer.headers["content-length"], String(answer.bytes.length))
            assert.ok(answer.bytes.length < 2048)
        }
    }
    const shown = await cloud.must(200, "GET", "/devices/known")
    assert.is(shown.actual, null)
    assert.equal(shown.history, [])
    assert.is((await cloud.api("GET", "/devices/unknown")).status, 404)
    assert.is((await call(`${cloud.url}/v1/blobs/${"0".repeat(64)}`)).status, 401)
    device.close()
    other.close()
})

test("each role may do what it is for and no more", async ({ cloud }) => {
    const tokens: Record<string, string> = {}
    for (const role of ["viewer", "publisher", "operator"])
        tokens[role] = (await cloud.must(201, "POST", "/tokens", { name: role, role })).token
    const ask = (role: string, method: string, route: string, json?: unknown) =>
        call(`${cloud.url}/api/v1${route}`, { method, token: tokens[role], json }).then(answer => answer.status)
    const release = { app: "roles", version: "1.0.0" }
    assert.is(await ask("viewer", "GET", "/devices"), 200)
    assert.is(await ask("viewer", "POST", "/releases", release), 403)
    assert.is(await ask("viewer", "POST", "/devices", { id: "r1" }), 403)
    assert.is(await ask("publisher", "POST", "/releases", release), 201)
    assert.is(await ask("publisher", "POST", "/devices", { id: "r1" }), 403)
    assert.is(await ask("operator", "POST", "/devices", { id: "r1" }), 201)
    assert.is(await ask("operator", "POST", "/releases", { app: "roles", version: "1.0.1" }), 403)
    assert.is(await ask("operator", "POST", "/tokens", { name: "me", role: "admin" }), 403)
    const device = await TestDevice.add(cloud, "no-operator")
    assert.is((await call(`${cloud.url}/api/v1/devices`, { token: device.token })).status, 403)
    device.close()
})

test("a revoked token ends at once, and so does a device's old one", async ({ cloud }) => {
    const { id, token } = await cloud.must(201, "POST", "/tokens", { name: "short", role: "viewer" })
    assert.is((await call(`${cloud.url}/api/v1/devices`, { token })).status, 200)
    await cloud.must(204, "DELETE", `/tokens/${id}`)
    assert.is((await call(`${cloud.url}/api/v1/devices`, { token })).status, 401)

    const device = await TestDevice.add(cloud, "rotated")
    assert.is((await device.poll()).status, 202)
    const next = await cloud.must(200, "POST", "/devices/rotated/token")
    assert.is((await device.poll()).status, 401)
    assert.is((await new TestDevice(cloud.url, "rotated", next.token).poll()).status, 202)
    device.close()
})

test("no token's value is in the database, and each change is in the audit log", async ({ cloud }) => {
    const { readFile } = await import("node:fs/promises")
    const device = await TestDevice.add(cloud, "secret-keeper")
    const database = await databaseOf(cloud.dataDir)
    const files = database
        ? [Buffer.from(JSON.stringify(await Promise.all(["tokens", "audit", "events"].map(table => ask(database, `select * from ${table}`)))))]
        : await Promise.all(["handover.db", "handover.db-wal"].map(name => readFile(`${cloud.dataDir}/${name}`).catch(() => Buffer.alloc(0))))
    assert.ok(files.some(file => file.includes("secret-keeper")))
    for (const file of files) {
        assert.not.ok(file.includes(device.token))
        assert.not.ok(file.includes(cloud.adminToken))
    }
    const { items } = await cloud.must(200, "GET", "/audit?limit=1")
    assert.is(items[0].action, "device.create")
    assert.is(items[0].subject, "secret-keeper")
    assert.is(items[0].actor, "first admin")
    device.close()
})

test("the first admin's token is kept for the next start", async ({ cloud }) => {
    const first = await openCloud()
    await first.close()
    const second = await openCloud({ dataDir: first.dataDir })
    assert.is(second.adminToken, first.adminToken)
    assert.is((await second.api("GET", "/devices")).status, 200)
    await second.done()
    assert.ok(cloud.adminToken !== first.adminToken)
})

test.run()
