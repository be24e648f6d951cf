/** What the API answers, as far as the console looks at it; what the server has typed already is its types. */
import type { ArtifactDocument, RolloutSummary } from "../../cloud/operator-api/documents.ts"

export type {
    ArtifactDocument,
    CommandDocument,
    DeviceDocument,
    DeviceSummary,
    DiagnosticsDocument as Diagnostics,
    Fault,
    HandoverProgress,
    Ledger,
    OldCall,
    Page,
    ReleaseDocument,
    RolloutSummary,
    StatusDocument,
} from "../../cloud/operator-api/documents.ts"

export type Permission = "read" | "publish" | "operate" | "administer"

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

export interface LogLine {
    readonly seq: number
    readonly at: string
    readonly line: string
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
