import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
import type { ImageMap } from "../../toolchain/pack/image-map.ts"
import type { Signer } from "../../toolchain/sign/index.ts"

/** An edit that has been built, signed, and can go to a board. */
export interface DevRelease {
    readonly version: string
    readonly artifact: Uint8Array
    readonly map: ImageMap
}

/** How an update ended: kept, called back by the board, or not taken. */
export interface DevOutcome {
    readonly phase: "confirmed" | "rolledBack" | "failed"
    /** why it was not kept */
    readonly code: string
    readonly version: string
}

export interface DevEvents {
    /** a line of the board's serial log, where there is one */
    onLine(line: string): void
}

/** Where the edits of `handover dev` go: a board that takes one update after the other. */
export interface DevTarget {
    /** what it is, for people */
    readonly name: string
    /** what it runs, which edits are built against */
    readonly base: BaseBundle
    readonly signer: Signer
    /** below every sequence of the edits to come */
    readonly sequence: number
    /** Gives it a release. `running` is called when its code has taken over; ends with the trial. */
    update(release: DevRelease, running: () => void): Promise<DevOutcome>
    close(): Promise<void>
}
