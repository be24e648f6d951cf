import { type ChipName, emptyFlash, readSettingsLog, writeSettings } from "../../sim/index.ts"

/** What the plain loader's images do; see test/device/plain-loader.ts. */
const DEED = { nothing: 0, throw: 1, panic: 2, panicAtBoot: 4 } as const

export interface Job {
    sequence: number
    sizeBytes: number
    deed: number
    /** One update after the other, up to this sequence. */
    last?: number
}

export interface Scenario {
    name: string
    /** Updates that were made before, without a cut. */
    before: Job[]
    /** What is cut at every flash operation. */
    jobs: Job[]
    /** Bytes of the log to leave free before it begins, so that a GC comes on the way; undefined = as it is. */
    freeBytes?: number
    /** Changes the flash before it begins. */
    damage?: (flash: Uint8Array) => void
    /** Sequences that may run after a cut. */
    mayRun: number[]
    /** The start that it ends with, when that is not the first one: the VM starts a crashed program again by itself. */
    until?: RegExp
}

const update = (sequence: number, sizeBytes: number, deed: number = DEED.nothing): Job => ({ sequence, sizeBytes, deed })

export function scenarios(sizeBytes: number): Scenario[] {
    const first = update(1, sizeBytes)
    const second = update(2, sizeBytes)
    return [
        { name: "first update", before: [], jobs: [first], mayRun: [0, 1] },
        { name: "update over another", before: [first], jobs: [second], mayRun: [1, 2] },
        { name: "update of both banks", before: [first, second], jobs: [update(3, sizeBytes)], mayRun: [2, 3] },
        { name: "GC before the trial", before: [first, second], jobs: [update(3, sizeBytes)], freeBytes: 100, mayRun: [2, 3] },
        { name: "GC while storing", before: [first, second], jobs: [update(3, sizeBytes)], freeBytes: 600, mayRun: [2, 3] },
        { name: "GC at the confirm", before: [first, second], jobs: [update(3, sizeBytes)], freeBytes: Math.ceil(sizeBytes / 208) * 232 + 160, mayRun: [2, 3] },
        { name: "rollback of an exception", before: [first], jobs: [update(2, sizeBytes, DEED.throw)], mayRun: [1] },
        { name: "rollback of a panic", before: [first], jobs: [update(2, sizeBytes, DEED.panic)], mayRun: [1] },
        { name: "rollback with a GC", before: [first, second], jobs: [update(3, sizeBytes, DEED.throw)], freeBytes: 200, mayRun: [2] },
        { name: "crashes at the start", before: [first, update(2, sizeBytes, DEED.panicAtBoot)], jobs: [], mayRun: [1, 2], until: /HOV boot slot=A .*cause=panic/ },
        { name: "recovery to R", before: [first, second], jobs: [], damage: spoilBanks, mayRun: [0] },
        { name: "recovery to the other bank", before: [first, second], jobs: [], damage: flash => spoil(flash, "hB1"), mayRun: [1] },
        { name: "cut in a bank on trial", before: [first], jobs: [second], damage: flash => spoil(flash, "hA0"), mayRun: [0, 2] },
    ]
}

function spoilBanks(flash: Uint8Array) {
    spoil(flash, "hA1")
    spoil(flash, "hB1")
}

/** Clears a bit of a stored value, as wear does. */
function spoil(flash: Uint8Array, key: string) {
    const entry = readSettingsLog(flash).live.get(`:${key}`)
    if (!entry) throw new Error(`no ${key} to spoil`)
    // behind the tag of the piece, which is not the image's
    const from = entry.offset + 4
    const at = flash.subarray(from, entry.offset + entry.sizeBytes).findIndex(byte => byte !== 0)
    flash[from + at] &= flash[from + at] - 1
}

/** Fills the log with values of a key of the user's until so many bytes are free. */
export function fillLog(flash: Uint8Array, freeBytes: number): void {
    for (let n = 0; ; n++) {
        const free = readSettingsLog(flash).freeBytes
        const room = free - freeBytes - 24
        if (room < 16) return
        // two sizes in turn: the store does not write what is there already
        const sizeBytes = Math.min(200, room & ~7) - (n % 2) * 8
        writeSettings(flash, { hFull: new Uint8Array(sizeBytes).fill(0x55) })
    }
}

/** A board that has left the factory: prepared log, a short trial. */
export function factoryFlash(chip: ChipName): Uint8Array {
    const flash = emptyFlash(chip)
    writeSettings(flash, { hTrialMs: 400, hLog: 1 })
    return flash
}
