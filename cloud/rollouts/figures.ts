/** A rollout's row as the engine wants it, and the figures of its devices. */
import type { RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import { bucketLimit, controlStart } from "./bucket.ts"
import type { RolloutFigures, RolloutPlace } from "./engine.ts"
import type { RolloutPlan, RolloutState } from "./plan.ts"

export const planOf = (rollout: RolloutRow): RolloutPlan => JSON.parse(rollout.plan)

export const placeOf = (rollout: RolloutRow): RolloutPlace => ({
    state: rollout.state as RolloutState,
    phase: rollout.phase,
    reachedAtMs: rollout.reachedAtMs === null ? null : Number(rollout.reachedAtMs),
    released: rollout.released === 1,
})

/**
 * Devices in buckets below this belong to the current phase, or to one before it: a count may come to less
 * than a percentage before it, and yet nobody leaves.
 */
export async function phaseLimit(repos: Repos, rollout: RolloutRow, plan: RolloutPlan): Promise<number> {
    let highest = 0
    for (const { percent, count } of plan.phases.slice(0, rollout.phase + 1)) {
        if (percent !== null && percent >= 100) return Number.MAX_SAFE_INTEGER
        const limit = percent !== null ? bucketLimit(percent) : await repos.rollouts.bucketAfter(rollout.id, count ?? 0)
        highest = Math.max(highest, Math.min(limit, controlStart(plan.controlPercent)))
    }
    return highest
}

export async function figuresOf(
    repos: Repos,
    rollout: RolloutRow,
    plan: RolloutPlan,
    limit: number,
    nowMs: number,
): Promise<RolloutFigures> {
    const sinceMs = Math.max(Number(rollout.createdAtMs), plan.startAtMs ?? 0)
    const granted = async (lastMs: number): Promise<number> =>
        plan.ratePerMinute === null ? 0 : repos.rollouts.grantedSince(rollout.id, nowMs - lastMs)
    return {
        phase: await repos.rollouts.phaseFigures(rollout.id, limit),
        grantedLastMinute: await granted(60_000),
        grantedLastSecond: await granted(1_000),
        gate: await repos.rollouts.gateCounts(rollout.id, {
            start: controlStart(plan.controlPercent),
            sinceMs,
            ripe: plan.gate !== null && plan.controlPercent > 0 && nowMs >= sinceMs + plan.observeS * 1000,
        }),
    }
}
