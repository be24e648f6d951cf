/** hawkBit's device interface on our own server, as its documentation has it. */
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseRange } from "../cloud/byte-range.ts"
import { parseTenants } from "../cloud/ddi/tenants.ts"
import { LIMITS } from "../cloud/limits.ts"
import type { TestCloud } from "./support/cloud.ts"
import { call, openCloud, publish, sha256, until, upload } from "./support/cloud.ts"

const GATEWAY = "gateway-token-of-the-linux-tenant"
const OTHER = "gateway-token-of-another-tenant"
const FILE = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) & 255))
const test = suite("DDI")

const gateway = { headers: { authorization: `GatewayToken ${GATEWAY}` } }

async function withCloud(work: (cloud: TestCloud, root: string) => Promise<void>): Promise<void> {
    const tenants = [
        { name: "linux", gatewayToken: GATEWAY },
        { name: "other", gatewayToken: OTHER },
    ]
    const cloud = await openCloud({ ddi: { tenants, pollS: 90 } })
    try {
        await work(cloud, `${cloud.url}/linux/controller/v1`)
    } finally {
        await cloud.done()
    }
}

async function release(cloud: TestCloud, version: string, query = "filename=a.swu"): Promise<void> {
    await cloud.must(201, "POST", "/releases", { app: "os", version })
    const sent = await upload(cloud, `os@${version}/files?${query}`, FILE)
    assert.is(sent.status, 201, sent.bytes.toString())
}

/** Wishes the release and polls until the link is there; returns what it leads to. */
async function deployment(cloud: TestCloud, root: string, device: string, version: string) {
    await cloud.must(200, "PUT", `/devices/${device}/desired`, { release: `os@${version}` })
    const link = await linkOf(root, device, "deploymentBase")
    const answer = await call(link, gateway)
    assert.is(answer.status, 200, answer.bytes.toString())
    return { link, body: answer.body }
}

async function linkOf(root: string, device: string, name: string): Promise<string> {
    const poll = async () => {
        const answer = await call(`${root}/${device}`, gateway)
        // No oftener than a device may.
        await new Promise(resolve => setTimeout(resolve, 1_000 / LIMITS.deviceRequestsPerS))
        return answer
    }
    const polled = await until(`a link ${name}`, poll, ({ body }) => body?._links?.[name] !== undefined)
    return polled.body._links[name].href
}

const say = (link: string, status: object, id?: string) => call(`${link}/feedback`, { ...gateway, json: { id, status } })
const closed = (finished: string, details: string[] = []) => ({ execution: "closed", result: { finished }, details })
const shown = (cloud: TestCloud, device: string) => cloud.must(200, "GET", `/devices/${device}`)

test("a device that is not known yet becomes one with its tenant's gateway token, and learns how often to poll", () =>
    withCloud(async (cloud, root) => {
        const first = await call(`${root}/gw-1`, gateway)
        assert.is(first.status, 200)
        assert.match(String(first.headers["content-type"]), /^application\/hal\+json/)
        assert.is(first.body.config.polling.sleep, "00:01:30")
        assert.is(first.body._links.configData.href, `${root}/gw-1/configData`)
        assert.is((await shown(cloud, "gw-1")).attributes.ddiTenant, "linux")
    }))

test("what a device says of itself is what groups filter by, under names of its own", () =>
    withCloud(async (cloud, root) => {
        await call(`${root}/gw-1`, gateway)
        const put = (json: object) => call(`${root}/gw-1/configData`, { ...gateway, method: "PUT", json })
        assert.is((await put({ id: "", mode: "merge", data: { serial: "X1", ddiTenant: "other", "bad key!": "v" }, status: { result: { finished: "success" }, execution: "closed" } })).status, 200)
        assert.equal((await shown(cloud, "gw-1")).attributes, { ddiTenant: "linux", "ddi.serial": "X1", "ddi.ddiTenant": "other", "ddi.bad_key_": "v" })
        assert.is((await put({ mode: "replace", data: { serial: "X2" } })).status, 200)
        assert.equal((await shown(cloud, "gw-1")).attributes, { ddiTenant: "linux", "ddi.serial": "X2" })
        assert.is((await call(`${root}/gw-1`, gateway)).body._links.configData, undefined)
    }))

