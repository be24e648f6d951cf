import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { optionsFromEnvironment } from "../cloud/environment.ts"
import { Health } from "../cloud/hawkbit/health.ts"
import { nextStep } from "../cloud/hawkbit/next-step.ts"
import { groupsOf } from "../cloud/hawkbit/rollout-link.ts"
import { localRelease, remoteName } from "../cloud/hawkbit/work.ts"
import type { HawkbitAction } from "../cloud/store/hawkbit.ts"
import type { DeviceView } from "../cloud/store/views.ts"
import { runCli } from "./support/cli.ts"
import { openCloud, publish, TestDevice, until } from "./support/cloud.ts"
import { healthOf, metric, options } from "./support/hawkbit.ts"

const test = suite("the rules of the exchange with hawkBit")

const ENV = { HANDOVER_STORE: "hawkbit", HAWKBIT_URL: "https://hawkbit.example.org/", HAWKBIT_USER: "u", HAWKBIT_PASSWORD: "p" }

test("the environment says where hawkBit is; a password never goes in the clear over a network", () => {
    const { hawkbit } = optionsFromEnvironment({ ...ENV, HAWKBIT_PREFIX: "hov-", HAWKBIT_POLL_MS: "500" })
    assert.is(hawkbit?.url, "https://hawkbit.example.org")
    assert.is(hawkbit?.prefix, "hov-")
    assert.is(hawkbit?.pollMs, 500)
    assert.is(optionsFromEnvironment({}).hawkbit, undefined)
    assert.is(optionsFromEnvironment({ HAWKBIT_URL: ENV.HAWKBIT_URL }).hawkbit, undefined)
    assert.ok(optionsFromEnvironment({ ...ENV, HAWKBIT_URL: "http://127.0.0.1:8080" }).hawkbit)
    for (const wrong of [
        { HAWKBIT_URL: "http://hawkbit.example.org" },
        { HAWKBIT_URL: "" },
        { HAWKBIT_URL: "https://u:p@hawkbit.example.org" },
        { HAWKBIT_USER: "" },
        { HAWKBIT_PASSWORD: undefined },
        { HAWKBIT_PREFIX: "a b" },
        { HAWKBIT_POLL_MS: "no" },
        { HANDOVER_STORE: "mongo" },
    ])
        assert.throws(() => optionsFromEnvironment({ ...ENV, ...wrong }), /HAWKBIT_|HANDOVER_STORE/, JSON.stringify(wrong))
})

const view = (more: Partial<DeviceView>): DeviceView => ({ deviceId: "d", releaseId: "app@1.1.0", generation: 1, commandState: null, ...more }) as DeviceView
const action = (more: Partial<HawkbitAction>): HawkbitAction => ({ deviceId: "d", actionId: 7, releaseId: "app@1.1.0", generation: 1, said: "", feedbacks: 0, ...more })

test("each state of a device leads to one thing to tell, and to nothing when it was told", () => {
    const kind = (...of: Parameters<typeof nextStep>) => {
        const step = nextStep(...of)
        return step.kind === "say" ? step.said : step.kind === "assign" ? `assign${step.offline ? " offline" : ""}` : step.kind
    }
    assert.is(kind(view({ releaseId: null, generation: null }), "unmanaged", undefined), "rest")
    assert.is(kind(view({ releaseId: null, generation: null }), "unmanaged", action({})), "cancel")
    assert.is(kind(view({}), "pending", undefined), "assign")
    assert.is(kind(view({}), "converged", undefined), "assign offline")
    assert.is(kind(view({}), "updating", action({})), "rest")
    assert.is(kind(view({ commandState: "running" }), "updating", action({})), "proceeding")
    assert.is(kind(view({ commandState: "running" }), "updating", action({ said: "proceeding" })), "rest")
    assert.is(kind(view({}), "converged", action({ said: "proceeding" })), "success")
    assert.is(kind(view({}), "converged", action({ said: "success" })), "rest")
    assert.is(kind(view({}), "blocked", action({})), "failure")
    assert.is(kind(view({}), "gaveUp", action({})), "failure")
    assert.is(kind(view({}), "blocked", action({ said: "success" })), "correct")
    assert.is(kind(view({}), "noArtifact", action({})), "rest")
    // Asked again: after an end a new action, before it the same one.
    assert.is(kind(view({ generation: 2 }), "updating", action({ said: "failure" })), "assign")
    assert.is(kind(view({ generation: 2 }), "updating", action({})), "link")
    // ... and done before hawkBit heard of it
    assert.is(kind(view({ generation: 2 }), "converged", action({ said: "success" })), "link")
    assert.is(kind(view({ generation: 2 }), "converged", action({ said: "failure" })), "assign")
    assert.is(kind(view({ releaseId: "app@1.2.0", generation: 2 }), "pending", action({})), "assign")
    // hawkBit has begun what our rules have not let go yet, and then have.
    assert.is(kind(view({ releaseId: "app@1.0.0" }), "converged", action({ generation: null })), "rest")
    assert.is(kind(view({ generation: 2 }), "pending", action({ generation: null })), "link")
})

