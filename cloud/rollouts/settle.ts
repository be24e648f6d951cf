import type { Repos } from "../store/store.ts"

const PAGE = 200

/** Writes down what has become of the devices whose commands have ended. Returns whether there may be more of them. */
export async function settle(repos: Repos, rolloutId: string, maxAttempts: number): Promise<boolean> {
    const ended = await repos.rollouts.ended(rolloutId, maxAttempts, PAGE)
    for (const { deviceId, state, finishedAtMs } of ended) {
        const became = state === "expired" ? "failed" : state
        const replaced = state === "superseded" || state === "cancelled"
        await repos.rollouts.patchDevices(rolloutId, [deviceId], {
            state: replaced ? "skipped" : became,
            why: replaced ? "replaced" : state === "expired" ? "timeout" : null,
            finishedAtMs,
        })
    }
    return ended.length === PAGE
}
