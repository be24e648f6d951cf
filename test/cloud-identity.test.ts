import { createHash, randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeStatementFile } from "../toolchain/format/statement.ts"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, call, openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud; clock: { ms: number } }>("cloud: identity of devices and operators")
test.before(async context => {
    context.clock = { ms: Date.UTC(2026, 0, 1) }
    context.cloud = await openCloud({ now: () => context.clock.ms })
})
test.after(context => context.cloud.done())
/** Wrong tokens of one test must not lock out the next. */
test.after.each(({ clock }) => {
    clock.ms += 600_000
})

const enrol = (cloud: TestCloud, id: string, claim: string) => call(`${cloud.url}/v1/enrol`, { json: { id, claim } })
const claims = async (cloud: TestCloud, body: object): Promise<string[]> => (await cloud.must(201, "POST", "/claims", body)).codes

test("a claim code makes one device, once", async ({ cloud }) => {
    const [code] = await claims(cloud, { app: "app" })
    const first = await enrol(cloud, "fresh-1", code)
    assert.is(first.status, 201)
    assert.is(first.headers["cache-control"], "no-store")
    assert.is((await new TestDevice(cloud.url, "fresh-1", first.body.token).poll()).status, 202)
    const second = await enrol(cloud, "fresh-2", code)
    assert.is(second.status, 401)
    assert.is(second.body.code, "HOV_API_CLAIM")
    assert.is((await cloud.api("GET", "/devices/fresh-2")).status, 404)
})

test("of two devices that show one code at the same moment, one becomes a device", async ({ cloud }) => {
    const [code] = await claims(cloud, {})
    const answers = await Promise.all(["race-1", "race-2", "race-3"].map(id => enrol(cloud, id, code)))
    assert.equal(answers.map(answer => answer.status).sort(), [201, 401, 401])
})

test("a code made for one device works for no other, and is not used up by it", async ({ cloud }) => {
    const [code] = await claims(cloud, { device: "mine" })
    assert.is((await enrol(cloud, "not-mine", code)).status, 401)
    assert.is((await enrol(cloud, "mine", code)).status, 201)
})

test("a code for any device does not take over one that there is; a code made for it does, and the old token ends", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "settled")
    const [any] = await claims(cloud, {})
    assert.is((await enrol(cloud, "settled", any)).body.code, "HOV_API_DEVICE_EXISTS")
    assert.is((await device.poll()).status, 202)
    const [own] = await claims(cloud, { device: "settled" })
    const again = await enrol(cloud, "settled", own)
    assert.is(again.status, 201)
    assert.is((await device.poll()).status, 401)
    assert.is((await new TestDevice(cloud.url, "settled", again.body.token).poll()).status, 202)
    device.close()
})

test("a code that is too old is worth nothing", async ({ cloud, clock }) => {
    const [code] = await claims(cloud, { expiresInS: 60 })
    clock.ms += 61_000
    assert.is((await enrol(cloud, "late", code)).body.code, "HOV_API_CLAIM")
})

test("neither codes nor device keys are in the database in the clear", async ({ cloud }) => {
    const [open, sealed] = [(await claims(cloud, {}))[0], (await claims(cloud, { seal: true }))[0]]
    const { key } = (await enrol(cloud, "keyed", sealed)).body
    assert.match(key, /^[0-9a-f]{64}$/)
    for (const name of ["handover.db", "handover.db-wal"]) {
        const file = await readFile(`${cloud.dataDir}/${name}`).catch(() => Buffer.alloc(0))
        for (const secret of [open, sealed, key, Buffer.from(key, "hex")]) assert.not.ok(file.includes(secret))
    }
})

test("devices can be added from a list of tokens that were given to them before", async ({ cloud }) => {
    const devices = ["list-1", "list-2"].map(id => ({ id, token: `preshared-token-of-${id}` }))
    await cloud.must(201, "POST", "/devices/batch", { devices })
    for (const { id, token } of devices) assert.is((await new TestDevice(cloud.url, id, token).poll()).status, 202)
})

test("a token that is rotated softly counts until the new one was used; the new one is said until then", async ({ cloud, clock }) => {
    const device = await TestDevice.add(cloud, "soft")
    await device.poll()
    await cloud.must(200, "POST", "/devices/soft/token", { keepOld: true })
    const told = (await until("the new token", () => device.poll(), answer => answer.body?.token !== undefined)).body.token
    clock.ms += 61_000
    assert.is((await device.poll()).body.token, told, "an answer that was lost is given again")
    const renewed = new TestDevice(cloud.url, "soft", told)
    assert.is((await renewed.poll()).status, 202)
    assert.is((await device.poll()).status, 401)
    clock.ms += 61_000
    assert.is((await renewed.poll()).status, 202, "what the device knows is not told again")
    device.close()
    renewed.close()
})

test("a device token does nothing but be that device", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "only-me")
    const other = await TestDevice.add(cloud, "somebody-else")
    await publish(cloud, "7.0.0", { app: "identity" })
    const { paths } = (await call(`${cloud.url}/openapi.json`)).body as { paths: Record<string, Record<string, unknown>> }
    let refused = 0
    for (const [path, methods] of Object.entries(paths)) {
        if (!path.startsWith("/api/")) continue
        for (const method of Object.keys(methods)) {
            const filled = path.replace(/\{[^}]+\}/g, "only-me")
            const answer = await call(cloud.url + filled, { method: method.toUpperCase(), token: device.token, ...(method === "get" || method === "delete" ? {} : { json: {} }) })
            assert.is(answer.status, 403, `${method} ${path}`)
            refused++
        }
    }
    assert.ok(refused > 30, `${refused} routes`)
    assert.is((await call(`${cloud.url}/metrics`, { token: device.token })).status, 403)
    const impostor = new TestDevice(cloud.url, "somebody-else", device.token)
    assert.is((await impostor.poll()).status, 401)
    assert.is((await impostor.status({ state: "confirmed" })).status, 401)
    assert.is((await cloud.must(200, "GET", "/devices/somebody-else")).actual, null)
    for (const one of [device, other, impostor]) one.close()
})

