import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { armOf } from "../cloud/experiments/arm.ts"
import { compare, outcomeOf } from "../cloud/experiments/outcome.ts"
import { bucketLimit, bucketOf } from "../cloud/rollouts/bucket.ts"
import type { TestCloud } from "./support/cloud.ts"
import { openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const pure = suite("cloud: arms and outcomes of experiments")

pure("arms are of the size that was ordered, always the same, and independent of the queue", () => {
    const ids = Array.from({ length: 100_000 }, (_, n) => `board-${n}`)
    for (const split of [50, 20]) {
        const inA = ids.filter(id => armOf("seed", id, split) === "a")
        assert.ok(Math.abs(inA.length / 1000 - split) < 0.5, `${split}: ${inA.length}`)
        // The first tenth of the experiment's own queue has the same share of a.
        const first = ids.filter(id => bucketOf("seed", id) < bucketLimit(10))
        const share = (first.filter(id => armOf("seed", id, split) === "a").length / first.length) * 100
        assert.ok(Math.abs(share - split) < 2, `${split}: ${share}`)
    }
    const arms = () => ids.slice(0, 1000).map(id => armOf("seed", id, 50))
    assert.equal(arms(), arms())
})

pure("a difference is called one only when it is more than chance", () => {
    assert.is(compare(200, 30, 4).verdict, "a fails more often")
    assert.is(compare(200, 4, 30).verdict, "b fails more often")
    assert.is(compare(200, 5, 4).verdict, "undecided")
    assert.is(compare(0, 0, 0).verdict, "undecided")
    const outcome = outcomeOf({ devices: 100, granted: 100, succeeded: 90, failed: 4, rolledBack: 6, medianMs: 5 })
    assert.equal([outcome.failureRate, outcome.failureRateLow, outcome.failureRateHigh], [0.1, 0.0552, 0.1744])
})

pure.run()

const live = suite<{ cloud: TestCloud }>("cloud: an experiment on a running server")
live.before(async context => {
    context.cloud = await openCloud({ timings: { rolloutTickMs: 30, enrolMs: 100 } })
    await publish(context.cloud, "1.1.0", { sequence: 11 })
    await publish(context.cloud, "1.2.0", { sequence: 12 })
})
live.after(context => context.cloud.done())

live("each device gets the release of its arm, the figures tell them apart, and the winner goes to all", async ({ cloud }) => {
    const { items } = await cloud.must(201, "POST", "/devices/batch", { devices: Array.from({ length: 60 }, (_, n) => ({ id: `e${n}` })) })
    const told = new Map<string, string[]>()
    const commands = new Set<string>()
    let open = true
    const lives = items.map(async ({ id, token }: { id: string; token: string }) => {
        const device = new TestDevice(cloud.url, id, token)
        await device.poll()
        while (open) {
            const { status, body } = await device.poll(1)
            if (status !== 200) continue
            // Said once more, because its answer was slow: the same command.
            if (!commands.has(body.id)) told.set(id, [...(told.get(id) ?? []), body.v])
            commands.add(body.id)
            if (body.v === "1.2.0") await device.install(body)
            else {
                device.actual.state = "rolledBack"
                await device.status({ id: body.id, state: "rolledBack", v: "1.0.0" })
            }
        }
        device.close()
    }).map((life: Promise<void>) => life.catch(() => {}))
    await until("all to have reported", () => cloud.must(200, "GET", "/devices"), page => page.items.every((item: any) => item.actual !== null), 15_000)
    const started = await cloud.must(201, "POST", "/experiments", { name: "blink", a: "1.1.0", b: "1.2.0" })
    const shown = await until("all outcomes", () => cloud.must(200, "GET", `/experiments/${started.id}`), value => value.a.finished + value.b.finished === 60, 60_000)
    assert.ok(shown.a.finished >= 15 && shown.b.finished >= 15, `${shown.a.finished} and ${shown.b.finished}`)
    for (const [id, versions] of told) assert.equal(versions, [armOf(shown.seed, id, 50) === "a" ? "1.1.0" : "1.2.0"])
    assert.is(shown.a.failureRate, 1)
    assert.is(shown.b.failureRate, 0)
    assert.is(shown.comparison.verdict, "a fails more often")
    assert.ok(shown.b.medianMs >= 0)
    // Who comes later is in one of the arms, too.
    const late = await TestDevice.add(cloud, "late")
    await late.poll()
    const offer = await until("the latecomer's arm", () => late.poll(), answer => answer.status === 200, 15_000)
    assert.is(offer.body.v, armOf(shown.seed, "late", 50) === "a" ? "1.1.0" : "1.2.0")
    await cloud.must(204, "DELETE", "/devices/late")
    late.close()

    const ended = await cloud.must(202, "POST", `/experiments/${started.id}/end`, { winner: "b" })
    assert.is(ended.state, "ended")
    await until("all to have the winner", async () => [...told.values()], all => all.length === 60 && all.every(versions => versions.at(-1) === "1.2.0"), 15_000)
    assert.is((await cloud.api("POST", `/experiments/${started.id}/end`)).status, 409)
    assert.is((await cloud.api("POST", "/experiments", { a: "1.1.0", b: "1.1.0" })).status, 400)
    assert.is((await cloud.api("GET", "/experiments/none")).body.code, "HOV_API_EXPERIMENT_UNKNOWN")
    assert.is((await cloud.must(200, "GET", "/experiments")).items[0].winner, "b")
    open = false
    await Promise.all(lives)
})

live.run()
