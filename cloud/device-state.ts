/** What a board says about itself, and the words of its updater's state machine (DESIGN.md §4). */
export const DEVICE_STATES = [
    "idle",
    "checking",
    "downloading",
    "ready",
    "trial",
    "confirmed",
    "rolledBack",
    "failed",
] as const
export type DeviceState = (typeof DEVICE_STATES)[number]

export const BANKS = ["R", "A", "B"] as const
export type Bank = (typeof BANKS)[number]

/** Between taking a command and its end: the board has the command and works on it. */
export const isBusy = (state: string): boolean =>
    state === "checking" || state === "downloading" || state === "ready" || state === "trial"

/** The board's own report; the only source of the `actual` table. */
export interface Actual {
    readonly version: string
    readonly sequence: number
    readonly baseId: string
    readonly bank: string
    readonly state: string
    readonly bootCount: number | null
    readonly channel: string | null
    readonly uptimeMs: number | null
    /** what still runs old code, as JSON: see operator-api/device-document.ts */
    readonly ledger: string | null
}

/** Everything but the uptime and how old the ledger's calls are, which differ every time. */
export function sameActual(a: Actual, b: Actual): boolean {
    return (
        a.state === b.state &&
        a.version === b.version &&
        a.sequence === b.sequence &&
        a.bank === b.bank &&
        a.baseId === b.baseId &&
        a.bootCount === b.bootCount &&
        a.channel === b.channel &&
        (a.ledger === null) === (b.ledger === null)
    )
}

export const COMMAND_STATES = [
    "queued",
    "delivered",
    "running",
    "succeeded",
    "failed",
    "rolledBack",
    "expired",
    "cancelled",
    "superseded",
] as const
export type CommandState = (typeof COMMAND_STATES)[number]

export const isFinal = (state: string): boolean =>
    state !== "queued" && state !== "delivered" && state !== "running"
