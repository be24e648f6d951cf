/** What the process that measures and a process with devices say to each other. */
import type { BoardSeat } from "../bench-cloud-client.ts"

/** A device and its place in the fleet, which decides what it does. */
export interface Seat extends BoardSeat {
    readonly n: number
}

export type Order =
    | { readonly order: "start"; readonly seats: readonly Seat[]; readonly url: string; readonly digest: string }
    | { readonly order: "listen"; readonly n: number }
    | { readonly order: "reset" }
    | { readonly order: "figures" }
    | { readonly order: "stop" }

export interface Figures {
    readonly failed: number
    readonly statuses: number
    readonly chunks: number
    readonly moved: number
    /** Requests that would not have been made without the handover. */
    readonly extraRequests: number
    readonly failures: readonly string[]
    /** Of this process, since it began. */
    readonly cpuMs: number
}

/** Times are milliseconds since 1970, so that two processes mean the same. */
export type Told = { readonly told: "started" } | { readonly told: "heard"; readonly n: number; readonly atMs: number } | ({ readonly told: "figures" } & Figures)

export const wallMs = (): number => performance.timeOrigin + performance.now()