test("a device that is removed is refused with its next request", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "stolen")
    assert.is((await device.poll()).status, 202)
    await cloud.must(204, "DELETE", "/devices/stolen")
    assert.is((await device.poll()).status, 404)
    assert.is((await call(`${cloud.url}/v1/blobs/${"0".repeat(64)}`, { token: device.token })).status, 401)
    device.close()
})

test("an operator's token ends when its time is over", async ({ cloud, clock }) => {
    const { token } = await cloud.must(201, "POST", "/tokens", { name: "for an hour", role: "viewer", expiresInS: 3600 })
    const ask = async () => (await call(`${cloud.url}/api/v1/devices`, { token })).status
    assert.is(await ask(), 200)
    clock.ms += 3599_000
    assert.is(await ask(), 200)
    clock.ms += 1_000
    assert.is(await ask(), 401)
})

test("who guesses tokens is locked out, with the right one too, for a minute", async ({ cloud, clock }) => {
    const guess = async (token: string) => (await call(`${cloud.url}/api/v1/devices`, { token })).status
    const statuses: number[] = []
    for (let i = 0; i < 40; i++) statuses.push(await guess(`hov_guess_number_${i}_of_many`))
    assert.is(statuses.filter(status => status === 401).length, 30)
    assert.is(statuses.filter(status => status === 429).length, 10)
    assert.is(await guess(cloud.adminToken), 429)
    clock.ms += 61_000
    assert.is(await guess(cloud.adminToken), 200)
})

test("guesses at one device do not keep another from its server, nor do claim codes", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "bystander")
    const poll = (id: string, token: string) => call(`${cloud.url}/v1/dfu/${id}/poll?ct=0`, { token, json: device.actual })
    for (let i = 0; i < 30; i++) await poll("settled", `hov_guess_number_${i}_of_many`)
    assert.is((await poll("settled", "hov_guess_number_x_of_many")).status, 429)
    for (let i = 0; i < 30; i++) await enrol(cloud, "guesser", `hovc_guess${i}`)
    assert.is((await enrol(cloud, "guesser", "hovc_guess_x")).body.code, "HOV_API_LOCKED_OUT")
    assert.is((await device.poll()).status, 202)
    device.close()
})

test("the server's answers to people tell a browser to trust nothing else", async ({ cloud }) => {
    for (const path of ["/api/v1/devices", "/healthz", "/docs/static/index.html", "/no-such-page"]) {
        const { headers } = await call(cloud.url + path, { token: cloud.adminToken })
        assert.is(headers["x-content-type-options"], "nosniff", path)
        assert.is(headers["x-frame-options"], "DENY", path)
        assert.is(headers["referrer-policy"], "no-referrer", path)
        assert.ok(headers["content-security-policy"], path)
    }
    assert.is((await call(`${cloud.url}/api/v1/devices`, { token: cloud.adminToken })).headers["cache-control"], "no-store")
})

test("statements of the signer go to the boards they are for, once, and to none that does not ask", async ({ cloud, clock }) => {
    const signature = randomBytes(1456)
    const upload = (file: Uint8Array) =>
        call(`${cloud.url}/api/v1/statements`, { token: cloud.adminToken, raw: file, headers: { "content-type": "application/octet-stream" } })
    const fresh = (issuedAtUnixS: number, baseId = BASE) =>
        encodeStatementFile({ kind: "fresh", baseId, newestSequence: 5, newestVersion: "1.5.0", issuedAtUnixS, notAfterUnixS: issuedAtUnixS + 60 }, signature)
    const keyDigest = createHash("sha256").update("a key").digest("hex")
    assert.is((await upload(fresh(1000))).status, 201)
    assert.is((await upload(fresh(1000))).status, 200)
    assert.is((await upload(fresh(2000))).status, 201)
    assert.is((await upload(fresh(9000, "ffffffffffffffff"))).status, 201)
    assert.is((await upload(encodeStatementFile({ kind: "revoke", keyDigest }, signature))).status, 201)
    assert.is((await upload(randomBytes(200))).body.code, "HOV_API_ARTIFACT_BAD")

    const old = await TestDevice.add(cloud, "old-board")
    await old.poll()
    assert.is((await old.poll()).status, 202)
    const board = await TestDevice.add(cloud, "new-board")
    board.actual = { ...board.actual, fr: 0, rv: "" }
    const { fresh: first, revoke } = (await board.poll()).body
    assert.is(Buffer.from(first.m, "hex").readUInt32LE(32), 2000)
    assert.is(Buffer.from(revoke.m, "hex").toString("hex", 32, 64), keyDigest)
    assert.is((await board.poll()).status, 202, "not again at once")
    clock.ms += 61_000
    assert.ok((await board.poll()).body.fresh, "again when it showed no effect")
    board.actual = { ...board.actual, fr: 2000, rv: keyDigest.slice(0, 8) }
    clock.ms += 61_000
    assert.is((await board.poll()).status, 202)
    old.close()
    board.close()
})

test.run()
