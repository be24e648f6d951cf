import { releaseId } from "../ids.ts"
import type { RolloutWork } from "./grant.ts"

/**
 * Sets the devices' wish back to what it was before the rollout: to the release that was
 * desired, else to the release of the version that ran, else to nothing. A device for
 * which somebody asked for another release meanwhile is left alone.
 */
export async function revert(work: RolloutWork, deviceIds: readonly string[], to: "waiting" | "reverted"): Promise<void> {
    const { repos, controller, rollout, nowMs } = work
    const release = await repos.releases.get(rollout.releaseId)
    const places = await repos.rollouts.places(rollout.id, deviceIds)
    for (const place of places) {
        const desired = await repos.desired.get(place.deviceId)
        if (desired?.rolloutId === rollout.id) {
            const byVersion =
                release === undefined || place.previousVersion === null
                    ? undefined
                    : await repos.releases.get(releaseId(release.app, place.previousVersion))
            const previous = place.previousReleaseId ?? byVersion?.id ?? null
            if (previous === null) await repos.desired.remove(place.deviceId)
            else
                await repos.desired.set({
                    deviceId: place.deviceId,
                    releaseId: previous,
                    rolloutId: null,
                    setBy: `rollout ${rollout.id}`,
                    setAtMs: nowMs,
                })
            repos.events.note("device.desired", place.deviceId, nowMs, { release: previous, rollout: rollout.id })
        }
        await repos.rollouts.patchDevices(
            rollout.id,
            [place.deviceId],
            to === "waiting" ? { state: "waiting", grantedAtMs: null, phase: null } : { state: "reverted", why: place.state },
        )
    }
    await controller.reconcile(repos, deviceIds)
}
