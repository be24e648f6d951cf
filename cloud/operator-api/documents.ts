/**
 * What the operator API answers, typed once: the server's routes make these, the command and the
 * console read them. Nothing is imported here, so that a browser's build can read the types.
 */

/** When a field is optional, an older server does not have it, or only some of the routes do. */
export interface Page<T> {
    readonly items: readonly T[]
    readonly next: string | null
}

export interface SyncDocument {
    readonly state: string
    readonly reason?: string | null
}

/** A device in a list. */
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
    readonly sync: SyncDocument
}

/** Where an image threw, by the maps that were published. */
export interface Fault {
    readonly message: string
    /** Release whose image threw. */
    readonly release: string
    readonly function: string
    /** `path:line`, or null where the builder made the code. */
    readonly location: string | null
}

/** What a board left behind; other fields as it told them. */
export interface DiagnosticsDocument {
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
    readonly base: string | null
    readonly state: string
    readonly attempt: number
    readonly rollout: string | null
    readonly queuedAt: string
    readonly deliveredAt: string | null
    readonly deliveries: number
    readonly acknowledgedAt: string | null
    readonly finishedAt: string | null
    readonly doneBytes: number | null
    readonly ofBytes: number | null
    readonly code: string | null
    readonly diagnostics: DiagnosticsDocument | null
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
    readonly diagnostics: DiagnosticsDocument | null
    readonly fault?: Fault | null
}

/** A call that still runs old code. The board knows functions by number; the names are from the maps that were published. */
export interface OldCall {
    readonly fiber: number
    readonly oldForMs: number
    /** Number of the function of the base; null for one that an image had brought along. */
    readonly host: number | null
    /** Image whose code it runs, and the function's number in it; null for the base's own. */
    readonly sequence: number | null
    readonly function: number | null
    /** Null without a map. */
    readonly name?: string | null
    readonly location?: string | null
    /** `interval`, `timeout`, `subscription`, `fiber`, or `call` */
    readonly role?: string | null
    readonly version?: string | null
}

/** What still runs old code after an update. */
export interface Ledger {
    readonly count: number
    readonly calls: readonly OldCall[]
}

export interface DesiredDocument {
    readonly release: string
    readonly version: string | null
    readonly generation: number
    readonly rollout: string | null
    readonly setBy: string
    readonly setAt: string
}

export interface ActualDocument {
    readonly version: string
    readonly sequence: number
    readonly base: string
    readonly bank: string
    readonly state: string
    readonly boots: number | null
    readonly channel: string | null
    readonly uptimeMs: number | null
    readonly ledger: Ledger
    readonly reportedAt: string
    readonly changedAt: string
}

export interface DeviceDocument {
    readonly id: string
    readonly app: string | null
    readonly attributes: Readonly<Record<string, string>>
    readonly createdAt: string
    readonly desired: DesiredDocument | null
    readonly actual: ActualDocument | null
    readonly sync: SyncDocument
    readonly command: CommandDocument | null
    readonly blocked: readonly { readonly release: string; readonly reason: string; readonly command: string | null; readonly at: string }[]
    readonly commands: readonly CommandDocument[]
    readonly history: readonly StatusDocument[]
}

/** A device that was added, or given another token: told this once. */
export interface AddedDevice {
    readonly id: string
    readonly token: string
    /** For sealed requests; 64 hex digits. */
    readonly key?: string
}

/** One-time codes that boards enrol with: told this once. */
export interface ClaimsDocument {
    readonly codes: readonly string[]
    readonly device: string | null
    readonly expiresAt: string
}

export interface LogLine {
    readonly seq: number
    readonly at: string
    readonly line: string
}

export interface ArtifactDocument {
    readonly release: string
    readonly base: string
    readonly sequence: number
    readonly productId: number
    readonly cold: boolean
    /** Boards that ran a later sequence may go to it. */
    readonly downgradeAllowed: boolean
    readonly image: string
    readonly imageBytes: number
    readonly signature: string
    readonly signatureBytes: number
    readonly createdAt: string
}

export interface BaseDocument {
    readonly release: string
    readonly base: string
    readonly toolchain: string
    readonly bundleBytes: number
    readonly program: string
    readonly createdAt: string
}

export interface MapDocument {
    readonly release: string
    readonly base: string
    readonly image: string
    readonly mapBytes: number
    readonly createdAt: string
}

export interface ReleaseDocument {
    readonly id: string
    readonly app: string
    readonly version: string
    readonly notes: string
    readonly createdAt: string
    readonly createdBy: string
    readonly artifacts: readonly ArtifactDocument[]
    readonly bases: readonly BaseDocument[]
    readonly maps: readonly MapDocument[]
}

/** What is in one image. */
export interface ImageContents {
    readonly functions: readonly {
        readonly name: string
        /** `path:line`, or null without a map. */
        readonly location: string | null
        readonly change: "replaced" | "added"
        readonly bytes: number
        readonly onFault: string
    }[]
    readonly codeBytes: number
    readonly restBytes: number
    readonly strings: number
    readonly buffers: number
    readonly newGlobals: number
    readonly migrations: number
}

export interface ImageDocument extends ArtifactDocument {
    readonly notAfter: string | null
    readonly signedWith: { readonly lms: string; readonly ots: string; readonly leaf: number; readonly leaves: number } | null
    /** Null where there is nothing that can be taken apart: a file of a DDI device, a whole program. */
    readonly contents: ImageContents | null
    readonly hasMap: boolean
    /** That have the base. */
    readonly devices: number
}

/** Why something of an edit cannot go live on a base. */
export interface RefusalReason {
    readonly code: string
    readonly functionName: string
    readonly location: string
    readonly detail: string
    readonly fix: string
}

export interface RefusalDocument {
    readonly base: string
    readonly reasons: readonly RefusalReason[]
    readonly createdAt: string
    readonly createdBy: string
}

export interface ReleaseContents {
    readonly release: string
    readonly images: readonly ImageDocument[]
    readonly refusals: readonly (RefusalDocument & { readonly devices: number })[]
    /** Bases in the field for which there is nothing: their boards stay. */
    readonly without: readonly { readonly base: string; readonly devices: number }[]
}

/** How far a handover of the server is. */
export interface HandoverProgress {
    readonly handover: string | null
    readonly role: "current" | "next" | null
    readonly phase: string | null
    readonly to: string | null
    readonly devices: number
    readonly moved: number
    readonly unsettled: number
    readonly pacePerS: number | null
    /** Devices whose rows were copied to next before they were offered. */
    readonly copied: number
    /** Devices of which, when they were frozen, only what had changed since was sent. */
    readonly fromCopies: number
    readonly freeze: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }
    /** Of current's log, that next does not have yet; null: next does not copy it. */
    readonly eventsBehind: number | null
    readonly linkFailures: number
    readonly storeFailures: number
}