test("hawkBit's thresholds are never stricter than ours, for any split into groups", () => {
    for (let sizeA = 1; sizeA <= 12; sizeA++)
        for (let sizeB = 1; sizeB <= 12; sizeB++)
            for (const successPercent of [0, 50, 90, 95, 100])
                for (const failurePercent of [0, 10, 50, 100]) {
                    const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n}`)
                    const phase = { successPercent, failurePercent, minFinished: 2 }
                    const groups = groupsOf("r", [{ ...phase, deviceIds: ids(sizeA) }, { ...phase, deviceIds: ids(sizeB) }])
                    for (let badA = 0; badA <= sizeA; badA++)
                        for (let badB = 0; badB <= sizeB; badB++) {
                            const all = sizeA + sizeB
                            const ours = (all - badA - badB) * 100 >= successPercent * all
                            if (ours) assert.ok(((sizeB - badB) / sizeB) * 100 >= groups[1].successPercent, `${sizeA}-${badA} ${sizeB}-${badB} ${successPercent}`)
                            const stops = badA + badB >= phase.minFinished && (badA + badB) * 100 > failurePercent * all
                            const theirs = (badB / sizeB) * 100 > groups[1].failurePercent
                            if (theirs) assert.ok(stops, `hawkBit stops at ${badA}+${badB} of ${sizeA}+${sizeB}, ${failurePercent} percent, we do not`)
                        }
                }
    assert.is(groupsOf("r", [{ successPercent: 95, failurePercent: 10, minFinished: 5, deviceIds: [] }]).length, 0)
})

test("names go there and back", () => {
    for (const id of ["app@1.1.0", "a.b-c@2.0.0+x", "base"]) {
        const { name, version } = remoteName("hov.", id)
        assert.is(localRelease(name.slice(4), version), id)
    }
})

test("back-off grows to half a minute, heeds Retry-After, and ends with the first answer", () => {
    const health = new Health(() => 0, 100)
    const waits = Array.from({ length: 12 }, () => health.away("no", null).waitMs)
    assert.equal(waits.slice(0, 4), [100, 200, 400, 800])
    assert.is(Math.max(...waits), 30_000)
    assert.is(health.away("no", 45_000).waitMs, 45_000)
    assert.is(health.ok(), true)
    assert.is(health.away("no", null).waitMs, 100)
})

test("with no hawkBit there the server starts, serves, and says that it is degraded", async () => {
    const cloud = await openCloud({ hawkbit: options("http://127.0.0.1:9"), timings: { rolloutTickMs: 50 }, logLevel: "fatal" })
    try {
        await publish(cloud, "1.1.0")
        const device = await TestDevice.add(cloud, "d-1")
        await device.poll()
        const health = await until("degraded", () => healthOf(cloud), found => found.hawkbit.state === "degraded" && found.hawkbit.behind > 0)
        assert.is(health.ok, true)
        assert.is(health.degraded, "hawkbit")
        await cloud.must(202, "POST", "/devices/d-1/update", { version: "1.1.0" })
        await device.install((await device.poll(5)).body)
        assert.is((await cloud.must(200, "GET", "/devices/d-1")).sync.state, "converged")
        assert.is(await metric(cloud, "handover_hawkbit_up"), 0)
        const { hawkbit } = await cloud.must(200, "GET", "/server/health")
        assert.match(hawkbit.why, /ECONNREFUSED/)
        const shown = await runCli(["server", "health"], { env: { HANDOVER_URL: cloud.url, HANDOVER_TOKEN: cloud.adminToken } })
        assert.match(shown.stdout, /^degraded: hawkBit does not answer\n.*ECONNREFUSED.*\n {2}has not been told of \d+ events/)
        assert.ok((await metric(cloud, "handover_hawkbit_behind_events")) > 0)
        // Whether a rollout begins is hawkBit's to say too.
        await publish(cloud, "1.2.0")
        const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.2.0", phases: [{ percent: 100 }] })
        await new Promise(resolve => setTimeout(resolve, 500))
        assert.equal((await cloud.must(200, "GET", `/rollouts/${id}`)).devices, { waiting: 1 })
        device.close()
    } finally {
        await cloud.done()
    }
})

test.run()
