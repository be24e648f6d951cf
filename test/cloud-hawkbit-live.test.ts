import { rm } from "node:fs/promises"
import path from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { HawkbitOptions } from "../cloud/hawkbit/options.ts"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, call, openCloud, publish, sha256, TestDevice, until } from "./support/cloud.ts"
import { hawkbitUrl, metric, Operator, options, SKIPPED, told } from "./support/hawkbit.ts"

interface Context {
    cloud: TestCloud
    hawkbit: HawkbitOptions
    remote: Operator
    devices: TestDevice[]
}
const test = suite<Context>("a real hawkBit behind the server")

if (hawkbitUrl === undefined) {
    console.log(`skipped: ${SKIPPED}`)
    test.skip("all of it", () => {})
} else {
    const url = hawkbitUrl
    test.before.each(async context => {
        context.hawkbit = options(url)
        context.remote = new Operator(url, context.hawkbit.prefix)
        context.devices = []
        context.cloud = await openCloud({ hawkbit: context.hawkbit, timings: { rolloutTickMs: 50, enrolMs: 300 } })
        await publish(context.cloud, "1.1.0")
    })
    test.after.each(async ({ cloud, devices }) => {
        for (const device of devices) device.close()
        await cloud.done()
    })

    const add = async (context: Context, id: string, more: Record<string, unknown> = { app: "app" }): Promise<TestDevice> => {
        const device = await TestDevice.add(context.cloud, id, more)
        context.devices.push(device)
        await device.poll()
        return device
    }
    /** The device's next command, by polls. */
    const commandFor = async (device: TestDevice): Promise<any> => (await until(`a command for ${device.id}`, () => device.poll(1), answer => answer.status === 200)).body

    test("an update is a module with checked bytes, a set, a target with attributes, and one action with a few valid feedbacks", async context => {
        const { cloud, remote } = context
        const device = await add(context, "d-1", { app: "app", attributes: { site: "lab" } })
        await told(cloud)
        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.1.0" })
        const command = await commandFor(device)
        await until("hawkBit to have an action", () => remote.actions("d-1"), actions => actions.length === 1)
        await device.install(command)
        await until("hawkBit to say installed", () => remote.target("d-1"), target => target.updateStatus === "in_sync")
        await told(cloud)

        const [module] = await remote.all("softwaremodules")
        const artifacts = await remote.get(`softwaremodules/${module.id}/artifacts`)
        const image = artifacts.find((artifact: any) => artifact.providedFilename === `${BASE}.image`)
        assert.is(image.hashes.sha256, command.img)
        assert.is(sha256((await remote.ask("GET", `softwaremodules/${module.id}/artifacts/${image.id}/download`)).bytes), command.img)
        assert.ok(artifacts.some((artifact: any) => artifact.providedFilename === `${BASE}.signature` && artifact.hashes.sha256 === command.sig))
        assert.is((await remote.all("distributionsets")).length, 1)
        await until("the attributes", () => remote.attributes("d-1"), attributes => attributes["handover.version"] === "1.1.0")
        assert.equal(await remote.attributes("d-1"), { site: "lab", "handover.app": "app", "handover.base": BASE, "handover.bank": "A", "handover.version": "1.1.0" })
        const actions = await remote.actions("d-1")
        assert.is(actions.length, 1)
        assert.is(actions[0].status, "finished")
        const said = (await remote.statuses("d-1", actions[0].id)).map(status => status.type)
        assert.is(said[said.length - 1], "finished")
        assert.ok((await metric(cloud, "handover_hawkbit_feedbacks_total")) <= 10, "feedbacks")
        assert.is(await remote.installed("d-1"), "1.1.0")

        await cloud.must(200, "PATCH", "/devices/d-1", { attributes: { site: "hall" } })
        await until("the new attribute", () => remote.attributes("d-1"), attributes => attributes.site === "hall")
        await cloud.must(204, "DELETE", "/devices/d-1")
        await until("the target to go", () => remote.all("targets"), targets => targets.length === 0)
    })

    test("a device that fails is an error there; asked again it is a second action; a late rollback is put right", async context => {
        const { cloud, remote } = context
        const device = await add(context, "d-1")
        await publish(cloud, "1.0.5")
        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.0.5" })
        await device.install(await commandFor(device))
        await until("1.0.5 there", () => remote.installed("d-1"), version => version === "1.0.5")
        await publish(cloud, "1.2.0")
        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.2.0" })
        const command = await commandFor(device)
        await device.status({ id: command.id, state: "trial", v: "1.2.0" })
        device.actual.state = "rolledBack"
        await device.status({ id: command.id, state: "rolledBack", v: "1.0.5", code: "HOV_TRIAL_FAULT" })
        await until("the error", () => remote.target("d-1"), target => target.updateStatus === "error")
        const [, failed] = await remote.actions("d-1")
        const messages = (await remote.statuses("d-1", failed.id)).flatMap(status => status.messages ?? []).map(String)
        assert.ok(messages.some(message => message.includes("HOV_TRIAL_FAULT")), messages.join())

        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.2.0" })
        await device.install(await commandFor(device))
        await until("the second one to succeed", () => remote.target("d-1"), target => target.updateStatus === "in_sync")
        assert.is((await remote.actions("d-1")).length, 3)
        assert.is(await remote.installed("d-1"), "1.2.0")

        device.actual = { ...device.actual, v: "1.0.5", seq: 1, state: "rolledBack" }
        await device.status({ id: "", state: "rolledBack", v: "1.0.5", code: "HOV_TRIAL_FAULT" })
        await until("what it runs again", () => remote.installed("d-1"), version => version === "1.0.5")
    })

    test("what hawkBit's operator assigns or cancels reaches the device", async context => {
        const { cloud, remote } = context
        const device = await add(context, "d-1")
        await told(cloud)
        await remote.assign("1.1.0", "d-1")
        const command = await commandFor(device)
        assert.is(command.v, "1.1.0")
        assert.is((await cloud.must(200, "GET", "/devices/d-1")).desired.release, "app@1.1.0")
        const [action] = await remote.actions("d-1")
        await device.status({ id: command.id, state: "downloading" })
        assert.is((await remote.cancel("d-1", action.id)).status, 204)
        const cancel = await until("the cancel to reach the device", () => device.poll(1), answer => answer.status === 200 && answer.body.cmd === "cancel")
        await device.status({ id: cancel.body.id, state: "failed" })
        await until("hawkBit to have its word", async () => (await remote.actions("d-1"))[0], found => found.status === "finished")
        assert.is((await cloud.must(200, "GET", "/devices/d-1")).desired, null)

        // What is not ours is left alone, and named.
        const made = await remote.ask("POST", "softwaremodules", [{ name: `${context.hawkbit.prefix}other`, version: "9", type: "application" }])
        const set = await remote.ask("POST", "distributionsets", [{ name: `${context.hawkbit.prefix}other`, version: "9", type: "app", modules: [{ id: made.body[0].id }] }])
        await remote.ask("POST", `distributionsets/${set.body[0].id}/assignedTargets`, [{ id: `${context.hawkbit.prefix}d-1` }])
        await until("it to be named", () => cloud.must(200, "GET", "/server/health"), health => health.hawkbit.refused.some(({ why }: { why: string }) => why.includes("a set that is not ours")))
        assert.is((await cloud.must(200, "GET", "/devices/d-1")).desired, null)

        await remote.assign("1.1.0", "d-1")
        await device.install(await commandFor(device))
        await until("installed", () => remote.target("d-1"), target => target.updateStatus === "in_sync")
        assert.is(await metric(cloud, "handover_hawkbit_adopted_total"), 2)
    })

    test("a target that is removed there is made again, with what is wanted of it", async context => {
        const { cloud, remote } = context
        const device = await add(context, "d-1")
        await told(cloud)
        assert.is((await remote.ask("DELETE", `targets/${context.hawkbit.prefix}d-1`)).status, 200)
        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.1.0" })
        const command = await commandFor(device)
        await until("an action for it", () => remote.actions("d-1"), actions => actions.length > 0)
        await device.install(command)
        await until("installed", () => remote.target("d-1"), target => target.updateStatus === "in_sync")
    })

    test("a rollout is a hawkBit rollout with a group for each phase; pausing it there pauses it here", async context => {
        const { cloud, remote } = context
        for (let n = 0; n < 6; n++) await add(context, `r-${n}`)
        const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ count: 2 }, { percent: 100 }] })
        const granted = (devices: number) => until("grants", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === devices)
        await granted(2)
        const [rollout] = await remote.all("rollouts")
        assert.is(rollout.name, context.hawkbit.prefix + id)
        const groups = (await remote.get(`rollouts/${rollout.id}/deploygroups`)).content
        assert.equal(groups.map((group: any) => [group.name, group.totalTargets, group.status]).sort(), [["phase 1", 2, "running"], ["phase 2", 4, "scheduled"]])

        assert.is((await remote.ask("POST", `rollouts/${rollout.id}/pause`)).status, 200)
        const paused = await until("the pause here", () => cloud.must(200, "GET", `/rollouts/${id}`), found => found.state === "paused")
        assert.match(paused.why, /hawkBit paused it/)
        await cloud.must(202, "POST", `/rollouts/${id}/resume`)
        const there = () => remote.get(`rollouts/${rollout.id}`)
        await until("hawkBit's to go on", there, found => found.status === "running")

        const installed = async (): Promise<any> => {
            for (const device of context.devices) {
                const answer = await device.poll()
                if (answer.status === 200 && answer.body.cmd === "update") await device.install(answer.body)
            }
            return cloud.must(200, "GET", `/rollouts/${id}`)
        }
        const done = await until("all devices", installed, found => found.state === "completed", 15_000)
        assert.equal(done.devices, { succeeded: 6 })
        await until("hawkBit's to finish", there, found => found.status === "finished")
        for (const device of context.devices) assert.is((await remote.actions(device.id)).length, 1, `${device.id} was assigned once`)
        assert.is(await metric(cloud, "handover_hawkbit_assignments_total"), 0, "all by hawkBit's rollout")
    })

    test("a server without a copy reads an image from hawkBit once, however many boards fetch it", async context => {
        const { cloud } = context
        const devices = await Promise.all(Array.from({ length: 12 }, (_, n) => add(context, `f-${n}`)))
        await told(cloud)
        await cloud.must(202, "POST", "/devices/f-0/update", { version: "1.1.0" })
        const command = await commandFor(devices[0])
        await cloud.close()
        await rm(path.join(cloud.dataDir, "blobs"), { recursive: true })
        context.cloud = await openCloud({ dataDir: cloud.dataDir, hawkbit: context.hawkbit })
        const fetchAll = async (digest: string, length: number): Promise<void> => {
            await Promise.all(
                devices.map(async device => {
                    const parts: Buffer[] = []
                    for (let offset = 0; offset < length; offset += 100) {
                        const size = Math.min(100, length - offset)
                        parts.push((await call(`${context.cloud.url}/v1/blobs/${digest}?offset=${offset}&length=${size}`, { token: device.token })).bytes)
                    }
                    assert.is(sha256(Buffer.concat(parts)), digest)
                }),
            )
        }
        await fetchAll(command.img, command.len)
        assert.is(await metric(context.cloud, "handover_hawkbit_artifact_reads_total"), 1)
        await fetchAll(command.sig, command.sigLen)
        await fetchAll(command.img, command.len)
        assert.is(await metric(context.cloud, "handover_hawkbit_artifact_reads_total"), 2)
    })
}

test.run()