test("a deployment names the file with size, digests and address, and its success is the device's actual state", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        await call(`${root}/gw-1`, gateway)
        const { link, body } = await deployment(cloud, root, "gw-1", "2.0.0")
        assert.ok(Number(body.id) > 0 && Number(body.id) <= 0x7fffffff)
        assert.equal([body.deployment.download, body.deployment.update], ["forced", "forced"])
        const [chunk] = body.deployment.chunks
        assert.equal([chunk.part, chunk.name, chunk.version], ["os", "os", "2.0.0"])
        const [file] = chunk.artifacts
        assert.equal([file.filename, file.size, file.hashes.sha256], ["a.swu", FILE.length, sha256(FILE)])
        const got = await call(file._links["download-http"].href, gateway)
        assert.equal(got.bytes, FILE)
        assert.match((await call(file._links["md5sum-http"].href, gateway)).bytes.toString(), new RegExp(`^${file.hashes.md5} `))
        assert.is((await say(link, { execution: "proceeding", result: { finished: "none", progress: { cnt: 1, of: 4 } }, details: ["25 %"] }, body.id)).status, 200)
        const midway = await shown(cloud, "gw-1")
        assert.equal([midway.command.state, midway.command.doneBytes, midway.command.ofBytes], ["running", 1, 4])
        assert.is((await say(link, closed("success"), body.id)).status, 200)
        const after = await shown(cloud, "gw-1")
        assert.equal([after.actual.version, after.sync.state, after.commands[0].state], ["2.0.0", "converged", "succeeded"])
        // Said again, because the answer was lost: no error, and nothing changes.
        assert.is((await say(link, closed("failure"), body.id)).status, 200)
        assert.is((await shown(cloud, "gw-1")).actual.version, "2.0.0")
        assert.is((await say(link, { execution: "proceeding" })).status, 410)
        assert.is((await call(link, gateway)).status, 410)
        assert.is((await call(`${root}/gw-1`, gateway)).body._links.deploymentBase, undefined)
    }))

test("a failure is told with its reasons, and the release is not offered again", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        await call(`${root}/gw-1`, gateway)
        const { link } = await deployment(cloud, root, "gw-1", "2.0.0")
        await say(link, closed("failure", ["no space left"]))
        const after = await shown(cloud, "gw-1")
        assert.equal([after.commands[0].state, after.commands[0].code], ["failed", "HOV_DDI_FAILURE"])
        assert.equal(after.commands[0].diagnostics.details, ["no space left"])
        assert.is(after.sync.state, "blocked")
        assert.is((await call(`${root}/gw-1`, gateway)).body._links.deploymentBase, undefined)
    }))

test("a device told to cancel confirms it, or goes on and ends the update", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        for (const [device, execution, state] of [["gw-1", "canceled", "cancelled"], ["gw-2", "rejected", "succeeded"]] as const) {
            await call(`${root}/${device}`, gateway)
            const { link } = await deployment(cloud, root, device, "2.0.0")
            await say(link, { execution: "proceeding" })
            await cloud.must(202, "POST", `/devices/${device}/cancel`)
            const cancel = await linkOf(root, device, "cancelAction")
            const told = await call(cancel, gateway)
            assert.is(told.body.cancelAction.stopId, told.body.id)
            assert.is((await say(cancel, { execution, result: { finished: "none" } })).status, 200)
            if (execution === "rejected") await say(link, closed("success"))
            assert.is((await shown(cloud, device)).commands[0].state, state)
        }
    }))

test("parts of a file come as asked, and no others", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        await call(`${root}/gw-1`, gateway)
        const { body } = await deployment(cloud, root, "gw-1", "2.0.0")
        const address = body.deployment.chunks[0].artifacts[0]._links["download-http"].href
        const part = (range: string, more: Record<string, string> = {}) => call(address, { headers: { ...gateway.headers, range, ...more } })
        for (const [range, from, end] of [["bytes=0-0", 0, 1], ["bytes=100-299", 100, 300], ["bytes=4990-", 4990, 5000], ["bytes=-10", 4990, 5000], ["bytes=4000-999999", 4000, 5000]] as const) {
            const answer = await part(range)
            assert.is(answer.status, 206)
            assert.is(answer.headers["content-range"], `bytes ${from}-${end - 1}/5000`)
            assert.equal(answer.bytes, FILE.subarray(from, end))
        }
        const beyond = await part("bytes=5000-")
        assert.equal([beyond.status, beyond.headers["content-range"]], [416, "bytes */5000"])
        assert.is((await part("bytes=0-9", { "if-range": '"something else"' })).status, 200)
        const head = await call(address, { ...gateway, method: "HEAD" })
        assert.equal([head.status, head.headers["content-length"], head.bytes.length], [200, "5000", 0])
        assert.is((await call(address.replace("a.swu", "b.swu"), gateway)).status, 404)
    }))

