import type { Controller } from "../controller/controller.ts"
import type { RolloutDeviceRow, RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { DeviceView } from "../store/views.ts"

export interface RolloutWork {
    readonly repos: Repos
    readonly controller: Controller
    readonly rollout: RolloutRow
    readonly nowMs: number
}

/** Why a device is passed over. Those of `unknown`, `noArtifact` and `busy` are tried again later. */
type Skip = "unknown" | "noArtifact" | "busy" | "already" | "blocked"

/**
 * Lets the devices have the release: wish, command and place in the queue in one
 * transaction. A release that a device failed with before is not offered to it.
 */
export async function grant(work: RolloutWork, places: readonly RolloutDeviceRow[]): Promise<void> {
    const { repos, controller, rollout, nowMs } = work
    const ids = places.map(place => place.deviceId)
    if (ids.length === 0) return
    const release = await repos.releases.get(rollout.releaseId)
    const bases = new Set((await repos.releases.artifacts([rollout.releaseId])).map(artifact => artifact.baseId))
    const blocked = await repos.desired.blockedAmong(ids, rollout.releaseId)
    const granted: string[] = []
    for (const view of await repos.views.devices(ids)) {
        const skip = reasonToSkip(view, release?.version ?? "", bases, blocked)
        if (skip !== null) {
            await repos.rollouts.patchDevices(rollout.id, [view.deviceId], { state: "skipped", why: skip })
            continue
        }
        await repos.rollouts.patchDevices(rollout.id, [view.deviceId], {
            state: "granted",
            phase: rollout.phase,
            grantedAtMs: nowMs,
            previousReleaseId: view.releaseId,
            previousVersion: view.actualVersion,
        })
        await repos.desired.set({
            deviceId: view.deviceId,
            releaseId: rollout.releaseId,
            rolloutId: rollout.id,
            setBy: `rollout ${rollout.id}`,
            setAtMs: nowMs,
        })
        repos.events.note("device.desired", view.deviceId, nowMs, { release: rollout.releaseId, rollout: rollout.id })
        granted.push(view.deviceId)
    }
    await controller.reconcile(repos, granted)
}

function reasonToSkip(view: DeviceView, version: string, bases: Set<string>, blocked: Set<string>): Skip | null {
    if (view.actualVersion === null || view.actualBaseId === null) return "unknown"
    if (view.actualVersion === version) return "already"
    if (blocked.has(view.deviceId)) return "blocked"
    if (!bases.has(view.actualBaseId)) return "noArtifact"
    if (view.commandId !== null) return "busy"
    return null
}
