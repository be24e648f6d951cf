import type { SyncState } from "../controller/decide.ts"
import { decide } from "../controller/decide.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import { BASE_RELEASE, releaseId } from "../ids.ts"
import type { ReleaseRow, RolloutDeviceRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { RolloutWork } from "./grant.ts"

/** Takes back what has not left the server: the devices' wishes are as if the rollout had not come to them. */
export async function withdraw(work: RolloutWork, deviceIds: readonly string[]): Promise<void> {
    const { repos, controller, rollout } = work
    for (const place of await repos.rollouts.places(rollout.id, deviceIds)) {
        await setBack(work, place, place.previousReleaseId)
        await repos.rollouts.patchDevices(rollout.id, [place.deviceId], { state: "waiting", grantedAtMs: null, phase: null })
    }
    await controller.reconcile(repos, deviceIds)
}

/**
 * Sends devices back to what they ran before the rollout: the release that was desired, else the
 * release of the version that ran, else the base's own code. A device for which somebody asked for
 * another release meanwhile is left alone.
 */
export async function revert(work: RolloutWork, deviceIds: readonly string[]): Promise<void> {
    const { repos, controller, rollout } = work
    const release = await repos.releases.get(rollout.releaseId)
    for (const place of await repos.rollouts.places(rollout.id, deviceIds)) {
        await setBack(work, place, await previousOf(repos, release, place))
        await repos.rollouts.patchDevices(rollout.id, [place.deviceId], { state: "reverting", why: place.state })
    }
    await controller.reconcile(repos, deviceIds)
}

async function previousOf(repos: Repos, release: ReleaseRow | undefined, place: RolloutDeviceRow): Promise<string | null> {
    if (place.previousReleaseId !== null) return place.previousReleaseId
    if (place.previousBase === 1) return BASE_RELEASE
    if (release === undefined || place.previousVersion === null) return null
    return (await repos.releases.get(releaseId(release.app, place.previousVersion)))?.id ?? null
}

async function setBack({ repos, rollout, nowMs }: RolloutWork, place: RolloutDeviceRow, previous: string | null): Promise<void> {
    const { deviceId } = place
    if ((await repos.desired.get(deviceId))?.rolloutId !== rollout.id) return
    if (previous === null) await repos.desired.remove(deviceId)
    else {
        // It ran well there before, whatever happened in between.
        await repos.desired.unblock(deviceId, previous)
        await repos.desired.set({ deviceId, releaseId: previous, rolloutId: null, setBy: `rollout ${rollout.id}`, setAtMs: nowMs })
    }
    repos.events.note("device.desired", deviceId, nowMs, { release: previous, rollout: rollout.id })
}

/** Why a device does not get back by itself. */
const STUCK: ReadonlySet<SyncState> = new Set<SyncState>(["blocked", "noArtifact", "noPermission", "gaveUp"])

/** Looks where the devices on their way back are. Returns how many are still on it. */
export async function followBack(repos: Repos, rolloutId: string, deviceIds: readonly string[], policy: ControllerPolicy, nowMs: number): Promise<number> {
    let underWay = 0
    for (const view of await repos.views.devices(deviceIds)) {
        const { sync } = decide(view, nowMs, policy)
        if (sync === "converged" || sync === "unmanaged")
            await repos.rollouts.patchDevices(rolloutId, [view.deviceId], { state: "reverted", finishedAtMs: nowMs })
        else if (STUCK.has(sync)) await repos.rollouts.patchDevices(rolloutId, [view.deviceId], { state: "stuck", why: sync, finishedAtMs: nowMs })
        else underWay++
    }
    return underWay
}
