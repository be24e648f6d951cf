/** What the API answers, as far as the console looks at it. */
export type Permission = "read" | "publish" | "operate" | "administer"

export interface Page<T> {
    readonly items: readonly T[]
    readonly next: string | null
}

export interface Me {
    readonly name: string
    readonly role: string
    readonly permissions: readonly Permission[]
    readonly expiresAt: string | null
}

export interface Count {
    readonly name: string
    readonly devices: number
}

export interface FleetFigures {
    readonly at: string
    readonly lastEvent: number
    readonly devices: number
    readonly reported: number
    readonly heard: number
    readonly silentAfterS: number
    readonly versions: readonly Count[]
    readonly states: readonly Count[]
    readonly channels: readonly Count[]
    readonly bases: readonly Count[]
}

export interface FleetHistory {
    readonly from: string
    readonly to: string
    readonly versions: readonly string[]
    readonly samples: readonly { readonly at: string; readonly devices: Readonly<Record<string, number>> }[]
}

export interface DeviceSummary {
    readonly id: string
    readonly app: string | null
    readonly attributes: Readonly<Record<string, string>>
    readonly desired: { readonly release: string; readonly version: string | null } | null
    readonly actual: {
        readonly version: string
        readonly base: string | null
        readonly bank: string | null
        readonly state: string | null
        readonly channel: string | null
        readonly reportedAt: string | null
    } | null
    readonly sync: { readonly state: string; readonly reason?: string | null }
}

export interface Fault {
    readonly message: string
    readonly release: string
    readonly function: string
    readonly location: string | null
}

export interface Diagnostics {
    readonly kind?: string
    readonly code?: string
    readonly msg?: string
    readonly log?: string | readonly string[]
    readonly [field: string]: unknown
}

export interface CommandDocument {
    readonly id: string
    readonly cmd: string
    readonly release: string | null
    readonly state: string
    readonly attempt: number
    readonly rollout: string | null
    readonly queuedAt: string
    readonly deliveredAt: string | null
    readonly finishedAt: string | null
    readonly doneBytes: number | null
    readonly ofBytes: number | null
    readonly code: string | null
    readonly diagnostics: Diagnostics | null
    readonly fault?: Fault | null
}

export interface StatusDocument {
    readonly seq: number
    readonly command: string | null
    readonly at: string
    readonly state: string
    readonly version: string | null
    readonly sequence: number | null
    readonly bank: string | null
    readonly doneBytes: number | null
    readonly ofBytes: number | null
    readonly code: string | null
    readonly diagnostics: Diagnostics | null
    readonly fault: Fault | null
}

/** What still runs old code. The board knows functions by number; the names are from the maps that were published. */
export interface Ledger {
    readonly count: number
    readonly calls: readonly OldCall[]
}

export interface OldCall {
    readonly fiber: number
    readonly oldForMs: number
    readonly host: number | null
    readonly sequence: number | null
    readonly function: number | null
    /** Left out by a server that does not name calls; null without a map. */
    readonly name?: string | null
    readonly location?: string | null
    /** `interval`, `timeout`, `subscription`, `fiber`, or `call` */
    readonly role?: string | null
    readonly version?: string | null
}

export interface DeviceDocument {
    readonly id: string
    readonly app: string | null
    readonly attributes: Readonly<Record<string, string>>
    readonly createdAt: string
    readonly desired: { readonly release: string; readonly version: string | null; readonly rollout: string | null; readonly setBy: string; readonly setAt: string } | null
    readonly actual: {
        readonly version: string
        readonly sequence: number
        readonly base: string
        readonly bank: string
        readonly state: string
        readonly boots: number | null
        readonly channel: string | null
        readonly uptimeMs: number | null
        readonly reportedAt: string
        readonly changedAt: string
        /** Left out by a server that knows no ledgers. */
        readonly ledger?: Ledger
    } | null
    readonly sync: { readonly state: string; readonly reason?: string | null }
    readonly command: CommandDocument | null
    readonly blocked: readonly { readonly release: string; readonly reason: string; readonly at: string }[]
    readonly commands: readonly CommandDocument[]
    readonly history: readonly StatusDocument[]
}

export interface LogLine {
    readonly seq: number
    readonly at: string
    readonly line: string
}

