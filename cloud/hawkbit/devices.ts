/** Tells hawkBit what is wanted of devices (assignments), and what became of it (feedback). */
import { chunks } from "../chunks.ts"
import { decide, runsBase } from "../controller/decide.ts"
import { BASE_RELEASE, releaseId as idOfRelease } from "../ids.ts"
import type { DeviceRow } from "../store/schema.ts"
import type { HawkbitAction } from "../store/hawkbit.ts"
import { isOver } from "../store/hawkbit.ts"
import type { DeviceView } from "../store/views.ts"
import { HawkbitRefused } from "./http.ts"
import type { NextStep } from "./next-step.ts"
import { nextStep } from "./next-step.ts"
import { setOf } from "./releases.ts"
import { ignoring } from "./remote.ts"
import { placeOf } from "./rollouts.ts"
import { ensureTargets, pushAttributes } from "./targets.ts"
import type { Work } from "./work.ts"
import { eachOf, noting } from "./work.ts"

const DEVICES_AT_ONCE = 100
const CALLS_AT_ONCE = 6
/** assign, link and say, or cancel and assign: each look may lead to another one. */
const LOOKS_MAX = 4

export async function pushDevices(work: Work, ids: readonly string[]): Promise<void> {
    for (const chunk of chunks(ids, DEVICES_AT_ONCE)) await pushSome(work, chunk)
}

async function pushSome(work: Work, ids: readonly string[]): Promise<void> {
    const { store } = work
    const rows: DeviceRow[] = []
    for (const id of ids) {
        const row = await store.read.devices.get(id)
        if (row === undefined) await removeDevice(work, id)
        else rows.push(row)
    }
    const present = rows.map(({ id }) => id)
    await ensureTargets(work, present)
    await pushAttributes(work, rows)
    for (let left = present, look = 0; left.length > 0 && look < LOOKS_MAX; look++) left = await lookAt(work, left)
}

async function removeDevice(work: Work, id: string): Promise<void> {
    await work.remote.removeTarget(id)
    await work.store.write(repos => repos.hawkbit.forgetDevice(id))
}

/** One step for each; returns those that may have another one. */
async function lookAt(work: Work, ids: readonly string[]): Promise<string[]> {
    const { store, now, policy } = work
    const actions = new Map(await store.read.hawkbit.actions(ids))
    const assign = new Map<string, { views: DeviceView[]; releaseId: string; offline: boolean }>()
    const others: { view: DeviceView; step: NextStep }[] = []
    const again: string[] = []
    for (const view of await store.read.views.devices(ids)) {
        const before = actions.get(view.deviceId)
        if (before !== undefined) actions.set(view.deviceId, await handedBack(work, view, before))
        const step = nextStep(view, decide(view, now(), policy).sync, actions.get(view.deviceId))
        if (step.kind === "rest") continue
        again.push(view.deviceId)
        if (step.kind !== "assign") others.push({ view, step })
        else {
            const key = `${step.releaseId} ${step.offline}`
            const group = assign.get(key) ?? { views: [], releaseId: step.releaseId, offline: step.offline }
            assign.set(key, group)
            group.views.push(view)
        }
    }
    await eachOf(others, CALLS_AT_ONCE, ({ view, step }) => guarded(work, view.deviceId, () => take(work, view, step, actions.get(view.deviceId))))
    for (const { views, releaseId, offline } of assign.values()) await assignAll(work, views, releaseId, offline, actions)
    return again
}

/** A rollout that pauses takes back what has not left the server; hawkBit's action waits for it to go on. */
async function handedBack(work: Work, view: DeviceView, action: HawkbitAction): Promise<HawkbitAction> {
    if (isOver(action) || action.generation === null || view.releaseId === action.releaseId) return action
    if ((await placeOf(work.store.read, action)) !== "waiting") return action
    const waiting = { ...action, generation: null }
    await put(work, waiting)
    return waiting
}

/** A device that hawkBit does not know (any more) is made anew in the next round. */
async function guarded(work: Work, deviceId: string, call: () => Promise<void>): Promise<void> {
    const subject = `device ${deviceId}`
    const refusal = await noting(work, subject, call)
    if (refusal === undefined || (refusal.status !== 401 && refusal.status !== 404)) return
    await work.store.write(repos => repos.hawkbit.forgetDevice(deviceId))
    if (!work.health.strike(subject)) work.again.add(deviceId)
}

async function take(work: Work, view: DeviceView, step: NextStep, action: HawkbitAction | undefined): Promise<void> {
    const { store } = work
    if (action === undefined) return
    switch (step.kind) {
        case "cancel":
            await cancelAction(work, action)
            await store.write(async repos => {
                await repos.hawkbit.removeAction(view.deviceId)
                await repos.hawkbit.leaveRollouts(view.deviceId)
            })
            return
        case "link":
            await put(work, { ...action, generation: Number(view.generation) })
            return
        case "say":
            await say(work, action, step)
            return
        case "correct":
            await correct(work, view, action)
            return
    }
}

