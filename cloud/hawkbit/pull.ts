/** Asks hawkBit which devices have something to do, and takes over what is not from here. */
import { chunks } from "../chunks.ts"
import type { HawkbitAction } from "../store/hawkbit.ts"
import { isOver } from "../store/hawkbit.ts"
import { cancelAction, openAction, sayNone } from "./devices.ts"
import { HawkbitRefused } from "./http.ts"
import { ignoring } from "./remote.ts"
import { placeOf } from "./rollouts.ts"
import type { Work } from "./work.ts"
import { eachOf, localRelease, noting } from "./work.ts"

const IDS = 500
const AT_ONCE = 6
/** Actions that are compared one by one in each round, in turn. */
const CHECKED = 25
const WHO = "hawkbit"

/** Returns whether something has come that a rollout waits for. */
export async function pullPending(work: Work): Promise<boolean> {
    const { store } = work
    let forRollouts = false
    for (const ids of chunks(await work.remote.pending(), IDS)) {
        const actions = await store.read.hawkbit.actions(ids)
        const news = ids.filter(id => {
            const action = actions.get(id)
            return action === undefined || isOver(action)
        })
        await eachOf(news, AT_ONCE, id =>
            noting(work, `device ${id}`, async () => {
                forRollouts = (await adopt(work, id, actions.get(id))) || forRollouts
            }),
        )
    }
    return forRollouts
}

/** Looks at some open actions, from the given device on; returns where to go on. */
export async function checkOpen(work: Work, after: string): Promise<string> {
    const { store, remote } = work
    const some = await store.read.hawkbit.open(after, CHECKED)
    await eachOf(some, AT_ONCE, action =>
        noting(work, `device ${action.deviceId}`, async () => {
            if (action.generation === null) {
                const place = await placeOf(store.read, action)
                if (place === "skipped") await sayNone(work, action, "passed over by the rollout's rules")
                else if (place === "gone") await withdraw(work, action)
                if (place !== "waiting") return
            }
            const there = await remote.action(action.deviceId, action.actionId as number)
            if (there === undefined) {
                await store.write(repos => repos.hawkbit.removeAction(action.deviceId))
                work.again.add(action.deviceId)
            } else if (there.type === "cancel" || there.status === "finished") await cancelled(work, action)
        }),
    )
    return some.length < CHECKED ? "" : some[some.length - 1].deviceId
}

/** hawkBit has begun what is not to be any more. */
async function withdraw(work: Work, action: HawkbitAction): Promise<void> {
    await cancelAction(work, action)
    await work.store.write(async repos => {
        await repos.hawkbit.removeAction(action.deviceId)
        await repos.hawkbit.leaveRollouts(action.deviceId)
    })
    // What is wanted of it may have to be told again.
    work.again.add(action.deviceId)
}

/** hawkBit's operator has cancelled it, or assigned something else. */
async function cancelled(work: Work, action: HawkbitAction): Promise<void> {
    const { store, controller, now, log } = work
    await cancelAction(work, action)
    const next = await openAction(work, action.deviceId)
    await store.write(async repos => {
        await repos.hawkbit.removeAction(action.deviceId)
        await repos.hawkbit.leaveRollouts(action.deviceId)
        const desired = await repos.desired.get(action.deviceId)
        // Another action takes its place in the next round; a wish for something else is not concerned.
        if (next !== null || desired?.releaseId !== action.releaseId) return
        await repos.desired.remove(action.deviceId)
        await controller.reconcile(repos, [action.deviceId])
        await repos.audit.append({ atMs: now(), actor: WHO, role: "server", action: "device.cancel", subject: action.deviceId, detail: { action: action.actionId } })
        repos.events.note("device.desired", action.deviceId, now(), { release: null })
    })
    log.info({ device: action.deviceId, action: action.actionId }, "cancelled in hawkBit")
}

/** Takes an action that hawkBit waits for as what it is; returns whether a rollout of ours waits for it. */
async function adopt(work: Work, deviceId: string, before: HawkbitAction | undefined): Promise<boolean> {
    const { store, remote, controller, now, log, figures } = work
    const actionId = await openAction(work, deviceId)
    // Only cancellations are left: the device's word to those is ours to say.
    if (actionId === null) {
        for (const { id, type, status } of await remote.actions(deviceId)) if (type === "cancel" && status === "pending") await ignoring(410, ignoring(404, remote.confirmCancel(deviceId, id)))
        return false
    }
    const set = await remote.assignedSet(deviceId)
    const releaseId = set === undefined ? undefined : localRelease(set.name, set.version)
    const release = releaseId === undefined ? undefined : await store.read.releases.get(releaseId)
    if (release === undefined) throw new HawkbitRefused(`action ${actionId}`, 409, `it assigns ${set === undefined ? "a set that is not ours" : `${releaseId}, which is not here`}`)
    const action: HawkbitAction = { deviceId, actionId, releaseId: release.id, generation: null, said: "", feedbacks: 0 }
    if ((await placeOf(store.read, action)) === "gone") {
        await withdraw(work, action)
        return false
    }
    return store.write(async repos => {
        const place = await placeOf(repos, action)
        // One that is granted already was let go without hawkBit, and is linked when it is told so.
        if (place === "waiting" || place === "skipped") {
            await repos.hawkbit.putAction(action)
            return true
        }
        const desired = await repos.desired.get(deviceId)
        if (desired === undefined && (await repos.devices.get(deviceId)) === undefined) return false
        // Ours, whose answer was lost; but a second action for the same wish is another ask.
        const isOurs = desired?.releaseId === release.id && (before === undefined || before.actionId === actionId)
        if (!isOurs) {
            await repos.desired.unblock(deviceId, release.id)
            await repos.desired.set({ deviceId, releaseId: release.id, rolloutId: null, setBy: WHO, setAtMs: now() })
            await repos.audit.append({ atMs: now(), actor: WHO, role: "server", action: "device.desire", subject: deviceId, detail: { release: release.id, action: actionId } })
            repos.events.note("device.desired", deviceId, now(), { release: release.id })
            await controller.reconcile(repos, [deviceId])
            figures.adopted++
            log.info({ device: deviceId, release: release.id, action: actionId }, "assigned in hawkBit")
        }
        const generation = (await repos.desired.get(deviceId))?.generation
        await repos.hawkbit.putAction({ ...action, generation: Number(generation) })
        work.again.add(deviceId)
        return false
    })
}
