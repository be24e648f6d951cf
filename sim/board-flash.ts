import { COUNTER, type FlashState } from "./flash-state.ts"
import { readProgram, readSetting, readSettingsLog, type SettingsLog } from "./settings-log.ts"

/** What still happens of the operation at which power is cut. */
export interface TornOperation {
    /** So many bytes are programmed, or erased, from its start. */
    bytes: number
    /** Bits are left at random: those of the next byte (program) or of the rest of the sector (erase). */
    fuzzy?: boolean
}

/** A board's flash seen from outside, at any moment, powered or not. */
export class BoardFlash {
    constructor(private readonly state: FlashState) {}

    /** A copy of the contents. */
    contents(): Uint8Array {
        return new Uint8Array(this.state.contents)
    }

    /** Replaces the contents; only while the board is off (the VM has a copy of its own). */
    load(contents: Uint8Array): void {
        if (contents.length !== this.state.contents.length)
            throw new Error(`SIM_FLASH_SIZE: ${contents.length} bytes for a flash of ${this.state.contents.length}`)
        this.state.contents.set(contents)
    }

    /** Program and erase operations since the counters began. */
    get operations(): number {
        return this.state.counters[COUNTER.operations]
    }
    get programs(): number {
        return this.state.counters[COUNTER.programs]
    }
    get erases(): number {
        return this.state.counters[COUNTER.erases]
    }
    get programmedBytes(): number {
        return this.state.counters[COUNTER.programmedBytes]
    }
    /** 256-byte pages that program operations touched: what their time depends on. */
    get pages(): number {
        return this.state.counters[COUNTER.pages]
    }
    /** How long the flash has stalled the CPU, measured; 0 without `flashTiming`. */
    get stalledMs(): number {
        return this.state.counters[COUNTER.stalledUs] / 1000
    }
    /** Erases of each 4 KB sector: the wear. */
    get sectorErases(): number[] {
        return [...this.state.sectorErases]
    }

    resetCounters(): void {
        const { counters, sectorErases } = this.state
        const pendingCut = counters[COUNTER.cutAtOperation] && counters[COUNTER.cutAtOperation] - counters[COUNTER.operations]
        for (const counter of [COUNTER.operations, COUNTER.programs, COUNTER.erases, COUNTER.programmedBytes, COUNTER.pages, COUNTER.stalledUs])
            counters[counter] = 0
        sectorErases.fill(0)
        counters[COUNTER.cutAtOperation] = pendingCut
    }

    cutAt(operationsFromNow: number, torn: TornOperation | undefined): void {
        const { counters } = this.state
        counters[COUNTER.tornBytes] = torn?.bytes ?? 0
        counters[COUNTER.tornFuzzy] = torn?.fuzzy ? 1 : 0
        counters[COUNTER.cutAtOperation] = operationsFromNow > 0 ? counters[COUNTER.operations] + operationsFromNow : 0
    }

    /** The stock settings store's log, by an independent reader. */
    settingsLog(): SettingsLog {
        return readSettingsLog(this.contents())
    }

    /** A setting of `@devicescript/settings`, parsed; undefined when missing. */
    setting(key: string): unknown {
        return readSetting(this.contents(), key)
    }

    /** The deployed program, padded to 32 bytes. */
    program(): Uint8Array | undefined {
        return readProgram(this.contents())
    }
}
