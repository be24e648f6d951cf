/** Who would get a release, by the rules that the rollout itself follows, as of now. */
import type { FilterFields } from "../groups/filter.ts"
import type { Target } from "../groups/members.ts"
import { membersPage } from "../groups/members.ts"
import type { ReleaseRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import { turn } from "../turn.ts"
import { bucketLimit, bucketOf, controlStart } from "./bucket.ts"
import type { Skip } from "./grant.ts"
import { wouldSkip } from "./grant.ts"
import type { RolloutPlan } from "./plan.ts"

const PAGE = 200

export interface PreviewedDevice {
    readonly id: string
    readonly bucket: number
    readonly version: string | null
    readonly baseId: string | null
    /** null = it would get the release. */
    readonly skip: Skip | null
    /** The first phase that takes it in; null = none does. */
    readonly phase: number | null
}

export interface PreviewOrder {
    readonly release: ReleaseRow
    readonly target: Target
    readonly plan: RolloutPlan
    readonly seed: string
}

/** All devices that are meant, in the order of the queue. */
export async function previewRollout(repos: Repos, { release, target, plan, seed }: PreviewOrder): Promise<PreviewedDevice[]> {
    const found: Omit<PreviewedDevice, "phase">[] = []
    for (let after: string | null = null; ; ) {
        const page = await membersPage(repos, target, after, PAGE)
        found.push(...(await placesOf(repos, release, seed, page.devices)))
        after = page.next
        if (after === null) break
        // A large fleet takes a while: polls are answered in between.
        await turn()
    }
    found.sort((a, b) => a.bucket - b.bucket || (a.id < b.id ? -1 : 1))
    const limits = phaseLimits(plan, found.filter(device => device.skip === null).map(device => device.bucket))
    return found.map(device => {
        const phase = limits.findIndex(limit => device.bucket < limit)
        return { ...device, phase: phase < 0 ? null : phase }
    })
}

async function placesOf(repos: Repos, release: ReleaseRow, seed: string, devices: readonly FilterFields[]): Promise<Omit<PreviewedDevice, "phase">[]> {
    const known = await wouldSkip(repos, release, devices.map(device => device.id))
    return devices.flatMap(({ id, version, base }) => {
        const what = known.get(id)
        return what === undefined ? [] : [{ id, bucket: bucketOf(seed, id), version, baseId: base, skip: what.skip }]
    })
}

/** The bucket that closes off each phase; `queue` has the buckets of those that would get it, in order. */
export function phaseLimits(plan: RolloutPlan, queue: readonly number[]): number[] {
    let highest = 0
    return plan.phases.map(({ percent, count }) => {
        if (percent !== null && percent >= 100) highest = Number.MAX_SAFE_INTEGER
        const limit = percent !== null ? bucketLimit(percent) : (queue[count ?? 0] ?? Number.MAX_SAFE_INTEGER)
        highest = Math.max(highest, Math.min(limit, controlStart(plan.controlPercent)))
        return highest
    })
}
