import type { RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { Action } from "./engine.ts"

/** What the engine has decided, but for grants. */
export async function applyChange(repos: Repos, rollout: RolloutRow, action: Action, nowMs: number): Promise<void> {
    switch (action.kind) {
        case "reached":
            return change(repos, rollout, { reachedAtMs: nowMs }, nowMs, "")
        case "advance":
            return change(repos, rollout, { phase: action.phase, reachedAtMs: null, released: 0 }, nowMs, "")
        case "complete":
            return change(repos, rollout, { state: "completed" }, nowMs, "")
        case "stop":
            repos.events.note("rollout.gate", null, nowMs, { rollout: rollout.id, why: action.why })
            await repos.audit.append({
                atMs: nowMs,
                actor: "server",
                role: "server",
                action: `rollout.${action.state}`,
                subject: rollout.id,
                detail: { why: action.why },
            })
            return change(repos, rollout, { state: action.state }, nowMs, action.why)
    }
}

/** A change of a rollout's place, told to whoever listens. */
export async function change(
    repos: Repos,
    rollout: RolloutRow,
    patch: Partial<Pick<RolloutRow, "state" | "phase" | "reachedAtMs" | "released" | "plan">>,
    nowMs: number,
    why: string,
): Promise<void> {
    await repos.rollouts.patch(rollout.id, { ...patch, why, changedAtMs: nowMs })
    repos.events.note("rollout.changed", null, nowMs, {
        rollout: rollout.id,
        release: rollout.releaseId,
        state: patch.state ?? rollout.state,
        phase: patch.phase ?? rollout.phase,
        why,
    })
}
