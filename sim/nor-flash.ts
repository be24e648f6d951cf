import { PAGE_BYTES, SECTOR_BYTES } from "./chips.ts"
import { COUNTER, type FlashState } from "./flash-state.ts"
import type { SeededRandom } from "./seeded-random.ts"
import type { VmFlash } from "./vm-instance.ts"

/** A use of the flash that the chip cannot do: a bug of whoever asked for it. */
export class FlashFault extends Error {}

/** Power went away during a flash operation. */
export class PowerCut extends Error {
    constructor(readonly operation: number) {
        super(`power cut at flash operation ${operation}`)
    }
}

export interface FlashTiming {
    eraseMs: number
    /** For each page of 256 bytes that a program operation touches. */
    programPageMs: number
}

/** Typical values of the parts on both boards. */
export const TYPICAL_TIMING: FlashTiming = { eraseMs: 45, programPageMs: 0.7 }

export interface FlashOperation {
    /** 1 for the first operation since the counters began. */
    number: number
    kind: "program" | "erase"
    offset: number
    sizeBytes: number
    /** What is programmed; empty for an erase. */
    bytes: Uint8Array
    tMs: number
}

const NOTHING = new Uint8Array(0)

/**
 * A NOR flash: bits go from 1 to 0 by programming and back only by erasing a whole sector of 4 KB.
 * Asserts what the chip demands, counts, stalls the CPU as an execute-in-place flash does, and loses power where told.
 */
export class NorFlash implements VmFlash {
    readonly sizeBytes: number
    /** While false, operations neither count nor stall nor lose power: work done before the board is in use. */
    inUse = true
    private cutNow = false
    private buffered: { page: number; bytes: Uint8Array; dirtyBytes: number } | undefined
    private readonly sleeper = new Int32Array(new SharedArrayBuffer(4))

    constructor(
        private readonly state: FlashState,
        private readonly timing: FlashTiming | undefined,
        private readonly random: SeededRandom,
        /** See `Chip.buffersPage`. */
        private readonly buffersPage: boolean,
        private readonly onOperation: (operation: Omit<FlashOperation, "tMs">) => void,
    ) {
        this.sizeBytes = state.contents.length
    }

    read(): Uint8Array {
        return this.state.contents
    }

    /** What the firmware holds in memory is lost with power. */
    powerUp(): void {
        this.buffered = undefined
    }

    /** Throws FlashFault, or PowerCut after the part of the operation that still happened. */
    program(offset: number, bytes: Uint8Array): void {
        const { contents } = this.state
        if (offset < 0 || offset + bytes.length > this.sizeBytes) throw new FlashFault(`Offset ${offset}+${bytes.length} is outside the flash`)
        // Both firmwares assert it.
        if (offset % 8) throw new FlashFault(`Offset ${offset} is not aligned to 8`)
        for (let i = 0; i < bytes.length; i++) if (contents[offset + i] !== 0xff) throw new FlashFault(`Offset ${offset + i} is not erased`)

        if (!this.buffersPage) this.pulse(offset, bytes, bytes.length)
        else this.buffer(offset, bytes)
    }

    private buffer(offset: number, bytes: Uint8Array): void {
        for (let at = offset; at < offset + bytes.length; ) {
            const page = at - (at % PAGE_BYTES)
            const size = Math.min(page + PAGE_BYTES, offset + bytes.length) - at
            if (size === PAGE_BYTES) throw new FlashFault(`Offset ${at}: the RP2040's firmware asserts that no write fills a page`)
            if (this.buffered?.page !== page) {
                this.flush()
                this.buffered = { page, bytes: this.state.contents.slice(page, page + PAGE_BYTES), dirtyBytes: 0 }
            }
            this.buffered.bytes.set(bytes.subarray(at - offset, at - offset + size), at - page)
            this.buffered.dirtyBytes += size
            at += size
        }
    }

    private flush(): void {
        const { buffered } = this
        this.buffered = undefined
        if (buffered) this.pulse(buffered.page, buffered.bytes, buffered.dirtyBytes)
    }

    /** One program operation of the chip. */
    private pulse(offset: number, bytes: Uint8Array, newBytes: number): void {
        const { contents, counters } = this.state
        const done = this.begin("program", offset, bytes.length, bytes)
        // Programming can only clear bits.
        for (let i = 0; i < done; i++) contents[offset + i] &= bytes[i]
        if (this.cutNow)
            this.cut(() => {
                if (done < bytes.length) contents[offset + done] &= bytes[done] | this.random.integer(0, 255)
            })
        if (!this.inUse) return
        const pages = bytes.length === 0 ? 0 : Math.floor((offset + bytes.length - 1) / PAGE_BYTES) - Math.floor(offset / PAGE_BYTES) + 1
        counters[COUNTER.programs]++
        counters[COUNTER.programmedBytes] += newBytes
        counters[COUNTER.pages] += pages
        if (this.timing) this.stall(pages * this.timing.programPageMs)
    }

    /** Throws FlashFault, or PowerCut after the part of the erase that still happened. */
    erase(offset: number): void {
        const { contents, counters, sectorErases } = this.state
        if (offset < 0 || offset + SECTOR_BYTES > this.sizeBytes) throw new FlashFault(`Offset ${offset} is outside the flash`)
        if (offset % SECTOR_BYTES) throw new FlashFault(`Offset ${offset} is not the start of a sector`)

        const done = this.begin("erase", offset, SECTOR_BYTES)
        contents.fill(0xff, offset, offset + done)
        if (this.inUse) sectorErases[offset / SECTOR_BYTES]++
        if (this.cutNow)
            this.cut(() => {
                for (let i = offset + done; i < offset + SECTOR_BYTES; i++) contents[i] |= this.random.integer(0, 255)
            })
        if (this.inUse) {
            counters[COUNTER.erases]++
            if (this.timing) this.stall(this.timing.eraseMs)
        }
    }

    /** The VM's picture of the flash and ours must be one; when not, this model missed an operation. */
    sync(contents: Uint8Array): void {
        this.flush()
        if (Buffer.compare(contents, this.state.contents) !== 0) throw new FlashFault("the VM's copy of the flash is not what was programmed")
    }

    /** Counts the operation; returns how many of its bytes happen. */
    private begin(kind: "program" | "erase", offset: number, sizeBytes: number, bytes: Uint8Array = NOTHING): number {
        const { counters } = this.state
        if (!this.inUse) return sizeBytes
        const number = ++counters[COUNTER.operations]
        this.onOperation({ kind, offset, sizeBytes, bytes, number })
        this.cutNow = number === counters[COUNTER.cutAtOperation]
        return this.cutNow ? Math.min(counters[COUNTER.tornBytes], sizeBytes) : sizeBytes
    }

    private cut(halfWay: () => void): never {
        const { counters } = this.state
        if (counters[COUNTER.tornFuzzy]) halfWay()
        this.cutNow = false
        counters[COUNTER.cutAtOperation] = 0
        throw new PowerCut(counters[COUNTER.operations])
    }

    /** Blocks the thread: code runs from this flash, so nothing runs while it is busy. */
    private stall(ms: number): void {
        const start = process.hrtime.bigint()
        if (ms > 0) Atomics.wait(this.sleeper, 0, 0, ms)
        this.state.counters[COUNTER.stalledUs] += Number((process.hrtime.bigint() - start) / 1000n)
    }
}
