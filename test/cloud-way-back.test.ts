import { randomBytes } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { artifactFile, BASE, openCloud, publish, TestDevice, until, upload } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: the way back")
const oldImage = randomBytes(200)
test.before(async context => {
    context.cloud = await openCloud({ timings: { rolloutTickMs: 30, enrolMs: 100, sweepMs: 30 } })
    await publish(context.cloud, "1.1.0", { sequence: 11, image: oldImage })
    await publish(context.cloud, "1.2.0", { sequence: 12 })
})
test.after(context => context.cloud.done())

async function bringTo(cloud: TestCloud, id: string, version: string): Promise<TestDevice> {
    const device = await TestDevice.add(cloud, id)
    await device.poll()
    await cloud.must(202, "POST", `/devices/${id}/update`, { version })
    await device.install((await device.poll(5)).body)
    return device
}

test("a device that is to run its base is told to revert, once, and is then what is wanted", async ({ cloud }) => {
    const device = await bringTo(cloud, "to-base", "1.2.0")
    const waiting = device.poll(20)
    const { command } = await cloud.must(202, "POST", "/devices/to-base/update", { version: "base" })
    const { body } = await waiting
    assert.equal(body, { cmd: "revert", id: command.id })
    await device.install(body)
    const shown = await cloud.must(200, "GET", "/devices/to-base")
    assert.is(shown.sync.state, "converged")
    assert.is(shown.desired.release, "base")
    assert.is(shown.commands[0].cmd, "revert")
    assert.is(shown.commands[0].state, "succeeded")
    assert.is((await device.poll()).status, 202)
    device.close()
})

test("a revert whose end was lost is taken from the next poll, one that the board cannot do is shown, and the base is never barred", async ({ cloud }) => {
    const device = await bringTo(cloud, "lost-end", "1.2.0")
    await cloud.must(202, "POST", "/devices/lost-end/update", { version: "base" })
    await device.poll(5)
    device.actual = { ...device.actual, v: "1.0.0", seq: 0, bank: "R", state: "idle", boot: 2 }
    await device.poll()
    await until("the end", () => cloud.must(200, "GET", "/devices/lost-end"), shown => shown.sync.state === "converged")

    const stuck = await bringTo(cloud, "no-store", "1.2.0")
    await cloud.must(202, "POST", "/devices/no-store/update", { version: "base" })
    const { body } = await stuck.poll(5)
    await stuck.status({ id: body.id, state: "failed", code: "HOV_STORE" })
    const shown = await cloud.must(200, "GET", "/devices/no-store")
    assert.is(shown.commands[0].state, "failed")
    assert.equal(shown.blocked, [])
    device.close()
    stuck.close()
})

test("an earlier release needs the signer's leave: without it nothing is told, with it the board gets the manifest that says so", async ({ cloud }) => {
    const device = await bringTo(cloud, "to-earlier", "1.2.0")
    const refused = await cloud.api("POST", "/devices/to-earlier/update", { version: "1.1.0" })
    assert.is(refused.status, 409)
    assert.is(refused.body.code, "HOV_API_NO_PERMISSION")
    await cloud.must(200, "PUT", "/devices/to-earlier/desired", { release: "1.1.0" })
    assert.is((await cloud.must(200, "GET", "/devices/to-earlier")).sync.state, "noPermission")
    assert.is((await device.poll()).status, 202)

    const waiting = device.poll(20)
    const permitted = artifactFile("1.1.0", { sequence: 11, image: oldImage, downgradeAllowed: true })
    assert.is((await upload(cloud, "app@1.1.0/artifacts", permitted)).status, 201)
    assert.is((await upload(cloud, "app@1.1.0/artifacts", permitted)).status, 200, "the same again is no error")
    const { body } = await waiting
    assert.is(body.v, "1.1.0")
    assert.is(body.m, permitted.subarray(0, 80).toString("hex"))
    await device.install(body)
    assert.is((await cloud.must(200, "GET", "/devices/to-earlier")).sync.state, "converged")

    const fresh = await TestDevice.add(cloud, "never-later")
    await fresh.poll()
    await cloud.must(202, "POST", "/devices/never-later/update", { version: "1.1.0" })
    const plain = (await fresh.poll(5)).body
    assert.is(Buffer.from(plain.m, "hex")[5] & 1, 0, "who has run nothing later gets no leave to go back")
    const other = artifactFile("1.1.0", { sequence: 11, downgradeAllowed: true })
    assert.is((await upload(cloud, "app@1.1.0/artifacts", other)).status, 409, "another image is another version")
    device.close()
    fresh.close()
})

test("a rollout that is rolled back ends when each device is where it was: at its base, or at the release before", async ({ cloud }) => {
    await publish(cloud, "2.0.0", { sequence: 20 })
    const atBase = await TestDevice.add(cloud, "rb-base")
    const atEarlier = await bringTo(cloud, "rb-earlier", "1.1.0")
    const away = await TestDevice.add(cloud, "rb-away")
    for (const device of [atBase, away]) await device.poll()
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "2.0.0", filter: "id ~ rb-*", phases: [{ percent: 100 }] })
    for (const device of [atBase, atEarlier, away]) await device.install((await device.poll(10)).body)
    await until("its end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "completed")

    await cloud.must(202, "POST", `/rollouts/${id}/rollback`)
    const toBase = (await atBase.poll(10)).body
    assert.is(toBase.cmd, "revert")
    await atBase.install(toBase)
    const toEarlier = (await atEarlier.poll(10)).body
    assert.is(toEarlier.v, "1.1.0")
    await atEarlier.install(toEarlier)
    const waits = await until("two to be back", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.reverted === 2)
    assert.is(waits.state, "rollingBack")
    assert.is(waits.devices.reverting, 1)
    await away.install((await away.poll(10)).body)
    const done = await until("all to be back", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "rolledBack")
    assert.equal(done.devices, { reverted: 3 })
    for (const [device, version] of [["rb-base", "1.0.0"], ["rb-earlier", "1.1.0"], ["rb-away", "1.0.0"]])
        assert.is((await cloud.must(200, "GET", `/devices/${device}`)).actual.version, version)
    for (const device of [atBase, atEarlier, away]) device.close()
})

test("a device that cannot get back by itself is named, and does not hold the rollout up", async ({ cloud }) => {
    await publish(cloud, "3.0.0", { sequence: 30 })
    const device = await bringTo(cloud, "nb-one", "1.2.0")
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "3.0.0", filter: "id ~ nb-*", phases: [{ percent: 100 }] })
    await device.install((await device.poll(10)).body)
    await until("its end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "completed")
    await cloud.must(202, "POST", `/rollouts/${id}/rollback`)
    const done = await until("its end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "rolledBack")
    assert.equal(done.devices, { stuck: 1 })
    const { items } = await cloud.must(200, "GET", `/rollouts/${id}/devices`)
    assert.is(items[0].why, "noPermission")
    device.close()
})

test("the base can be rolled out, and is no name for a release of one's own", async ({ cloud }) => {
    const device = await bringTo(cloud, "rollout-to-base", "1.2.0")
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "base", filter: "id = rollout-to-base", phases: [{ percent: 100 }] })
    const { body } = await device.poll(10)
    assert.is(body.cmd, "revert")
    await device.install(body)
    await until("its end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "completed")
    assert.is((await cloud.api("POST", "/releases", { app: "app", version: "base" })).status, 400)
    assert.is((await upload(cloud, "base/artifacts", artifactFile("base"))).status, 404)
    assert.not.ok((await cloud.must(200, "GET", "/releases")).items.some((release: any) => release.id === "base"))
    assert.ok(BASE)
    device.close()
})

test.run()
