import type { Phase } from "../store.ts"
import type { FreezeTimes } from "./figures.ts"

/** How far a handover is, as operators see it. */
export interface Progress {
    readonly handover: string | null
    readonly role: "current" | "next" | null
    readonly phase: Phase | null
    readonly to: string | null
    readonly devices: number
    readonly moved: number
    readonly unsettled: number
    readonly pacePerS: number | null
    readonly freeze: FreezeTimes["figures"]
    readonly linkFailures: number
}
