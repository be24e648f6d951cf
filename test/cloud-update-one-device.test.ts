import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, call, openCloud, publish, sha256, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: update one device")
test.before(async context => {
    context.cloud = await openCloud()
    await publish(context.cloud, "1.1.0")
})
test.after(context => context.cloud.done())

test("an idle device's poll is answered with an empty 202", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "idle")
    const answer = await device.poll()
    assert.is(answer.status, 202)
    assert.is(answer.headers["content-length"], "0")
    assert.is(answer.headers["transfer-encoding"], undefined)
    device.close()
})

test("one HTTP command reaches the held poll, and the image can be fetched in parts", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "held")
    await device.poll()
    const waiting = device.poll(30)
    await until("the poll to be held", () => call(`${cloud.url}/healthz`).then(answer => answer.body.heldPolls), held => held === 1)
    const { command } = await cloud.must(202, "POST", "/devices/held/update", { version: "1.1.0" })
    const answer = await waiting
    assert.is(answer.status, 200)
    assert.is(answer.body.cmd, "update")
    assert.is(answer.body.id, command.id)
    assert.is(answer.body.v, "1.1.0")
    assert.is(answer.body.m.length, 160)
    assert.ok(answer.bytes.length < 2048)
    assert.is(answer.headers["content-length"], String(answer.bytes.length))

    const half = Math.floor(answer.body.len / 2)
    const fetchPart = (query: string) => call(`${cloud.url}/v1/blobs/${answer.body.img}${query}`, { token: device.token })
    const parts = [await fetchPart(`?offset=0&length=${half}`), await fetchPart(`?offset=${half}`)]
    assert.is(sha256(Buffer.concat(parts.map(part => part.bytes))), answer.body.img)
    assert.is(parts[0].headers["content-length"], String(half))
    // The address names the content: whatever stands in between may keep it for ever.
    for (const part of parts) assert.is(part.headers["cache-control"], "public, max-age=31536000, immutable")
    const signature = await call(`${cloud.url}/v1/blobs/${answer.body.sig}`, { token: device.token })
    assert.is(signature.bytes.length, answer.body.sigLen)
    device.close()
})

test("the device's history ends with the confirmation, and nothing more is offered", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "complete")
    await device.poll()
    await cloud.must(202, "POST", "/devices/complete/update", { version: "1.1.0" })
    const { body } = await device.poll(5)
    await device.install(body)
    assert.is((await device.poll()).status, 202)
    const shown = await cloud.must(200, "GET", "/devices/complete")
    assert.is(shown.desired.version, "1.1.0")
    assert.is(shown.actual.version, "1.1.0")
    assert.is(shown.actual.state, "confirmed")
    assert.is(shown.sync.state, "converged")
    assert.is(shown.command, null)
    assert.is(shown.commands[0].state, "succeeded")
    assert.equal(
        shown.history.map((step: any) => step.state),
        ["confirmed", "trial", "ready", "downloading", "checking"],
    )
    device.close()
})

test("a device that is wanted before it was ever seen gets the command with its first poll", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "new")
    const { command, sync } = await cloud.must(202, "POST", "/devices/new/update", { version: "app@1.1.0" })
    assert.is(command, null)
    assert.is(sync.state, "unknown")
    const answer = await device.poll(5)
    assert.is(answer.status, 200)
    assert.is(answer.body.v, "1.1.0")
    device.close()
})

test("a release without an artifact for the device's base is refused at once", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "other-base")
    device.actual.base = "ffffffffffffffff"
    await device.poll()
    await until(
        "the report",
        () => cloud.must(200, "GET", "/devices/other-base"),
        shown => shown.actual !== null,
    )
    const answer = await cloud.api("POST", "/devices/other-base/update", { version: "1.1.0" })
    assert.is(answer.status, 409)
    assert.is(answer.body.code, "HOV_API_NO_ARTIFACT")
    assert.is((await cloud.must(200, "GET", "/devices/other-base")).desired, null)
    device.close()
})

test("a question that is cancelled is asked no more, and what is desired stays", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "asked")
    await device.poll()
    await cloud.must(200, "PUT", "/devices/asked/desired", { release: "base" })
    const { command } = await cloud.must(202, "POST", "/devices/asked/check")
    assert.is((await cloud.api("POST", "/devices/asked/check")).body.code, "HOV_API_COMMAND_ACTIVE")
    assert.equal((await cloud.must(202, "POST", "/devices/asked/cancel")).command.state, "cancelled")
    const shown = await cloud.must(200, "GET", "/devices/asked")
    assert.equal([shown.command, shown.commands[0].id, shown.desired.release], [null, command.id, "base"])
    assert.is((await device.poll()).status, 202)
    device.close()
})

test("an artifact that comes later is offered to the devices that wait for it", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "early")
    await device.poll()
    await cloud.must(201, "POST", "/releases", { app: "app", version: "1.3.0" })
    await until(
        "the device to wait for an artifact",
        () => cloud.must(200, "PUT", "/devices/early/desired", { release: "1.3.0" }),
        shown => shown.sync.state === "noArtifact",
    )
    const waiting = device.poll(20)
    const { artifactFile } = await import("./support/cloud.ts")
    const upload = await call(`${cloud.url}/api/v1/releases/1.3.0/artifacts`, {
        token: cloud.adminToken,
        raw: artifactFile("1.3.0", { base: BASE }),
        headers: { "content-type": "application/octet-stream" },
    })
    assert.is(upload.status, 201)
    assert.is((await waiting).body.v, "1.3.0")
    device.close()
})

test.run()
