/** The server's documents, as far as the command reads them (operator API, /openapi.json). */
export interface DeviceSummary {
    readonly id: string
    readonly app: string | null
    readonly attributes: Readonly<Record<string, string>>
    readonly desired: { readonly release: string; readonly version: string } | null
    readonly actual: { readonly version: string; readonly base: string; readonly bank: string; readonly state: string } | null
    readonly sync: { readonly state: string; readonly reason?: string }
}

export interface CommandDocument {
    readonly id: string
    readonly cmd: string
    readonly release: string | null
    readonly state: string
    readonly attempt: number
    readonly queuedAt: string | null
    readonly finishedAt: string | null
    readonly doneBytes: number | null
    readonly ofBytes: number | null
    readonly code: string | null
    readonly diagnostics: unknown
}

export interface StatusDocument {
    readonly seq: number
    readonly command: string | null
    readonly at: string
    readonly state: string
    readonly version: string | null
    readonly bank: string | null
    readonly doneBytes: number | null
    readonly ofBytes: number | null
    readonly code: string | null
    readonly diagnostics: unknown
}

/** What still runs old code after an update; functions are numbers here, as the board knows them. */
export interface LedgerDocument {
    readonly count: number
    readonly calls: readonly {
        readonly fiber: number
        readonly oldForMs: number
        /** number of the function of the base; null for one that an image had brought along */
        readonly host: number | null
        /** image whose code it runs, and the function's number in it; null for the base's own */
        readonly sequence: number | null
        readonly function: number | null
    }[]
}

export interface DeviceDocument extends Omit<DeviceSummary, "desired" | "actual"> {
    readonly desired: { readonly release: string; readonly version: string | null } | null
    readonly actual: {
        readonly version: string
        readonly sequence: number
        readonly base: string
        readonly bank: string
        readonly state: string
        readonly channel: string | null
        readonly uptimeMs: number | null
        readonly ledger: LedgerDocument
        readonly reportedAt: string
    } | null
    readonly command: CommandDocument | null
    readonly blocked: readonly { readonly release: string; readonly reason: string }[]
    readonly commands: readonly CommandDocument[]
    readonly history: readonly StatusDocument[]
}

export interface ReleaseDocument {
    readonly id: string
    readonly app: string
    readonly version: string
    readonly notes: string
    readonly createdAt: string
    readonly createdBy: string
    readonly artifacts: readonly { readonly base: string; readonly sequence: number; readonly cold: boolean; readonly imageBytes: number }[]
}

export const isFinalCommand = (state: string): boolean => !["queued", "delivered", "running", "cancelling"].includes(state)

/** "1.1.0, bank A, confirmed", or that nothing is known. */
export function actualText(actual: DeviceSummary["actual"]): string {
    return actual === null ? "has not reported yet" : `${actual.version}, bank ${actual.bank}, ${actual.state}`
}
