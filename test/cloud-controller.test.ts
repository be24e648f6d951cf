import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { ControllerPolicy } from "../cloud/controller/decide.ts"
import { decide } from "../cloud/controller/decide.ts"
import { transition } from "../cloud/controller/lifecycle.ts"
import { COMMAND_STATES, DEVICE_STATES, isFinal } from "../cloud/device-state.ts"
import type { DeviceView } from "../cloud/store/views.ts"
import type { TestCloud } from "./support/cloud.ts"
import { BASE, openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const POLICY: ControllerPolicy = { commandTimeoutMs: 1000, cancelTimeoutMs: 100, maxAttempts: 3, retryDelayMs: 50 }

const VIEW: DeviceView = {
    deviceId: "d",
    releaseId: "app@2",
    version: "2",
    wantsBase: false,
    generation: 1,
    rolloutId: null,
    retryAtMs: null,
    actualVersion: "1",
    actualSequence: 0,
    actualBaseId: BASE,
    actualBank: "R",
    actualState: "idle",
    commandId: null,
    commandKind: null,
    commandReleaseId: null,
    commandVersion: null,
    commandBaseId: null,
    commandIsCold: false,
    commandState: null,
    commandAckedAtMs: null,
    commandDeadlineAtMs: null,
    commandCancelAtMs: null,
    artifactBaseId: BASE,
    artifactSequence: 2,
    mayDowngrade: false,
    blockReason: null,
    attempts: 0,
    succeededCommandId: null,
}
const OPEN: DeviceView = {
    ...VIEW,
    commandId: "c",
    commandKind: "update",
    commandReleaseId: "app@2",
    commandVersion: "2",
    commandBaseId: BASE,
    commandIsCold: false,
    commandState: "running",
    commandAckedAtMs: 5,
    commandDeadlineAtMs: 1000,
    attempts: 1,
}

const pure = suite("cloud: the controller's judgement")

pure("a device gets a command only when something is wanted, known, different, possible and not blocked", () => {
    const grant = { kind: "grant", sync: "pending", command: "update", attempt: 1, downgrade: false }
    assert.equal(decide(VIEW, 0, POLICY), grant)
    assert.equal(decide({ ...VIEW, actualSequence: 3, mayDowngrade: true }, 0, POLICY), { ...grant, downgrade: true })
    const toBase = { ...VIEW, wantsBase: true, artifactBaseId: null, artifactSequence: null }
    assert.equal(decide({ ...toBase, actualSequence: 3, actualBank: "A" }, 0, POLICY), { ...grant, command: "revert" })
    assert.equal(decide({ ...toBase, actualSequence: 3, actualBank: "R" }, 0, POLICY), { ...grant, command: "revert" }, "an image that is in no bank yet")
    const rests: [Partial<DeviceView>, string][] = [
        [{ releaseId: null }, "unmanaged"],
        [{ actualVersion: null }, "unknown"],
        [{ actualVersion: "2" }, "converged"],
        [{ blockReason: "rolledBack" }, "blocked"],
        [{ artifactBaseId: null }, "noArtifact"],
        [{ actualSequence: 3 }, "noPermission"],
        [{ wantsBase: true }, "converged"],
        [{ attempts: 3 }, "gaveUp"],
        [{ attempts: 1, retryAtMs: 10 }, "retrying"],
    ]
    const gaveUpLater = decide({ ...VIEW, attempts: 1, succeededCommandId: "c", actualState: "rolledBack" }, 0, POLICY)
    assert.equal(gaveUpLater, { kind: "regress", sync: "blocked", commandId: "c" })
    for (const [change, sync] of rests) assert.equal(decide({ ...VIEW, ...change }, 0, POLICY), { kind: "rest", sync })
})

pure("a command ends with what the device is, and not with what it said before it had the command", () => {
    const state = (change: Partial<DeviceView>) => {
        const decision = decide({ ...OPEN, ...change }, 10, POLICY)
        return decision.kind === "finish" ? decision.state : decision.kind
    }
    assert.is(state({ actualVersion: "2", actualState: "confirmed" }), "succeeded")
    assert.is(state({ actualVersion: "2", actualState: "trial" }), "rest")
    assert.is(state({ actualState: "rolledBack" }), "rolledBack")
    assert.is(state({ actualState: "failed" }), "failed")
    assert.is(state({ actualState: "failed", commandCancelAtMs: 1 }), "cancelled")
    assert.is(state({ actualState: "rolledBack", commandAckedAtMs: null, commandState: "delivered" }), "rest")
    assert.is(state({ actualState: "failed", commandAckedAtMs: null, commandState: "delivered" }), "rest")
})

pure("a wish that changes replaces a command that is still here and cancels one that is out", () => {
    const other = { releaseId: "app@3", version: "3" }
    const queued = decide({ ...OPEN, ...other, commandState: "queued", commandAckedAtMs: null }, 10, POLICY)
    assert.is(queued.kind === "finish" && queued.state, "superseded")
    assert.is(decide({ ...OPEN, ...other }, 10, POLICY).kind, "cancel")
    assert.is(decide({ ...OPEN, ...other, commandCancelAtMs: 10 }, 50, POLICY).kind, "rest")
    const unanswered = decide({ ...OPEN, ...other, commandCancelAtMs: 10 }, 110, POLICY)
    assert.is(unanswered.kind === "finish" && unanswered.state, "cancelled")
    const rebased = decide({ ...OPEN, commandState: "queued", commandAckedAtMs: null, actualBaseId: "ff" }, 10, POLICY)
    assert.is(rebased.kind === "finish" && rebased.state, "superseded", "the board was given another base over USB")
})

pure("a time-out is tried again with a growing delay until the attempts are used up", () => {
    const at = (attempts: number) => decide({ ...OPEN, attempts }, 1000, POLICY)
    assert.equal([at(1), at(2), at(3)].map(decision => decision.kind === "finish" && decision.retryAtMs), [1050, 1100, null])
    assert.is(decide(OPEN, 999, POLICY).kind, "rest")
    assert.is(decide({ ...OPEN, commandState: "queued", commandDeadlineAtMs: null }, 1e12, POLICY).kind, "rest", "undelivered waits for ever")
})

pure("no report takes a command out of an end, but for a regression and an end that the cloud made up", () => {
    for (const state of COMMAND_STATES.filter(isFinal))
        for (const reported of DEVICE_STATES) {
            const next = transition({ kind: "update", state, cancelling: false }, reported)
            assert.ok(next.finished, `${state} + ${reported} = ${next.state}`)
            const may = state === "expired" || (state === "succeeded" && reported === "rolledBack")
            if (!may) assert.is(next.state, state)
            if (next.blocks) assert.ok(next.state === "failed" || next.state === "rolledBack")
        }
})

pure.run()

const live = suite<{ cloud: TestCloud }>("cloud: time-outs and retries")
live.before(async context => {
    context.cloud = await openCloud({
        timings: { commandTimeoutMs: 300, retryDelayMs: 20, sweepMs: 10, maxAttempts: 3, cancelTimeoutMs: 300 },
    })
    await publish(context.cloud, "1.1.0")
    await publish(context.cloud, "1.2.0")
})
live.after(context => context.cloud.done())

live("a device that takes commands and never answers is given three, then left alone", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "silent")
    await device.poll()
    await cloud.must(202, "POST", "/devices/silent/update", { version: "1.1.0" })
    const ids = new Set<string>()
    await until(
        "the controller to give up",
        async () => {
            const answer = await device.poll(0)
            if (answer.status === 200) ids.add(answer.body.id)
            return cloud.must(200, "GET", "/devices/silent")
        },
        shown => shown.sync.state === "gaveUp",
    )
    const shown = await cloud.must(200, "GET", "/devices/silent")
    assert.is(ids.size, 3)
    assert.equal(
        shown.commands.map((command: any) => [command.attempt, command.state, command.code]),
        [3, 2, 1].map(attempt => [attempt, "expired", "HOV_CLOUD_TIMEOUT"]),
    )
    device.close()
})

