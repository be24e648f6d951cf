import type { ChipName } from "./chips.ts"
import type { SharedFlash } from "./flash-state.ts"
import type { HeapStats } from "./heap.ts"
import type { NetworkEvent, NetworkFaults } from "./network-faults.ts"
import type { FlashOperation, FlashTiming } from "./nor-flash.ts"
import type { VmCode } from "./vm-code.ts"

/** What a board's worker is started with. */
export interface BoardSetup {
    code: VmCode
    flash: SharedFlash
    /** Add to `process.hrtime` in milliseconds to get `performance.now()` of the thread that made the board. */
    clockOffsetMs: number
    deviceId: string
    chip: ChipName
    timing: FlashTiming | undefined
    gcStress: boolean
    seed: number
    network: NetworkFaults
    skipSleeps: boolean
    ownClock: boolean
    clockLimitMs: number
}

/** To the worker. Those with an `id` are answered by a reply of the same id. */
export type BoardCommand =
    | { kind: "powerOn"; id: number; program: Uint8Array | undefined }
    | { kind: "powerOff"; id: number }
    | { kind: "deploy"; id: number; program: Uint8Array }
    | { kind: "heap"; id: number }
    | { kind: "frame"; bytes: Uint8Array }
    | { kind: "network"; faults: NetworkFaults }
    | { kind: "watch"; frames: boolean }

/** What happened to a board, besides its log lines; `tMs` as in the serial log. */
export type BoardEvent = { tMs: number } & (
    | { kind: "powerOn" | "powerOff" }
    /** The script ended: 0 for `ds.restart()`, else the panic code. The VM starts it again by itself, after 1 s or 5 s. */
    | { kind: "panic"; code: number }
    /** The VM reset the chip; the board starts again at once. */
    | { kind: "reset" }
    /** Power was cut where `cutPowerAtFlashOp` said; the board is off. */
    | { kind: "powerCut"; operation: number }
    /** Its own clock came to its limit; the board is off. */
    | { kind: "clockLimit" }
    /** The flash was used in a way that the chip cannot do; the board is off. */
    | { kind: "flashFault"; message: string }
    /** The VM itself failed (an assertion, an abort); the board starts again after a second. */
    | { kind: "crash"; message: string }
)

export type BoardReport =
    | { kind: "line"; text: string; tMs: number }
    | { kind: "event"; event: BoardEvent }
    | { kind: "frame"; bytes: Uint8Array; tMs: number }
    | { kind: "flash"; operation: FlashOperation }
    | { kind: "network"; event: NetworkEvent }
    | { kind: "reply"; id: number; value: number | HeapStats | undefined }
    | { kind: "reply"; id: number; error: string }
