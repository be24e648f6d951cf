import { runsBase } from "../controller/decide.ts"
import type { Controller } from "../controller/controller.ts"
import type { ReleaseRow, RolloutDeviceRow, RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { DeviceView } from "../store/views.ts"
import { allowsDowngrade } from "../store/views.ts"

export interface RolloutWork {
    readonly repos: Repos
    readonly controller: Controller
    readonly rollout: RolloutRow
    readonly nowMs: number
}

/** Why a device is passed over. All but `already` and `blocked` are tried again later. */
export type Skip = "unknown" | "noArtifact" | "noPermission" | "busy" | "already" | "blocked"

/**
 * Lets the devices have the release: wish, command and place in the queue in one
 * transaction. A release that a device failed with before is not offered to it.
 */
export async function grant(work: RolloutWork, places: readonly RolloutDeviceRow[]): Promise<void> {
    const { repos, controller, rollout, nowMs } = work
    const ids = places.map(place => place.deviceId)
    if (ids.length === 0) return
    const release = await repos.releases.get(rollout.releaseId)
    if (release === undefined) return
    const offers = await offersOf(repos, release)
    const blocked = await repos.desired.blockedAmong(ids, rollout.releaseId)
    const granted: string[] = []
    for (const view of await repos.views.devices(ids)) {
        const skip = reasonToSkip(view, offers, blocked)
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
            previousBase: runsBase(view) ? 1 : 0,
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

/** What would become of these devices if they were offered the release now; null = they would get it. */
export async function wouldSkip(repos: Repos, release: ReleaseRow, ids: readonly string[]): Promise<Map<string, { view: DeviceView; skip: Skip | null }>> {
    if (ids.length === 0) return new Map()
    const offers = await offersOf(repos, release)
    const blocked = await repos.desired.blockedAmong(ids, release.id)
    const views = await repos.views.devices(ids)
    return new Map(views.map(view => [view.deviceId, { view, skip: reasonToSkip(view, offers, blocked) }]))
}

interface Offers {
    readonly release: ReleaseRow
    /** Sequence by base. */
    readonly sequences: ReadonlyMap<string, number>
    /** Bases whose boards may come from a later sequence. */
    readonly downgrades: ReadonlySet<string>
    /** Bases that this release is itself. */
    readonly bases: ReadonlySet<string>
}

async function offersOf(repos: Repos, release: ReleaseRow): Promise<Offers> {
    const artifacts = await repos.releases.artifacts([release.id])
    const permissions = await repos.releases.permissions([release.id])
    const permitted = artifacts.filter(artifact => allowsDowngrade(artifact.manifest))
    return {
        release,
        sequences: new Map(artifacts.map(({ baseId, sequence }) => [baseId, Number(sequence)])),
        downgrades: new Set([...permitted, ...permissions].map(({ baseId }) => baseId)),
        bases: new Set((await repos.releases.bases([release.id])).map(({ baseId }) => baseId)),
    }
}

function reasonToSkip(view: DeviceView, offers: Offers, blocked: Set<string>): Skip | null {
    const { actualVersion, actualBaseId } = view
    if (actualVersion === null || actualBaseId === null) return "unknown"
    const toBase = offers.release.kind === "base" || offers.bases.has(actualBaseId)
    if (toBase ? runsBase(view) : actualVersion === offers.release.version) return "already"
    if (blocked.has(view.deviceId)) return "blocked"
    const sequence = offers.sequences.get(actualBaseId)
    if (!toBase) {
        if (sequence === undefined) return "noArtifact"
        if (sequence < (view.actualSequence ?? 0) && !offers.downgrades.has(actualBaseId)) return "noPermission"
    }
    if (view.commandId !== null) return "busy"
    return null
}