test("nobody speaks for a device but itself and its own tenant", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        await call(`${root}/gw-1`, gateway)
        const { body } = await deployment(cloud, root, "gw-1", "2.0.0")
        const address = body.deployment.chunks[0].artifacts[0]._links["download-http"].href
        const { token } = await cloud.must(201, "POST", "/devices", { id: "own-token", attributes: { ddiKind: "linux" } })
        const { token: boardToken } = await cloud.must(201, "POST", "/devices", { id: "board" })
        const status = async (url: string, authorization?: string) => (await call(url, { headers: authorization === undefined ? {} : { authorization } })).status
        assert.is(await status(`${root}/gw-1`), 401)
        assert.is(await status(`${root}/gw-1`, "GatewayToken this-is-not-the-token"), 401)
        assert.is(await status(`${root}/gw-1`, `Bearer ${cloud.adminToken}`), 401)
        assert.is(await status(`${root}/gw-1`, `TargetToken ${token}`), 401)
        assert.is(await status(address, `TargetToken ${token}`), 401)
        assert.is(await status(`${root}/own-token`, `TargetToken ${token}`), 200)
        assert.is(await status(`${root}/own-token`, `GatewayToken ${GATEWAY}`), 401, "a gateway's token is for the devices that it brought")
        assert.is(await status(`${root}/nobody`, `TargetToken ${token}`), 401)
        assert.is(await status(`${cloud.url}/other/controller/v1/gw-1`, `GatewayToken ${OTHER}`), 401, "another tenant")
        assert.is(await status(`${cloud.url}/other/controller/v1/gw-1`, `GatewayToken ${GATEWAY}`), 401)
        assert.is(await status(`${cloud.url}/third/controller/v1/gw-1`, `GatewayToken ${GATEWAY}`), 404)
        // A board is no DDI device.
        await call(`${cloud.url}/v1/dfu/board/poll`, { token: boardToken, json: { v: "1", seq: 0, base: "00112233445566aa", bank: "R", state: "idle" } })
        assert.is(await status(`${root}/board`, `TargetToken ${boardToken}`), 409)
    }))

test("a feedback with words that DDI does not have is refused", () =>
    withCloud(async (cloud, root) => {
        await release(cloud, "2.0.0")
        await call(`${root}/gw-1`, gateway)
        const { link } = await deployment(cloud, root, "gw-1", "2.0.0")
        for (const status of [{ execution: "finished" }, { execution: "closed", result: { finished: "yes" } }, {}]) assert.is((await say(link, status)).status, 400)
        assert.is((await say(link.replace(/\d+$/, "77"), closed("success"))).status, 404)
        assert.is((await call(`${link}/feedback`, { ...gateway, raw: "{" })).status, 400)
    }))

test("one rollout brings boards their images and Linux devices their files, by kind", () =>
    withCloud(async (cloud, root) => {
        await publish(cloud, "3.0.0", { app: "os" })
        assert.is((await upload(cloud, "os@3.0.0/files?filename=a.swu&kind=linux", FILE)).status, 201)
        assert.is((await upload(cloud, "os@3.0.0/files?filename=b.raucb&kind=camera", FILE.subarray(9))).status, 201)
        await call(`${root}/gw-1`, gateway)
        await call(`${root}/cam-1`, gateway)
        await cloud.must(200, "PATCH", "/devices/cam-1", { attributes: { ddiTenant: "linux", ddiKind: "camera" } })
        await call(`${root}/cam-1`, gateway)
        const { token } = await cloud.must(201, "POST", "/devices", { id: "board-1" })
        const poll = () => call(`${cloud.url}/v1/dfu/board-1/poll`, { token, json: { v: "1.0.0", seq: 0, base: "00112233445566aa", bank: "R", state: "idle" } })
        await poll()
        await until("the reports", () => cloud.must(200, "GET", "/devices"), list => list.items.filter((item: any) => item.actual !== null).length === 3)
        await cloud.must(201, "POST", "/rollouts", { release: "os@3.0.0", phases: [{ percent: 100 }] })
        const files = await Promise.all(["gw-1", "cam-1"].map(async id => (await call(await linkOf(root, id, "deploymentBase"), gateway)).body.deployment.chunks[0]))
        assert.equal(files.map(chunk => [chunk.part, chunk.artifacts[0].filename]), [["os", "a.swu"], ["camera", "b.raucb"]])
        const board = await until("the board's command", poll, answer => answer.status === 200)
        assert.is(board.body.cmd, "update")
    }))

test("tenants are read from text, and a wrong part is named without its token", () => {
    assert.equal(parseTenants("a:0123456789abcdef, b-2:fedcba9876543210").map(tenant => tenant.name), ["a", "b-2"])
    for (const bad of ["a", "a:short", "api:0123456789abcdef", "a/b:0123456789abcdef", "a:0123456789abcdef,a:0123456789abcdef"]) {
        assert.throws(() => parseTenants(bad), (error: Error) => error.message.startsWith("HANDOVER_DDI") && !error.message.includes("0123456789abcdef"))
    }
    assert.is(parseRange("bytes=5-2", 10), null)
    assert.is(parseRange("bytes=0-1,4-5", 10), null)
    assert.is(parseRange("bytes=-0", 10), undefined)
})

test.run()
