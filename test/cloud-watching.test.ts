import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { thin } from "../cloud/fleet/sampler.ts"
import { openSqliteStore } from "../cloud/store/sqlite-store.ts"
import { encodeImage } from "../toolchain/format/image.ts"
import { encodeImageMap } from "../toolchain/format/image-map.ts"
import { readSignatureInfo } from "../toolchain/format/signature-info.ts"
import { lmsParameters } from "../toolchain/sign/lms-parameters.ts"
import { BASE, call, openCloud, publish, TestDevice, type TestCloud, until, upload } from "./support/cloud.ts"
import { signedSample } from "./support/lms-sample.ts"

/** What the console looks at beyond devices and rollouts themselves. */
const test = suite<{ cloud: TestCloud; clock: { ms: number } }>("cloud: what people watch")
test.before(async context => {
    const clock = { ms: Date.parse("2030-01-01T00:00:00Z") }
    context.clock = clock
    context.cloud = await openCloud({ now: () => clock.ms, timings: { sampleMs: 20 } })
})
test.after(context => context.cloud.done())

const OTHER_BASE = "ffeeddccbbaa9988"

test("a token is told who it is and what it may do", async ({ cloud }) => {
    const { token } = await cloud.must(201, "POST", "/tokens", { name: "night shift", role: "operator", expiresInS: 3600 })
    const { body } = await call(`${cloud.url}/api/v1/me`, { token })
    assert.equal(body, { name: "night shift", role: "operator", permissions: ["read", "operate"], expiresAt: "2030-01-01T01:00:00.000Z" })
    assert.is((await call(`${cloud.url}/api/v1/me`)).status, 401)
})

test("the fleet in figures, and its versions over time with a sample only where something changed", async ({ cloud, clock }) => {
    const [one, two] = [await TestDevice.add(cloud, "f1"), await TestDevice.add(cloud, "f2")]
    await cloud.must(201, "POST", "/devices", { id: "f3" })
    const history = () => cloud.must(200, "GET", "/fleet/history?hours=24")
    await one.poll()
    await two.poll()
    await until("the first sample", history, shown => shown.samples.at(-1)?.devices["1.0.0"] === 2)
    const look = await cloud.must(200, "GET", "/fleet")
    assert.is(look.devices, 3)
    assert.is(look.reported, 2)
    assert.is(look.heard, 2)
    assert.equal(look.versions, [{ name: "1.0.0", devices: 2 }])
    assert.equal(look.bases, [{ name: BASE, devices: 2 }])
    const samples = (await history()).samples.length
    clock.ms += 3_600_000
    await new Promise(resolve => setTimeout(resolve, 80))
    assert.is((await history()).samples.length, samples, "nothing changed, nothing was written")
    assert.is((await cloud.must(200, "GET", "/fleet")).heard, 0, "both were silent for an hour")
    two.actual = { ...two.actual, v: "1.1.0", bank: "A" }
    await two.poll()
    const after = await until("the sample of the change", history, shown => shown.samples.at(-1)?.devices["1.1.0"] === 1)
    assert.equal(after.samples.at(-1).devices, { "1.0.0": 1, "1.1.0": 1 })
    assert.equal(after.versions, ["1.0.0", "1.1.0"])
    const short = await cloud.must(200, "GET", "/fleet/history?hours=0.001")
    assert.equal(short.samples.at(-1).devices, { "1.0.0": 1, "1.1.0": 1 }, "the last sample stands for what followed")
    const list = await cloud.must(200, "GET", "/devices")
    assert.equal(list.items.find((d: any) => d.id === "f2").actual, { version: "1.1.0", base: BASE, bank: "A", state: "idle", channel: null, reportedAt: "2030-01-01T01:00:00.000Z" })
    one.close()
    two.close()
})

test("old samples get rarer and the newest of each step stays", async () => {
    const folder = await mkdtemp(join(tmpdir(), "handover-samples-"))
    const store = await openSqliteStore(join(folder, "x.db"))
    const nowMs = Date.parse("2030-06-01T00:00:00Z")
    const minute = 60_000
    await store.write(async repos => {
        for (let ago = 0; ago < 24 * 60; ago++) await repos.fleet.addSample({ atMs: nowMs - ago * minute, versions: new Map([["1.0.0", ago]]) })
        await repos.fleet.addSample({ atMs: nowMs - 500 * 24 * 60 * minute, versions: new Map([["0.1.0", 1]]) })
        await thin(repos, nowMs)
    })
    const left = await store.read.fleet.samplesAfter(0)
    const ages = left.map(sample => (nowMs - sample.atMs) / minute)
    assert.is(ages.filter(age => age <= 360).length, 361, "six hours are kept as they are")
    const older = ages.filter(age => age > 360)
    assert.is(older.length, (18 * 60) / 5)
    assert.ok(older.every(age => age % 5 === 1 || age === 361), "the last of five minutes")
    assert.is(left[0].versions.has("0.1.0"), false, "after 400 days a sample is gone")
    await store.close()
    await rm(folder, { recursive: true })
})

