/**
 * What a rollout does next: a pure function of its plan, its place, the figures of its
 * devices and the time.
 *
 * ```
 *             grant …            success share reached, soaked
 *   running ───────────▶ running ─────────────────────────────▶ next phase … ─▶ completed
 *      │  failure share or gate                  ▲ resume
 *      ├──────────────▶ paused ──────────────────┘
 *      ├──────────────▶ aborted            (no more grants; what is updated stays)
 *      └──────────────▶ rollingBack ─▶ rolledBack
 * ```
 * Invariants:
 * 1. Nothing is granted but in `running`, inside a window, after the start time.
 * 2. A failure is judged before anything is granted.
 * 3. A phase only ever adds devices.
 * 4. A phase of which nobody could have the release yet proves nothing: it waits for them.
 */
import type { GateCounts, GateResult } from "./gate.ts"
import { judge } from "./gate.ts"
import type { OnFailure, Phase, RolloutPlan, RolloutState } from "./plan.ts"
import { isOpen } from "./windows.ts"

export interface RolloutPlace {
    readonly state: RolloutState
    readonly phase: number
    /** When the phase's success share was reached; null = not yet. */
    readonly reachedAtMs: number | null
    /** The operator has said to go on from this phase. */
    readonly released: boolean
}

/** Devices of the current phase, by what has become of them. */
export interface PhaseFigures {
    readonly waiting: number
    readonly granted: number
    readonly succeeded: number
    readonly bad: number
    /** Passed over, and tried again: never heard of, busy, nothing for their base. */
    readonly later: number
}

export interface RolloutFigures {
    readonly phase: PhaseFigures
    readonly grantedLastMinute: number
    readonly grantedLastSecond: number
    readonly gate: GateCounts
}

export type Action =
    | { readonly kind: "rest"; readonly why: "ended" | "start" | "window" | "rate" | "devices" | "soak" | "operator" }
    | { readonly kind: "grant"; readonly devices: number }
    | { readonly kind: "reached" }
    | { readonly kind: "advance"; readonly phase: number }
    | { readonly kind: "complete" }
    | { readonly kind: "stop"; readonly state: "paused" | "aborted" | "rollingBack"; readonly why: string }

const GRANTS_PER_STEP = 100

const STOP_STATES: Readonly<Record<OnFailure, "paused" | "aborted" | "rollingBack">> = {
    pause: "paused",
    abort: "aborted",
    rollBack: "rollingBack",
}

export function step(plan: RolloutPlan, place: RolloutPlace, figures: RolloutFigures, nowMs: number): Action {
    if (place.state !== "running") return { kind: "rest", why: "ended" }
    const phase = plan.phases[place.phase]
    const failure = failureOf(plan, phase, figures)
    if (failure !== null) return { kind: "stop", state: STOP_STATES[plan.onFailure], why: failure }

    const { waiting, granted, succeeded, later } = figures.phase
    // Failures that the operator has accepted keep no phase from its success.
    const devices = waiting + granted + succeeded + unaccepted(figures.phase.bad, plan)
    const reached = waiting === 0 && (devices > 0 || later === 0) && succeeded * 100 >= phase.successPercent * devices
    if (reached) return next(plan, place, phase, nowMs)

    if (waiting === 0) return { kind: "rest", why: "devices" }
    if (plan.startAtMs !== null && nowMs < plan.startAtMs) return { kind: "rest", why: "start" }
    if (!isOpen(plan.windows, nowMs)) return { kind: "rest", why: "window" }
    const allowed = plan.ratePerMinute === null ? GRANTS_PER_STEP : allowance(plan.ratePerMinute, figures)
    if (allowed <= 0) return { kind: "rest", why: "rate" }
    return { kind: "grant", devices: Math.min(waiting, allowed, GRANTS_PER_STEP) }
}

/** The gate's opinion, for the operator's page; null without a gate. */
export const gateResult = (plan: RolloutPlan, figures: RolloutFigures): GateResult | null =>
    plan.gate === null ? null : judge(plan.gate, withoutAccepted(figures.gate, plan.acceptedBad))

function next(plan: RolloutPlan, place: RolloutPlace, phase: Phase, nowMs: number): Action {
    // Nothing counts as reached before the rollout may begin, even when there is nobody to wait for.
    if (plan.startAtMs !== null && nowMs < plan.startAtMs) return { kind: "rest", why: "start" }
    if (place.reachedAtMs === null) return { kind: "reached" }
    if (nowMs < place.reachedAtMs + phase.soakS * 1000) return { kind: "rest", why: "soak" }
    const isLast = place.phase === plan.phases.length - 1
    if (phase.manual && !place.released && !isLast) return { kind: "rest", why: "operator" }
    return isLast ? { kind: "complete" } : { kind: "advance", phase: place.phase + 1 }
}

function failureOf(plan: RolloutPlan, phase: Phase, figures: RolloutFigures): string | null {
    const { waiting, granted } = figures.phase
    const finished = figures.phase.succeeded + figures.phase.bad
    const bad = unaccepted(figures.phase.bad, plan)
    // Fewer than asked for is all there will be when no more is under way.
    const enough = finished >= phase.minFinished || waiting + granted === 0
    if (enough && bad * 100 > phase.failurePercent * finished)
        return `${bad} of ${finished} devices failed, more than ${phase.failurePercent} percent`
    const gate = gateResult(plan, figures)
    if (gate?.stop)
        return `the gate: evidence ${Math.exp(gate.logEvidence).toPrecision(3)} that the release is worse, the limit is ${Math.exp(gate.logLimit).toPrecision(3)}`
    return null
}

const unaccepted = (bad: number, plan: RolloutPlan): number => Math.max(0, bad - plan.acceptedBad)

/** Spread over the minute: a burst of a minute's grants would be no rate. */
function allowance(ratePerMinute: number, figures: RolloutFigures): number {
    const perSecond = Math.max(1, Math.ceil(ratePerMinute / 60))
    return Math.min(ratePerMinute - figures.grantedLastMinute, perSecond - figures.grantedLastSecond)
}

function withoutAccepted(counts: GateCounts, accepted: number): GateCounts {
    const paired = Math.min(counts.pairedBad, accepted)
    const unpaired = Math.min(counts.unpairedBad, accepted - paired)
    return { ...counts, pairedBad: counts.pairedBad - paired, unpairedBad: counts.unpairedBad - unpaired }
}
