import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: a release that failed on a device")
test.before(async context => {
    context.cloud = await openCloud()
    await publish(context.cloud, "1.1.0")
    await publish(context.cloud, "1.2.0")
})
test.after(context => context.cloud.done())

async function bringTo(cloud: TestCloud, id: string, state: string, more: Record<string, unknown> = {}): Promise<TestDevice> {
    const device = await TestDevice.add(cloud, id)
    await device.poll()
    await cloud.must(202, "POST", `/devices/${id}/update`, { version: "1.2.0" })
    const { body } = await device.poll(5)
    await device.status({ id: body.id, state: "trial", v: "1.2.0" })
    device.actual.state = state
    assert.is((await device.status({ id: body.id, state, v: "1.0.0", ...more })).status, 200)
    return device
}

test("a rollback is shown with its diagnostics and the release is not offered again", async ({ cloud }) => {
    const diag = { kind: "exception", msg: "boom", fn: 3, pc: 17, img: "00aa11bb", native: "0102", up: 99 }
    const device = await bringTo(cloud, "rolls-back", "rolledBack", { code: "HOV_GUARD_EXCEPTION", diag })
    assert.is((await device.poll(1)).status, 202)
    const shown = await cloud.must(200, "GET", "/devices/rolls-back")
    assert.equal(shown.sync, { state: "blocked", reason: "rolledBack" })
    assert.is(shown.desired.version, "1.2.0")
    assert.is(shown.actual.version, "1.0.0")
    assert.is(shown.actual.state, "rolledBack")
    assert.equal(shown.commands[0].diagnostics, diag)
    assert.equal(shown.history[0].diagnostics, diag)
    assert.is(shown.history[0].code, "HOV_GUARD_EXCEPTION")
    device.close()
})

test("it is offered again when the operator asks again", async ({ cloud }) => {
    const device = await bringTo(cloud, "asked-again", "failed", { code: "HOV_MANIFEST_SEQUENCE" })
    assert.is((await device.poll()).status, 202)
    const { command } = await cloud.must(202, "POST", "/devices/asked-again/update", { version: "1.2.0" })
    const answer = await device.poll(5)
    assert.is(answer.body.id, command.id)
    // The board still says 'failed' about the first one: that must not end the second.
    assert.is((await cloud.must(200, "GET", "/devices/asked-again")).command.id, command.id)
    device.close()
})

test("another release is offered", async ({ cloud }) => {
    const device = await bringTo(cloud, "other-release", "rolledBack")
    await cloud.must(202, "POST", "/devices/other-release/update", { version: "1.1.0" })
    assert.is((await device.poll(5)).body.v, "1.1.0")
    device.close()
})

test("a rollback whose status post was lost is taken from the next poll", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "lost-status")
    await device.poll()
    await cloud.must(202, "POST", "/devices/lost-status/update", { version: "1.2.0" })
    const { body } = await device.poll(5)
    await device.status({ id: body.id, state: "trial", v: "1.2.0" })
    device.actual = { ...device.actual, state: "rolledBack", boot: 2 }
    await device.poll()
    const shown = await until(
        "the command to end",
        () => cloud.must(200, "GET", "/devices/lost-status"),
        value => value.command === null,
    )
    assert.is(shown.commands[0].state, "rolledBack")
    assert.is(shown.sync.state, "blocked")
    device.close()
})

test("a confirmed release that the board later rolls back counts as rolled back", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "late-rollback")
    await device.poll()
    await cloud.must(202, "POST", "/devices/late-rollback/update", { version: "1.2.0" })
    const { body } = await device.poll(5)
    await device.install(body)
    await device.status({ id: body.id, state: "rolledBack", v: "1.0.0", bank: "R" })
    const shown = await cloud.must(200, "GET", "/devices/late-rollback")
    assert.is(shown.commands[0].state, "rolledBack")
    assert.is(shown.sync.state, "blocked")
    device.close()
})

test("a board that rolled back at its boot, and forgot the command's id, is understood", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "forgot")
    await device.poll()
    await cloud.must(202, "POST", "/devices/forgot/update", { version: "1.2.0" })
    const { body } = await device.poll(5)
    await device.status({ id: body.id, state: "trial", v: "1.2.0" })
    const diag = { kind: "panic", code: "HOV_BOOT_PANIC" }
    assert.is((await device.status({ id: "", state: "rolledBack", v: "1.0.0", done: 0, of: 0, code: "HOV_BOOT_PANIC", diag })).status, 200)
    const shown = await cloud.must(200, "GET", "/devices/forgot")
    assert.is(shown.commands[0].state, "rolledBack")
    assert.equal(shown.commands[0].diagnostics, diag)
    assert.is(shown.commands[0].code, "HOV_BOOT_PANIC")
    assert.is(shown.history[0].command, body.id)
    assert.is(shown.sync.state, "blocked")
    device.close()
})

test("the same after it had been confirmed", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "forgot-later")
    await device.poll()
    await cloud.must(202, "POST", "/devices/forgot-later/update", { version: "1.2.0" })
    await device.install((await device.poll(5)).body)
    await device.status({ id: "", state: "rolledBack", v: "1.0.0", code: "HOV_BOOT_PANIC" })
    const shown = await cloud.must(200, "GET", "/devices/forgot-later")
    assert.is(shown.commands[0].state, "rolledBack")
    assert.is(shown.sync.state, "blocked")
    device.close()
})

test("the same when only the next poll tells", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "polls-only")
    await device.poll()
    await cloud.must(202, "POST", "/devices/polls-only/update", { version: "1.2.0" })
    await device.install((await device.poll(5)).body)
    device.actual = { ...device.actual, v: "1.0.0", bank: "R", state: "rolledBack", boot: 2 }
    assert.is((await device.poll(1)).status, 202)
    const shown = await cloud.must(200, "GET", "/devices/polls-only")
    assert.is(shown.commands.length, 1)
    assert.is(shown.commands[0].state, "rolledBack")
    assert.equal(shown.sync, { state: "blocked", reason: "rolledBack" })
    device.close()
})

test("a check is answered by the status that the board sends for it", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "checked")
    await device.poll()
    const { command } = await cloud.must(202, "POST", "/devices/checked/check")
    assert.equal((await device.poll(5)).body, { cmd: "check", id: command.id })
    await device.status({ id: "", state: "idle", v: "1.0.0" })
    const shown = await cloud.must(200, "GET", "/devices/checked")
    assert.is(shown.command, null)
    assert.is(shown.commands[0].state, "succeeded")
    device.close()
})

test.run()