test("a preview names the very devices that the rollout's first phase then serves, and why others are passed over", async ({ cloud }) => {
    const devices: TestDevice[] = []
    for (let n = 0; n < 40; n++) {
        const device = await TestDevice.add(cloud, `p${n}`, { attributes: { site: "preview" } })
        if (n === 0) device.actual.base = OTHER_BASE
        if (n === 1) device.actual.v = "2.0.0"
        if (n > 2) devices.push(device)
        if (n !== 2) await device.poll()
    }
    await publish(cloud, "2.0.0")
    const order = { release: "app@2.0.0", filter: "attr.site = preview", phases: [{ percent: 30, manual: true }, { percent: 100 }] }
    const preview = await cloud.must(200, "POST", "/rollouts/preview", order)
    assert.is(preview.devices, 40)
    assert.is(preview.served, 37)
    assert.equal(Object.fromEntries(preview.skipped.map((s: any) => [s.reason, s.first.map((d: any) => d.id)])), { noArtifact: ["p0"], already: ["p1"], unknown: ["p2"] })
    assert.is(preview.phases[0].devices + preview.phases[1].devices, 37)
    assert.is(preview.phases[1].total, 37)
    assert.ok(preview.phases[0].devices > 2 && preview.phases[0].devices < 25)
    assert.equal(preview.versions, [{ version: "1.0.0", devices: 37 }])
    const again = await cloud.must(200, "POST", "/rollouts/preview", { ...order, seed: preview.seed })
    assert.equal(again, preview)

    const rollout = await cloud.must(201, "POST", "/rollouts", { ...order, seed: preview.seed })
    const granted = await until(
        "the first phase's grants",
        () => cloud.must(200, "GET", `/rollouts/${rollout.id}/devices?limit=500`),
        page => page.items.filter((d: any) => d.state === "granted").length >= preview.phases[0].devices,
    )
    assert.equal(granted.items.filter((d: any) => d.state === "granted").map((d: any) => d.device).sort(), preview.phases[0].first.map((d: any) => d.id).sort())
    await cloud.must(202, "POST", `/rollouts/${rollout.id}/abort`)

    const { token } = await cloud.must(201, "POST", "/tokens", { name: "looks", role: "viewer" })
    assert.is((await call(`${cloud.url}/api/v1/rollouts/preview`, { token, json: order })).status, 200)
    assert.is((await call(`${cloud.url}/api/v1/rollouts/preview`, { token, json: { ...order, filter: "nonsense ~" } })).body.code, "HOV_API_BAD_FILTER")
    assert.is((await cloud.api("POST", "/rollouts/preview", { ...order, phases: [{ count: 3 }, { percent: 100 }] })).body.phases[0].devices, 3)
    for (const device of devices) device.close()
})

