/**
 * What has become of the two arms, and whether the difference is more than chance. The evidence
 * is the gate's e-process, in both directions: it may be looked at at any time, and exceeds
 * 1/α for an arm that is no worse with a probability of at most α.
 */
import { judge } from "../rollouts/gate.ts"

export interface ArmFigures {
    readonly devices: number
    readonly granted: number
    readonly succeeded: number
    readonly failed: number
    readonly rolledBack: number
    /** From the grant to the end, of those that succeeded; null = none has. */
    readonly medianMs: number | null
}

export interface ArmOutcome extends ArmFigures {
    readonly finished: number
    /** Of the finished ones, 0 … 1; null = none has. */
    readonly failureRate: number | null
    /** 95 % of it (Wilson's interval). */
    readonly failureRateLow: number | null
    readonly failureRateHigh: number | null
}

export interface Comparison {
    readonly pairs: number
    /** Against "a fails no more often than b", and the other way round. */
    readonly evidenceAWorse: number
    readonly evidenceBWorse: number
    readonly limit: number
    readonly verdict: "a fails more often" | "b fails more often" | "undecided"
}

/** Two directions, 5 % in all. */
const ALPHA = 0.025
const Z95 = 1.959964

export function outcomeOf(figures: ArmFigures): ArmOutcome {
    const bad = figures.failed + figures.rolledBack
    const finished = figures.succeeded + bad
    if (finished === 0) return { ...figures, finished, failureRate: null, failureRateLow: null, failureRateHigh: null }
    const rate = bad / finished
    const z2 = Z95 ** 2
    const middle = (rate + z2 / (2 * finished)) / (1 + z2 / finished)
    const half = (Z95 / (1 + z2 / finished)) * Math.sqrt((rate * (1 - rate)) / finished + z2 / (4 * finished ** 2))
    const round = (value: number): number => Number(Math.min(Math.max(value, 0), 1).toFixed(4))
    return { ...figures, finished, failureRate: round(rate), failureRateLow: round(middle - half), failureRateHigh: round(middle + half) }
}

/** Of the first `pairs` granted devices of each arm, the bad ones. */
export function compare(pairs: number, badA: number, badB: number): Comparison {
    const evidence = (worse: number, other: number): number => {
        const { logEvidence } = judge(
            { alpha: ALPHA, baseline: 0 },
            { paired: pairs, pairedBad: worse, controlBad: other, unpaired: 0, unpairedBad: 0 },
        )
        return Number(Math.exp(Math.min(logEvidence, 700)).toPrecision(4))
    }
    const [evidenceAWorse, evidenceBWorse] = [evidence(badA, badB), evidence(badB, badA)]
    const limit = 1 / ALPHA
    return {
        pairs,
        evidenceAWorse,
        evidenceBWorse,
        limit,
        verdict: evidenceAWorse >= limit ? "a fails more often" : evidenceBWorse >= limit ? "b fails more often" : "undecided",
    }
}