async function assignAll(work: Work, views: readonly DeviceView[], releaseId: string, offline: boolean, actions: ReadonlyMap<string, HawkbitAction>): Promise<void> {
    const ids = views.map(view => view.deviceId)
    const refusal = await noting(work, `assignments of ${releaseId}`, async () => {
        const setId = await setOf(work, releaseId)
        if (setId === undefined) return
        for (const view of views) {
            const before = actions.get(view.deviceId)
            if (before !== undefined) await guarded(work, view.deviceId, () => cancelAction(work, before))
        }
        const made = await work.remote.assign(setId, ids, offline)
        work.figures.assignments += made.size
        await eachOf(views, CALLS_AT_ONCE, ({ deviceId, generation }) =>
            guarded(work, deviceId, async () => {
                // Assigned already: by a call whose answer was lost, or by somebody else. Or the target is gone, which this tells.
                const actionId = offline ? null : (made.get(deviceId) ?? (await openAction(work, deviceId)))
                await put(work, { deviceId, actionId, releaseId, generation: Number(generation), said: actionId === null ? "success" : "", feedbacks: 0 })
                await work.store.write(repos => repos.hawkbit.leaveRollouts(deviceId))
            }),
        )
    })
    if (refusal === undefined) return
    // The set may have been removed there: it is looked for again, and made.
    await work.store.write(async repos => {
        for (const kind of ["module", "set"] as const) await repos.hawkbit.removeLink(kind, releaseId)
    })
    if (!work.health.strike(`assignments of ${releaseId}`)) for (const id of ids) work.again.add(id)
}

/** The action that hawkBit waits for, null when it waits for none. */
export async function openAction(work: Work, deviceId: string): Promise<number | null> {
    const newest = (await work.remote.actions(deviceId)).find(({ type, status }) => type === "update" && status === "pending")
    return newest?.id ?? null
}

/** Cancels it there, and says for the device that it has; whatever of that is done already is no error. */
export async function cancelAction(work: Work, action: HawkbitAction): Promise<void> {
    if (isOver(action) || action.actionId === null) return
    const { remote, figures } = work
    const isGone = (error: unknown): boolean => error instanceof HawkbitRefused && error.status !== 401
    await remote.cancel(action.deviceId, action.actionId).catch(error => {
        if (!isGone(error)) throw error
    })
    figures.feedbacks++
    await remote.confirmCancel(action.deviceId, action.actionId).catch(error => {
        if (!isGone(error)) throw error
    })
}

async function say(work: Work, action: HawkbitAction, step: Extract<NextStep, { kind: "say" }>): Promise<void> {
    const { remote, store, figures } = work
    const last = step.result === "failure" ? await store.read.commands.last(action.deviceId) : undefined
    const details = [`release ${action.releaseId}`, ...(last?.code ? [last.code] : [])]
    figures.feedbacks++
    // 410: it is over there already, by this very word, or because somebody ended it.
    await ignoring(410, remote.feedback(action.deviceId, action.actionId as number, step.execution, step.result, details))
    await put(work, { ...action, said: step.said, feedbacks: action.feedbacks + 1 })
}

/** Over without a result: our rules pass the device over. */
export async function sayNone(work: Work, action: HawkbitAction, why: string): Promise<void> {
    work.figures.feedbacks++
    await ignoring(410, work.remote.feedback(action.deviceId, action.actionId as number, "closed", "none", [why]))
    await put(work, { ...action, said: "none", feedbacks: action.feedbacks + 1 })
    await work.store.write(repos => repos.hawkbit.leaveRollouts(action.deviceId))
}

async function correct(work: Work, view: DeviceView, action: HawkbitAction): Promise<void> {
    const { store, remote } = work
    const device = await store.read.devices.get(view.deviceId)
    const runs = runsBase(view) ? BASE_RELEASE : idOfRelease(device?.app ?? appOf(action.releaseId), view.actualVersion ?? "")
    const setId = (await store.read.releases.get(runs)) === undefined ? undefined : await setOf(work, runs)
    if (setId !== undefined) await remote.assign(setId, [view.deviceId], true)
    await put(work, { ...action, said: "failure" })
}

const appOf = (releaseId: string): string => releaseId.slice(0, Math.max(releaseId.lastIndexOf("@"), 0))

const put = (work: Work, action: HawkbitAction): Promise<void> => work.store.write(repos => repos.hawkbit.putAction(action))