test("a release shows the functions of its image with their bytes, its signature, and bases that it has nothing for", async ({ cloud }) => {
    const functions = [
        { target: { host: 3 }, policy: "skip", ranges: [], words: [{ kind: "handler", number: 9 }, { kind: "int", value: 70_000 }] },
        { target: { added: "function" }, policy: "rethrow", ranges: [[2, 3, 3]], words: [{ kind: "handler", number: 1 }] },
    ] as const
    const image = encodeImage({ baseId: Buffer.from(BASE, "hex"), sequence: 9, budget: 100, strings: ["hello"], buffers: [], cells: 1, tokens: 0, functions, rules: [], initialise: undefined, goLive: undefined, goBack: undefined })
    const { image: digest } = await publish(cloud, "3.0.0", { image })
    const map = encodeImageMap({
        format: "handover-image-map", formatVersion: 1, baseId: BASE, version: "3.0.0", sequence: 9, imageDigest: digest, paths: ["src/app/heater.ts"],
        functions: [{ name: "regulate", key: "a", path: 0, lines: [[0, 0, 12]] }, { name: "helper", key: "b", path: 0, lines: [[0, 0, 30]] }],
    })
    const before = await cloud.must(200, "GET", "/releases/app@3.0.0/contents")
    assert.equal(before.images[0].contents.functions.map((f: any) => f.name), ["function 3", "added function"])
    await upload(cloud, "app@3.0.0/maps", map)
    const shown = await cloud.must(200, "GET", "/releases/app@3.0.0/contents")
    assert.equal(shown.images[0].contents.functions, [
        { name: "regulate", location: "src/app/heater.ts:12", change: "replaced", bytes: 10, onFault: "skip" },
        { name: "helper", location: "src/app/heater.ts:30", change: "added", bytes: 8, onFault: "rethrow" },
    ])
    assert.is(shown.images[0].contents.codeBytes + shown.images[0].contents.restBytes, image.length)
    assert.is(shown.images[0].signedWith, null, "random bytes are no signature")
    assert.ok(shown.without.some((w: any) => w.base === OTHER_BASE))

    const reasons = [{ code: "HOV114", functionName: "regulate", location: "src/app/heater.ts:12", detail: "why", fix: "what to do" }]
    await cloud.must(201, "POST", "/releases/app@3.0.0/refusals", { base: OTHER_BASE, reasons })
    assert.is((await cloud.api("POST", "/releases/app@3.0.0/refusals", { base: BASE, reasons })).status, 409)
    assert.is((await cloud.api("POST", "/releases/app@3.0.0/refusals", { base: OTHER_BASE, reasons: [] })).status, 400)
    assert.equal((await cloud.must(200, "GET", "/releases/app@3.0.0/contents")).refusals.map((r: any) => [r.base, r.reasons]), [[OTHER_BASE, reasons]])
})

test("a signature says which kind it is and which one-time key it used up", () => {
    const { signature } = signedSample(lmsParameters(5, 8), 7)
    assert.equal(readSignatureInfo(signature), { lms: "LMS_SHA256_M32_H5", ots: "LMOTS_SHA256_N32_W8", leaf: 7, leaves: 32 })
    assert.is(readSignatureInfo(signature.subarray(1)), undefined)
    assert.is(readSignatureInfo(new Uint8Array(3)), undefined)
})

test("lines of a device's log are kept, shown live, and the oldest forgotten", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "talks")
    const send = (lines: unknown, token = device.token) => call(`${cloud.url}/v1/dfu/talks/log`, { token, json: { lines } })
    assert.is((await send(["> first\u001b[31m", "> second"])).status, 200)
    assert.is((await send([], device.token)).status, 400)
    assert.is((await send(["x"], "not-the-right-token")).status, 401)
    const { items } = await cloud.must(200, "GET", "/devices/talks/log")
    assert.equal(items.map((item: any) => item.line), ["> second", "> first [31m"])
    for (let n = 0; n < 17; n++) assert.is((await send(Array.from({ length: 32 }, (_, line) => `line ${n * 32 + line}`))).status, 200)
    const all = (await cloud.must(200, "GET", "/devices/talks/log?limit=500")).items
    assert.is(all.length, 500)
    assert.is(all[0].line, "line 543")
    const events = await call(`${cloud.url}/api/v1/devices/talks/log?limit=500&after=${all[499].seq}`, { token: cloud.adminToken })
    assert.equal(events.body.items, [])
    device.close()
})

test("the console's files come with a policy that lets it talk to this server alone; without them it says what to do", async () => {
    const folder = await mkdtemp(join(tmpdir(), "handover-console-"))
    const cloud = await openCloud({ consoleDir: join(folder, "missing") })
    const missing = await call(`${cloud.url}/console/`)
    assert.is(missing.status, 503)
    assert.match(missing.bytes.toString(), "npm run build:console")
    await cloud.done()

    await writeFile(join(folder, "index.html"), "<!doctype html>")
    await writeFile(join(folder, "notes.md"), "not served")
    const built = await openCloud({ consoleDir: folder })
    const page = await call(`${built.url}/console/`)
    assert.is(page.status, 200)
    const policy = String(page.headers["content-security-policy"])
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) assert.match(policy, rule)
    assert.not.match(policy, "unsafe")
    assert.is(page.headers["x-content-type-options"], "nosniff")
    assert.is((await call(`${built.url}/console/`, { headers: { "if-none-match": String(page.headers.etag) } })).status, 304)
    for (const name of ["notes.md", "../package.json", "%2e%2e/package.json", "nothing.js"]) assert.is((await call(`${built.url}/console/${name}`)).status, 404)
    assert.is((await call(`${built.url}/console`)).headers.location, "/console/")
    await built.done()
    await rm(folder, { recursive: true })
})

test.run()