live("an end that comes after the time-out still counts", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "late")
    await device.poll()
    await cloud.must(202, "POST", "/devices/late/update", { version: "1.1.0" })
    const { body } = await device.poll(5)
    await until("the time-out", () => cloud.must(200, "GET", "/devices/late"), shown => shown.commands.some((c: any) => c.state === "expired"))
    device.actual = { ...device.actual, v: "1.1.0", state: "confirmed", bank: "A" }
    await device.status({ id: body.id, state: "confirmed", v: "1.1.0", bank: "A" })
    const shown = await until("nothing to be open", () => cloud.must(200, "GET", "/devices/late"), value => value.command === null)
    assert.is(shown.commands.find((command: any) => command.id === body.id).state, "succeeded")
    assert.is(shown.sync.state, "converged")
    device.close()
})

live("a new wish while the device is busy cancels first and is granted after", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "changed-mind")
    await device.poll()
    await cloud.must(202, "POST", "/devices/changed-mind/update", { version: "1.1.0" })
    const first = await device.poll(5)
    await device.status({ id: first.body.id, state: "downloading" })
    device.actual.state = "downloading"
    await cloud.must(202, "POST", "/devices/changed-mind/update", { version: "1.2.0" })
    assert.equal((await device.poll(5)).body, { cmd: "cancel", id: first.body.id })
    await device.status({ id: first.body.id, state: "idle" })
    device.actual.state = "idle"
    const second = await device.poll(5)
    assert.is(second.body.v, "1.2.0")
    device.close()
})

live("cancelled wishes use up no attempts of the next one, found by fuzzing", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "undecided")
    await device.poll()
    for (let round = 0; round < 3; round++) {
        await cloud.must(202, "POST", "/devices/undecided/update", { version: "1.1.0" })
        const { body } = await device.poll(5)
        await cloud.must(202, "POST", "/devices/undecided/cancel")
        assert.equal((await device.poll(5)).body, { cmd: "cancel", id: body.id })
        await device.status({ id: body.id, state: "idle" })
    }
    await cloud.must(202, "POST", "/devices/undecided/update", { version: "1.2.0" })
    const shown = await cloud.must(200, "GET", "/devices/undecided")
    assert.is(shown.sync.state, "updating")
    assert.is(shown.command.attempt, 1)
    assert.is((await device.poll(5)).body.v, "1.2.0")
    device.close()
})

live("a hundred operators who ask at once make one command", async ({ cloud }) => {
    const device = await TestDevice.add(cloud, "popular")
    await device.poll()
    const answers = await Promise.all(
        Array.from({ length: 100 }, () => cloud.must(202, "POST", "/devices/popular/update", { version: "1.1.0" })),
    )
    assert.is(new Set(answers.map(answer => answer.command.id)).size, 1)
    assert.is((await cloud.must(200, "GET", "/devices/popular")).commands.length, 1)
    device.close()
})

live.run()
