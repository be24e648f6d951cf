/** What an operator orders: phases, pace, and what to do when it goes wrong. */
import type { GatePlan } from "./gate.ts"
import type { Window } from "./windows.ts"

export interface Phase {
    /** Share of the target, by bucket; or … */
    readonly percent: number | null
    /** … this many devices, the first in the order of buckets. */
    readonly count: number | null
    /** Of the phase's devices, before the next phase begins. */
    readonly successPercent: number
    /** Of the phase's finished devices: more is a failure. */
    readonly failurePercent: number
    /** Finished devices before the failure share counts. */
    readonly minFinished: number
    /** To wait after success, watching for late rollbacks. */
    readonly soakS: number
    /** The operator starts the next phase. */
    readonly manual: boolean
}

export type OnFailure = "pause" | "abort" | "rollBack"

export interface RolloutPlan {
    readonly phases: readonly Phase[]
    readonly startAtMs: number | null
    readonly windows: readonly Window[]
    readonly ratePerMinute: number | null
    readonly onFailure: OnFailure
    readonly gate: GatePlan | null
    /** Devices at the end of the queue that get nothing before a phase of 100 percent. */
    readonly controlPercent: number
    /** A control device counts after this time. */
    readonly observeS: number
    /** Failures that the operator has accepted by resuming: they stop nothing any more. */
    readonly acceptedBad: number
}

export const ROLLOUT_STATES = [
    "running",
    "paused",
    "aborted",
    "completed",
    "rollingBack",
    "rolledBack",
] as const
export type RolloutState = (typeof ROLLOUT_STATES)[number]