export interface ArtifactDocument {
    readonly base: string
    readonly sequence: number
    readonly cold: boolean
    readonly downgradeAllowed: boolean
    readonly image: string
    readonly imageBytes: number
    readonly signatureBytes: number
}

export interface ReleaseDocument {
    readonly id: string
    readonly app: string
    readonly version: string
    readonly notes: string
    readonly createdAt: string
    readonly createdBy: string
    readonly artifacts: readonly ArtifactDocument[]
    readonly bases: readonly { readonly base: string; readonly bundleBytes: number }[]
    readonly maps: readonly { readonly base: string }[]
}

export interface ImageContents extends ArtifactDocument {
    readonly notAfter: string | null
    readonly devices: number
    readonly hasMap: boolean
    readonly signedWith: { readonly lms: string; readonly ots: string; readonly leaf: number; readonly leaves: number } | null
    readonly contents: {
        readonly functions: readonly { readonly name: string; readonly location: string | null; readonly change: string; readonly bytes: number; readonly onFault: string }[]
        readonly codeBytes: number
        readonly restBytes: number
        readonly strings: number
        readonly newGlobals: number
        readonly migrations: number
    } | null
}

export interface Refusal {
    readonly code: string
    readonly functionName: string
    readonly location: string
    readonly detail: string
    readonly fix: string
}

export interface ReleaseContents {
    readonly release: string
    readonly images: readonly ImageContents[]
    readonly refusals: readonly { readonly base: string; readonly devices: number; readonly reasons: readonly Refusal[] }[]
    readonly without: readonly { readonly base: string; readonly devices: number }[]
}

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
    readonly createdAt: string
    readonly createdBy: string
    readonly changedAt: string
}

export interface PhasePlan {
    readonly percent: number | null
    readonly count: number | null
    readonly successPercent: number
    readonly failurePercent: number
    readonly minFinished: number
    readonly soakS: number
    readonly manual: boolean
}

export interface RolloutDocument extends RolloutSummary {
    readonly plan: {
        readonly phases: readonly PhasePlan[]
        readonly ratePerMinute: number | null
        readonly onFailure: string
        readonly gate: { readonly alpha: number; readonly baseline: number } | null
        readonly controlPercent: number
        readonly startAt: string | null
    }
    readonly devices: Readonly<Record<string, number>>
    readonly phaseDevices: { readonly waiting: number; readonly granted: number; readonly succeeded: number; readonly bad: number }
    readonly waitsFor: string | null
    readonly reachedAt: string | null
    readonly gate: { readonly evidence: number; readonly stopsAt: number; readonly paired: number; readonly pairedBad: number; readonly controlBad: number; readonly unpaired: number; readonly unpairedBad: number } | null
}

export interface RolloutPlace {
    readonly device: string
    readonly state: string
    readonly why: string | null
    readonly phase: number | null
    readonly previous: { readonly release: string | null; readonly version: string | null }
    readonly grantedAt: string | null
    readonly finishedAt: string | null
}

export interface Preview {
    readonly release: string
    readonly seed: string
    readonly devices: number
    readonly served: number
    readonly phases: readonly { readonly percent: number | null; readonly count: number | null; readonly devices: number; readonly total: number; readonly first: readonly { readonly id: string; readonly version: string | null }[] }[]
    readonly left: number
    readonly skipped: readonly { readonly reason: string; readonly devices: number; readonly first: readonly { readonly id: string; readonly version: string | null }[] }[]
    readonly versions: readonly { readonly version: string; readonly devices: number }[]
    readonly bases: readonly { readonly base: string; readonly devices: number }[]
}

export interface HandoverProgress {
    readonly handover: string | null
    readonly role: "current" | "next" | null
    readonly phase: string | null
    readonly to: string | null
    readonly devices: number
    readonly moved: number
    readonly unsettled: number
    readonly pacePerS: number | null
    readonly freeze: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }
    readonly linkFailures: number
}

export interface AuditEntry {
    readonly seq: number
    readonly at: string
    readonly actor: string
    readonly role: string
    readonly action: string
    readonly subject: string
    readonly detail: Readonly<Record<string, unknown>>
}

export interface Group {
    readonly name: string
    readonly filter: string | null
}

/** One live event; `data` is what it carries besides. */
export interface LiveEvent {
    readonly type: string
    readonly device: string | null
    readonly at: string
    readonly [field: string]: unknown
}
