import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { openCloud, publish, TestDevice, until } from "./support/cloud.ts"

interface Context {
    cloud: TestCloud
    fleet: Fleet
}
const test = suite<Context>("rollouts on a running server")

/** Boards at the level of the protocol: each installs what it is told, or fails as `fails` says. */
class Fleet {
    readonly devices: TestDevice[] = []
    readonly told = new Map<string, string[]>()
    fails: (id: string, version: string) => boolean = () => false
    #open = true
    #loops: Promise<void>[] = []

    static async open(cloud: TestCloud, count: number): Promise<Fleet> {
        const fleet = new Fleet()
        const devices = Array.from({ length: count }, (_, n) => ({ id: `b${n}`, attributes: { site: n % 2 === 0 ? "even" : "odd" } }))
        const { items } = await cloud.must(201, "POST", "/devices/batch", { devices })
        fleet.devices.push(...items.map((item: any) => new TestDevice(cloud.url, item.id, item.token)))
        for (const device of fleet.devices) await device.poll()
        return fleet
    }

    run(): void {
        this.#loops = this.devices.map(device => this.#live(device).catch(() => {}))
    }

    async close(): Promise<void> {
        this.#open = false
        for (const device of this.devices) device.close()
        await Promise.all(this.#loops)
    }

    async #live(device: TestDevice): Promise<void> {
        while (this.#open) {
            const { status, body } = await device.poll(20)
            if (status !== 200 || (body.cmd !== "update" && body.cmd !== "revert")) continue
            if (body.cmd === "revert") {
                await device.install(body)
                continue
            }
            this.told.set(device.id, [...(this.told.get(device.id) ?? []), body.v])
            if (!this.fails(device.id, body.v)) await device.install(body)
            else {
                await device.status({ id: body.id, state: "trial", v: body.v })
                device.actual.state = "rolledBack"
                await device.status({ id: body.id, state: "rolledBack", v: String(device.actual.v), code: "HOV_TRIAL_FAULT" })
            }
        }
    }
}

test.before.each(async context => {
    context.cloud = await openCloud({ timings: { rolloutTickMs: 50, enrolMs: 200 } })
    await publish(context.cloud, "1.1.0", { downgradeAllowed: true })
    await publish(context.cloud, "1.2.0")
    context.fleet = await Fleet.open(context.cloud, 40)
    context.fleet.run()
})
test.after.each(async ({ cloud, fleet }) => {
    await fleet.close()
    await cloud.done()
})

const reach = (cloud: TestCloud, id: string, state: string) =>
    until(`rollout ${state}`, () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === state, 40_000)

test("a rollout goes through its phases to every device, each told once", async ({ cloud, fleet }) => {
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 20 }, { count: 20 }, { percent: 100 }] })
    await reach(cloud, id, "completed")
    // It is complete when 95 percent are; the last ones may still be on their way.
    const done = await until("the last to end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === undefined)
    assert.equal(done.devices, { succeeded: 40 })
    assert.is(fleet.told.size, 40)
    assert.ok([...fleet.told.values()].every(told => told.length === 1))
    const { items } = await cloud.must(200, "GET", `/rollouts/${id}/devices`)
    const inPhase = (phase: number) => items.filter((item: any) => item.phase === phase).map((item: any) => item.bucket)
    assert.ok(Math.max(...inPhase(0)) < Math.min(...inPhase(1)), "buckets of a phase come before those of the next")
    assert.is(inPhase(0).length + inPhase(1).length, 20)
})

test("failures pause it, no more devices are told, and what failed is not offered again after resuming", async ({ cloud, fleet }) => {
    fleet.fails = id => Number(id.slice(1)) % 3 !== 0
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", ratePerMinute: 600, phases: [{ percent: 100, minFinished: 4 }] })
    const paused = await reach(cloud, id, "paused")
    assert.match(paused.why, /devices failed, more than 10 percent/)
    const told = fleet.told.size
    assert.ok(told < 40, `${told} were told`)
    await until("the commands under way to end", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === undefined)
    const settled = fleet.told.size
    await until("some rounds to pass", () => cloud.must(200, "GET", "/releases"), (() => { let n = 0; return () => ++n > 20 })())
    assert.is(fleet.told.size, settled)

    fleet.fails = () => false
    await cloud.must(202, "POST", `/rollouts/${id}/resume`)
    const more = await until("all others to be updated", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.waiting === undefined && rollout.devices.granted === undefined, 15_000)
    assert.is(more.devices.succeeded + more.devices.rolledBack, 40)
    assert.ok([...fleet.told.values()].every(versions => versions.length === 1), "a device that rolled back was offered it again")
    await reach(cloud, id, "completed")
})

test("a rollout waits for boards that were never heard of, and goes to them when they come", async ({ cloud }) => {
    const late = await TestDevice.add(cloud, "late")
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", filter: "id = late", phases: [{ percent: 50 }, { percent: 100 }] })
    const resting = await until("it to pass the board over", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.skipped === 1)
    assert.equal([resting.state, resting.waitsFor, resting.phaseDevices.succeeded], ["running", "devices", 0])
    await late.poll()
    const told = await until("the command", () => late.poll(), answer => answer.status === 200)
    await late.install(told.body)
    await reach(cloud, id, "completed")
    late.close()
})

