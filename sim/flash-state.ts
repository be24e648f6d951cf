import { SECTOR_BYTES } from "./chips.ts"

/**
 * Contents and counters of a board's flash, in memory that the board's worker and the test share: readable at any
 * moment, and alive when the worker is not.
 */
export interface FlashState {
    readonly contents: Uint8Array
    /** Indexed by `COUNTER`. */
    readonly counters: Int32Array
    readonly sectorErases: Int32Array
}

/** Counters and orders of a flash; written by one side, read by the other. */
export const COUNTER = {
    /** Program and erase operations together: the number that power cuts count in. */
    operations: 0,
    programs: 1,
    erases: 2,
    programmedBytes: 3,
    /** Program pulses: pages of 256 bytes that the operations touched. */
    pages: 4,
    stalledUs: 5,
    /** The operation at which power is cut; 0 for never. */
    cutAtOperation: 6,
    /** How many bytes of that operation still happen. */
    tornBytes: 7,
    /** 1: the cell after them is caught half way (program), or the rest of the sector is (erase). */
    tornFuzzy: 8,
    size: 9,
} as const

export interface SharedFlash {
    contents: SharedArrayBuffer
    counters: SharedArrayBuffer
    sectorErases: SharedArrayBuffer
}

/** A flash as it leaves the factory: all erased. */
export function createSharedFlash(sizeBytes: number): SharedFlash {
    const shared = {
        contents: new SharedArrayBuffer(sizeBytes),
        counters: new SharedArrayBuffer(COUNTER.size * 4),
        sectorErases: new SharedArrayBuffer((sizeBytes / SECTOR_BYTES) * 4),
    }
    new Uint8Array(shared.contents).fill(0xff)
    return shared
}

export function flashState(shared: SharedFlash): FlashState {
    return {
        contents: new Uint8Array(shared.contents),
        counters: new Int32Array(shared.counters),
        sectorErases: new Int32Array(shared.sectorErases),
    }
}
