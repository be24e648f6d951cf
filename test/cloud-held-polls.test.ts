import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { calmest } from "./support/calmest.ts"
import type { TestCloud } from "./support/cloud.ts"
import { call, openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: held polls")
test.before(async context => {
    context.cloud = await openCloud()
    await publish(context.cloud, "1.1.0")
})
test.after(context => context.cloud.done())

const held = (cloud: TestCloud, count: number) =>
    until(`${count} held polls`, () => call(`${cloud.url}/healthz`).then(answer => answer.body.heldPolls), value => value === count)

/** Polls as a board does: one that waits for less than was asked for, because its command may be said again, is followed by another. */
async function nextCommand(device: TestDevice): Promise<unknown> {
    for (;;) {
        const { status, body } = await device.poll(20)
        if (status !== 202) return body
    }
}

test("a poll with nothing to say ends after ct seconds, on the same connection as the next one", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "waits")
    const poll = async () => {
        const before = performance.now()
        const answer = await device.poll(1)
        const tookMs = performance.now() - before
        assert.is(answer.status, 202)
        assert.is(answer.headers.connection, "keep-alive")
        assert.ok(tookMs >= 1000, `${tookMs} ms`)
        return tookMs
    }
    const tookMs = await calmest(poll, ms => ms < 1600, 3)
    assert.ok(tookMs < 1600, `${tookMs} ms`)
    device.close()
})

test("the interval that the server sets reaches a device with its first poll, and does not come back with each one", async () => {
    let nowMs = Date.now()
    const cloud = await openCloud({ pollMs: 90_000, now: () => nowMs })
    try {
        const device = await TestDevice.add(cloud, "plain")
        const first = await device.poll()
        assert.equal([first.status, first.body], [200, { pollMs: 90_000 }])
        assert.is((await device.poll()).status, 202)
        const release = await publish(cloud, "1.1.0")
        await cloud.must(202, "POST", "/devices/plain/update", { version: "1.1.0" })
        assert.is((await device.poll(5)).body.img, release.image)
        await device.status({ id: "", state: "failed", v: "1.0.0", code: "HOV_TEST" })
        // The answer may have been lost: it is said again, but seldom.
        nowMs += 3_600_000
        assert.is((await device.poll()).body.pollMs, 90_000)
        device.close()
    } finally {
        await cloud.done()
    }
})

test("a newer poll of the same device ends the older one", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "twice")
    const older = device.poll(30)
    await held(cloud, 1)
    const newer = device.poll(1)
    assert.is((await older).status, 202)
    assert.is((await newer).status, 202)
    device.close()
})

test("a poll whose connection is gone is forgotten, and the command waits for the next one", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "gone")
    const abort = new AbortController()
    const cut = device.poll(30, abort.signal).catch(() => "cut")
    await held(cloud, 1)
    abort.abort()
    assert.is(await cut, "cut")
    await held(cloud, 0)
    const { command } = await cloud.must(202, "POST", "/devices/gone/update", { version: "1.1.0" })
    assert.is((await device.poll(5)).body.id, command.id)
    device.close()
})

test("an answer that was lost is given again under the same id, but not in a tight loop", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "lost-answer")
    await device.poll()
    await cloud.must(202, "POST", "/devices/lost-answer/update", { version: "1.1.0" })
    const first = await device.poll(5)
    assert.is((await device.poll()).status, 202)
    const again = await device.poll(5)
    assert.is(again.body.id, first.body.id)
    device.close()
})

test("a device that works on a command is not told it again", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "busy")
    await device.poll()
    await cloud.must(202, "POST", "/devices/busy/update", { version: "1.1.0" })
    const { body } = await device.poll(5)
    await device.status({ id: body.id, state: "downloading", done: 10, of: 300 })
    device.actual.state = "downloading"
    assert.is((await device.poll(1)).status, 202)
    const shown = await cloud.must(200, "GET", "/devices/busy")
    assert.is(shown.command.doneBytes, 10)
    assert.is(shown.command.state, "running")
    device.close()
})

test("a cancel reaches the device that works on a command", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "cancelled")
    await device.poll()
    await cloud.must(202, "POST", "/devices/cancelled/update", { version: "1.1.0" })
    const { body } = await device.poll(5)
    await device.status({ id: body.id, state: "downloading" })
    device.actual.state = "downloading"
    const waiting = nextCommand(device)
    await held(cloud, 1)
    await cloud.must(202, "POST", "/devices/cancelled/cancel")
    assert.equal(await waiting, { cmd: "cancel", id: body.id })
    device.actual.state = "idle"
    await device.status({ id: body.id, state: "idle" })
    const shown = await cloud.must(200, "GET", "/devices/cancelled")
    assert.is(shown.commands[0].state, "cancelled")
    assert.equal(shown.blocked, [])
    device.close()
})

test("closing the server answers the polls that wait", async () => {
    const cloud = await openCloud()
    const device = await TestDevice.add(cloud, "at-close")
    const waiting = device.poll(30)
    await held(cloud, 1)
    await cloud.done()
    assert.is((await waiting).status, 202)
    device.close()
})

test.run()