test("two rollouts to the same boards: each board ends with the later one's release, and is told each once", async ({ cloud, fleet }) => {
    const first = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 100 }] })
    await until("it to be under way", async () => fleet.told.size, size => size > 0)
    const second = await cloud.must(201, "POST", "/rollouts", { release: "1.2.0", phases: [{ percent: 100 }] })
    await reach(cloud, first.id, "completed")
    await reach(cloud, second.id, "completed")
    const left = await until("all to run it", () => cloud.must(200, "GET", "/devices?limit=500"), page => page.items.every((item: any) => item.actual.version === "1.2.0"), 20_000)
    assert.is(left.items.length, 40)
    assert.ok([...fleet.told.values()].every(versions => new Set(versions).size === versions.length), JSON.stringify([...fleet.told]))
})

test("a board that is removed in the middle is missed by nobody", async ({ cloud, fleet }) => {
    await fleet.close()
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ count: 10 }, { percent: 100 }] })
    await until("the first to be granted", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === 10)
    const { items } = await cloud.must(200, "GET", `/rollouts/${id}/devices?state=granted`)
    for (const { device } of items) await cloud.must(204, "DELETE", `/devices/${device}`)
    // The next in the queue take their places: the phase is of ten devices that there are.
    const shown = await until("ten others", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === 10)
    assert.is(shown.devices.waiting, 20)
    await cloud.must(202, "POST", `/rollouts/${id}/rollback`)
    await reach(cloud, id, "rolledBack")
})

test("the gate stops a bad release before the failure share would, and it is rolled back", async ({ cloud, fleet }) => {
    for (const device of fleet.devices) await cloud.must(200, "PUT", `/devices/${device.id}/desired`, { release: "1.1.0" })
    await until("all to run 1.1.0", () => cloud.must(200, "GET", "/devices"), page => page.items.every((item: any) => item.sync.state === "converged"), 40_000)
    fleet.fails = (id, version) => version === "1.2.0" && Number(id.slice(1)) % 2 === 0
    const { id } = await cloud.must(201, "POST", "/rollouts", {
        release: "1.2.0",
        onFailure: "rollBack",
        gate: { falseStopPercent: 1, baselinePercent: 1 },
        phases: [{ percent: 100, failurePercent: 100 }],
    })
    const back = await reach(cloud, id, "rolledBack")
    assert.match(back.why, /the gate: evidence/)
    await until("all to be back", () => cloud.must(200, "GET", "/devices"), page => page.items.every((item: any) => item.actual.version === "1.1.0" && item.desired.version === "1.1.0"), 40_000)
    const { items } = await cloud.must(200, "GET", `/audit?subject=${id}`)
    assert.is(items[0].action, "rollout.rollingBack")
})

test("pausing takes back what has not left the server, and aborting is for good", async ({ cloud, fleet }) => {
    await fleet.close()
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 100 }] })
    await until("all to be granted", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.granted === 40)
    await cloud.must(202, "POST", `/rollouts/${id}/pause`)
    await until("all to be taken back", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.devices.waiting === 40)
    const shown = await cloud.must(200, "GET", "/devices/b0")
    assert.is(shown.desired, null)
    assert.is(shown.command, null)
    await cloud.must(202, "POST", `/rollouts/${id}/abort`)
    assert.is((await cloud.api("POST", `/rollouts/${id}/resume`)).body.code, "HOV_API_ROLLOUT_STATE")
})

test("only the devices that the group, the filter and the channel mean are told; one update of a group is a rollout too", async ({ cloud, fleet }) => {
    await cloud.must(201, "POST", "/groups", { name: "even", filter: "attr.site = even" })
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", group: "even", filter: "id ~ b1*", phases: [{ percent: 100 }] })
    await reach(cloud, id, "completed")
    assert.equal([...fleet.told.keys()].sort(), ["b10", "b12", "b14", "b16", "b18"])
    await cloud.must(201, "POST", "/groups", { name: "pair", devices: ["b1", "b3"] })
    const { rollout } = await cloud.must(202, "POST", "/groups/pair/update", { version: "1.1.0" })
    await reach(cloud, rollout.id, "completed")
    assert.ok(fleet.told.has("b1") && fleet.told.has("b3") && fleet.told.size === 7)
    assert.is((await cloud.api("POST", "/groups", { name: "bad", filter: "colour = red" })).body.code, "HOV_API_BAD_FILTER")
    assert.is((await cloud.api("POST", "/groups", { name: "bad", devices: ["nobody"] })).status, 404)
    assert.is((await cloud.api("POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 50 }, { percent: 20 }] })).status, 400)
    const empty = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", channel: "nobody", phases: [{ percent: 100 }] })
    await reach(cloud, empty.id, "completed")
})

test("a phase that waits for its operator goes on when told, and a control group is left for the end", async ({ cloud, fleet }) => {
    const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", controlPercent: 30, gate: {}, observeS: 0, phases: [{ percent: 99, manual: true }, { percent: 100 }] })
    const waiting = await until("the first phase", () => cloud.must(200, "GET", `/rollouts/${id}`), rollout => rollout.phaseDevices.waiting === 0 && rollout.phaseDevices.granted === 0 && rollout.phaseDevices.succeeded > 0)
    assert.ok(fleet.told.size >= 20 && fleet.told.size <= 36, `${fleet.told.size} of 40 with 30 percent kept back`)
    assert.ok(waiting.gate.paired > 0)
    await cloud.must(202, "POST", `/rollouts/${id}/advance`)
    await reach(cloud, id, "completed")
    assert.is(fleet.told.size, 40)
})

test.run()
