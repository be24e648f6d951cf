import { createHash } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeImageMap } from "../toolchain/format/image-map.ts"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, call, openCloud, publish, TestDevice, until, upload } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud; image: string }>("cloud: bases, maps and diagnostics")
test.before(async context => {
    context.cloud = await openCloud()
    context.image = (await publish(context.cloud, "1.1.0")).image
})
test.after(context => context.cloud.done())

const mapOf = (imageDigest: string, change: Record<string, unknown> = {}) =>
    encodeImageMap({
        format: "handover-image-map",
        formatVersion: 1,
        baseId: BASE,
        version: "1.1.0",
        sequence: 1,
        imageDigest,
        paths: ["src/app/heater.ts"],
        functions: [
            { name: "regulate", key: "k1", path: 0, lines: [[0, 0, 12], [8, 0, 14]] },
            { name: "made", key: "k2", path: -1, lines: [] },
        ],
        hosts: [
            { name: "top-level code", location: null, role: "call" },
            { name: "watch", location: "src/app/alarm.ts:7", role: "interval" },
        ],
        ...change,
    } as never)

test("a fault that a board reports as numbers is shown with its function and line, once the map is there", async ({ cloud, image }) => {
    const device = await TestDevice.add(cloud, "faulty")
    await device.poll()
    await cloud.must(202, "POST", "/devices/faulty/update", { version: "1.1.0" })
    const { body } = await device.poll(5)
    const diag = { kind: "exception", msg: "no sensor", fn: 0, pc: 9, img: image.slice(0, 8), native: "", up: 5 }
    await device.status({ id: body.id, state: "trial", v: "1.1.0" })
    await device.status({ id: body.id, state: "rolledBack", v: "1.0.0", code: "HOV_TRIAL_FAULT", diag })
    assert.is((await cloud.must(200, "GET", "/devices/faulty")).commands[0].fault, null)

    assert.is((await upload(cloud, "app@1.1.0/maps", mapOf(image))).status, 201)
    assert.is((await upload(cloud, "app@1.1.0/maps", mapOf(image))).status, 200, "the same again is no error")
    const shown = await cloud.must(200, "GET", "/devices/faulty")
    const fault = { message: "no sensor", release: "app@1.1.0", function: "regulate", location: "src/app/heater.ts:14" }
    assert.equal(shown.commands[0].fault, fault)
    assert.equal(shown.commands[0].diagnostics, diag)
    const { items } = await cloud.must(200, "GET", "/devices/faulty/history")
    assert.equal(items[0].fault, fault)

    for (const odd of [{ ...diag, fn: 99 }, { ...diag, img: "../../.." }, { ...diag, fn: "0" }, { kind: "panic" }, { ...diag, fn: 1, pc: 1e9 }])
        await device.status({ id: body.id, state: "rolledBack", v: "1.0.0", diag: odd })
    const odd = await cloud.must(200, "GET", "/devices/faulty/history")
    assert.equal(odd.items.slice(0, 5).map((item: any) => item.fault?.function ?? null), ["made", null, null, null, null])
    device.close()
})

test("calls that still run old code are shown by name, where a map has them", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "waiting")
    const old = [
        [3, 5000, 1, -1, -1],
        [4, 20, 1, 1, 0],
        [5, 20, 9, 77, 2],
    ]
    device.actual = { ...device.actual, nOld: 3, old }
    await device.poll()
    const { actual } = await until("the report", () => cloud.must(200, "GET", "/devices/waiting"), shown => shown.actual !== null)
    const named = actual.ledger.calls.map((c: any) => [c.fiber, c.role, c.name, c.location, c.version])
    assert.equal(named, [
        [3, "interval", "watch", "src/app/alarm.ts:7", null],
        [4, "interval", "regulate", "src/app/heater.ts:12", "1.1.0"],
        [5, null, null, null, null],
    ])
    device.close()
})

test("a map of another image, release or format is refused", async ({ cloud, image }) => {
    const cases: [string, string, number][] = [
        [mapOf("0".repeat(64)), "HOV_API_ARTIFACT_BAD", 422],
        [mapOf(image, { baseId: "f".repeat(16) }), "HOV_API_ARTIFACT_BAD", 422],
        [mapOf(image, { version: "9.9.9" }), "HOV_API_ARTIFACT_VERSION", 422],
        [mapOf(image, { functions: [{ name: 5 }] }), "HOV_API_ARTIFACT_BAD", 422],
        [mapOf(image, { paths: ["elsewhere.ts"] }), "HOV_API_ARTIFACT_EXISTS", 409],
        ["not json", "HOV_API_ARTIFACT_BAD", 422],
    ]
    for (const [text, code, status] of cases) {
        const answer = await upload(cloud, "app@1.1.0/maps", text)
        assert.is(answer.body.code, code)
        assert.is(answer.status, status)
    }
})

test("a base is uploaded, fetched again as it was, and is what a release by its name means for its boards", async ({ cloud }) => {
    await cloud.must(201, "POST", "/releases", { app: "app", version: "1.0.0" })
    const program = Buffer.from("a program")
    const bundle = (change: Record<string, unknown> = {}) =>
        JSON.stringify({
            format: "handover-base",
            formatVersion: 1,
            toolchain: "0.1.0",
            version: "1.0.0",
            baseId: BASE,
            program: program.toString("base64"),
            programSha256: createHash("sha256").update(program).digest("hex"),
            linkedSha256: "ab".repeat(32),
            ...change,
        })
    assert.is((await upload(cloud, "app@1.0.0/bases", bundle())).status, 201)
    assert.is((await upload(cloud, "app@1.0.0/bases", bundle())).status, 200)
    assert.is((await upload(cloud, "app@1.0.0/bases", bundle({ linkedSha256: "cd".repeat(32) }))).status, 409)
    assert.match((await upload(cloud, "app@1.0.0/bases", bundle({ programSha256: "00".repeat(32) }))).body.detail, "HOV_BUNDLE_DAMAGED")
    assert.match((await upload(cloud, "app@1.0.0/bases", "{}")).body.detail, "HOV_BUNDLE_FORMAT")
    assert.is((await upload(cloud, "app@1.1.0/bases", bundle())).status, 422)
    const fetched = await call(`${cloud.url}/api/v1/bases/${BASE}`, { token: cloud.adminToken })
    assert.is(fetched.bytes.toString(), bundle())
    assert.is((await call(`${cloud.url}/api/v1/bases/${"e".repeat(16)}`, { token: cloud.adminToken })).status, 404)
    assert.is((await cloud.must(200, "GET", "/releases/app@1.0.0")).bases[0].base, BASE)

    const device = await TestDevice.add(cloud, "by-name")
    await device.poll()
    await cloud.must(202, "POST", "/devices/by-name/update", { version: "1.1.0" })
    await device.install((await device.poll(5)).body)
    await cloud.must(202, "POST", "/devices/by-name/update", { version: "1.0.0" })
    const { body } = await device.poll(5)
    assert.is(body.cmd, "revert")
    await device.install(body)
    assert.is((await cloud.must(200, "GET", "/devices/by-name")).sync.state, "converged")
    device.close()
})

test.run()
