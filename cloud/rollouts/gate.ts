/**
 * The statistical gate: is the release worse than it may be? A sequential test that may
 * be looked at after every device.
 *
 * It keeps an *e-process*: a bet against "the release is no worse", which under that
 * hypothesis is a supermartingale from 1, so that it ever exceeds 1/α with a
 * probability of at most α (Ville's inequality), however often one looks. α = 1 % means:
 * at most 1 of 100 healthy rollouts is ever stopped by the gate.
 *
 * Two forms, by what there is to compare with:
 * - **baseline**: the failure rate may be at most `baseline`. A mixture of Wald's
 *   sequential probability ratio tests (A. Wald, 1945) against several worse rates.
 * - **control**: devices that did not get the release, one for each that did, in order.
 *   For a pair the bet is p(a)p(b) / p(mean)² over Bernoulli outcomes, which is an
 *   e-value for "rate a ≤ rate b" (Turner, Ly, Grünwald, "Generic e-variables for exact
 *   sequential k-sample tests that allow for optional stopping", 2021), again mixed.
 *   Devices beyond the control's number are judged by the baseline.
 *
 * A device counts from its grant on, as good until it reports otherwise: each bet grows
 * with a failure, so this can only make the evidence smaller. Counting a device when it
 * ends would be wrong, since failures end sooner than successes.
 */
export interface GatePlan {
    /** Chance of stopping a healthy rollout, 0 … 1. */
    readonly alpha: number
    /** Failure rate that is still fine, 0 … 1; used where there is no control. */
    readonly baseline: number
}

/** Devices in the order in which they were granted. */
export interface GateCounts {
    /** Granted devices that have a partner in the control group, and the bad ones of them. */
    readonly paired: number
    readonly pairedBad: number
    /** Bad ones among the partners. */
    readonly controlBad: number
    /** Granted devices beyond those. */
    readonly unpaired: number
    readonly unpairedBad: number
}

export interface GateResult {
    /** Natural logarithm of the e-process. */
    readonly logEvidence: number
    /** The gate stops at this evidence. */
    readonly logLimit: number
    readonly stop: boolean
}

const STEPS = [0.03, 0.08, 0.2, 0.45]
const CONTROL_RATES = [0.002, 0.02, 0.1]

export function judge(plan: GatePlan, counts: GateCounts): GateResult {
    const paired = counts.paired === 0 ? 0 : pairedEvidence(counts.paired, counts.pairedBad, counts.controlBad)
    const unpaired = counts.unpaired === 0 ? 0 : baselineEvidence(plan.baseline, counts.unpaired, counts.unpairedBad)
    const logEvidence = paired + unpaired
    const logLimit = -Math.log(plan.alpha)
    return { logEvidence, logLimit, stop: logEvidence >= logLimit }
}

function baselineEvidence(baseline: number, total: number, bad: number): number {
    const p0 = clamp(baseline)
    return logMean(STEPS.map(step => bernoulli(clamp(p0 + step * (1 - p0)), total, bad) - bernoulli(p0, total, bad)))
}

function pairedEvidence(pairs: number, bad: number, controlBad: number): number {
    const bets: number[] = []
    for (const b of CONTROL_RATES)
        for (const step of STEPS) {
            const a = clamp(b + step)
            const mean = (a + b) / 2
            bets.push(
                bernoulli(a, pairs, bad) +
                    bernoulli(b, pairs, controlBad) -
                    bernoulli(mean, pairs, bad) -
                    bernoulli(mean, pairs, controlBad),
            )
        }
    return logMean(bets)
}

/** Log-likelihood of `bad` failures in `total`. */
const bernoulli = (rate: number, total: number, bad: number): number =>
    bad * Math.log(rate) + (total - bad) * Math.log1p(-rate)

function logMean(logs: readonly number[]): number {
    const largest = Math.max(...logs)
    return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length)
}

const clamp = (rate: number): number => Math.min(Math.max(rate, 1e-4), 1 - 1e-4)
