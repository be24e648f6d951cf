/**
 * What the operator API answers about groups, rollouts and experiments, typed once: the server's routes make these, the command
 * and the console read them.
 */

export interface GroupDocument {
    readonly name: string
    readonly kind: "list" | "filter"
    readonly filter: string | null
    readonly createdAt: string
    readonly createdBy: string
}

/** A device as filters see it. */
export interface GroupMember {
    readonly id: string
    readonly app: string | null
    readonly version: string | null
    readonly base: string | null
    readonly channel: string | null
    readonly state: string | null
    readonly attributes: Readonly<Record<string, string>>
}

/** A rollout in a list. */
export interface RolloutSummary {
    readonly id: string
    readonly name: string
    readonly release: string
    readonly group: string | null
    readonly filter: string | null
    readonly state: string
    readonly why: string
    readonly phase: number
    readonly phases: number
    readonly experiment: string | null
    readonly arm: string | null
    readonly createdAt: string
    readonly createdBy: string
    readonly changedAt: string
}

export interface PhaseDocument {
    readonly percent: number | null
    readonly count: number | null
    readonly successPercent: number
    readonly failurePercent: number
    readonly minFinished: number
    readonly soakS: number
    readonly manual: boolean
}

export interface PlanDocument {
    readonly phases: readonly PhaseDocument[]
    readonly startAt: string | null
    /** Hours in UTC; `days` 0 = Sunday, none = every day. */
    readonly windows: readonly { readonly days: readonly number[]; readonly from: string; readonly to: string }[]
    readonly ratePerMinute: number | null
    readonly onFailure: "pause" | "abort" | "rollBack"
    readonly gate: { readonly alpha: number; readonly baseline: number } | null
    readonly controlPercent: number
    readonly observeS: number
    readonly acceptedBad: number
}

/** The gate's evidence that the release is worse, and what it is made of. */
export interface GateDocument {
    readonly evidence: number
    readonly stopsAt: number
    readonly paired: number
    readonly pairedBad: number
    readonly controlBad: number
    readonly unpaired: number
    readonly unpairedBad: number
}

export interface RolloutDocument extends RolloutSummary {
    readonly seed: string
    readonly plan: PlanDocument
    readonly reachedAt: string | null
    /** What it waits for when it rests; `ended` when it does not run. */
    readonly waitsFor: "ended" | "start" | "window" | "rate" | "devices" | "soak" | "operator" | null
    /** All that it is meant for, by state. */
    readonly devices: Readonly<Record<string, number>>
    /** Those of the phase and of the ones before it. */
    readonly phaseDevices: { readonly waiting: number; readonly granted: number; readonly succeeded: number; readonly bad: number; readonly later: number }
    readonly gate: GateDocument | null
}

export interface RolloutPlaceDocument {
    readonly device: string
    readonly bucket: number
    readonly state: string
    readonly why: string | null
    readonly phase: number | null
    readonly previous: { readonly release: string | null; readonly version: string | null }
    readonly grantedAt: string | null
    readonly finishedAt: string | null
}

interface NamedDevice {
    readonly id: string
    readonly version: string | null
}

export interface PreviewDocument {
    readonly release: string
    readonly seed: string
    readonly devices: number
    readonly served: number
    readonly phases: readonly {
        readonly percent: number | null
        readonly count: number | null
        readonly manual: boolean
        readonly soakS: number
        readonly devices: number
        readonly total: number
        readonly first: readonly NamedDevice[]
    }[]
    /** Never reached: beyond the last phase, or in the control group. */
    readonly left: number
    readonly skipped: readonly { readonly reason: string; readonly devices: number; readonly first: readonly NamedDevice[] }[]
    readonly versions: readonly { readonly version: string; readonly devices: number }[]
    readonly bases: readonly { readonly base: string; readonly devices: number }[]
}

export interface ExperimentSummary {
    readonly id: string
    readonly name: string
    readonly state: string
    readonly winner: string | null
    readonly splitPercent: number
    readonly seed: string
    readonly rollouts: { readonly a: string; readonly b: string }
    readonly createdAt: string
    readonly createdBy: string
    readonly endedAt: string | null
}

/** What has become of one arm's devices. */
export interface ArmDocument {
    readonly rollout: RolloutSummary
    readonly devices: number
    readonly granted: number
    readonly finished: number
    readonly succeeded: number
    readonly failed: number
    readonly rolledBack: number
    /** Of the finished ones, 0 … 1, with 95 % of it. */
    readonly failureRate: number | null
    readonly failureRateLow: number | null
    readonly failureRateHigh: number | null
    readonly medianMs: number | null
}

export interface ExperimentDocument extends ExperimentSummary {
    readonly a: ArmDocument
    readonly b: ArmDocument
    readonly comparison: {
        readonly pairs: number
        readonly evidenceAWorse: number
        readonly evidenceBWorse: number
        readonly limit: number
        readonly verdict: string
    }
}
