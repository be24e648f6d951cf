import { SECTOR_BYTES } from "./chips.ts"
import { bankBytes } from "./settings-log.ts"

/*
 * Looks at a NOR image after a power cut and says whether the stock settings store will lose everything at its next
 * mount, and if so, whether that is the store's own documented weakness and nothing else. It reads the bytes by itself:
 * neither the store's code nor `settings-log.ts` is trusted here, except for the size of a bank.
 *
 * The store writes a value first, then the entry that names it (jd_fstor.c, jd_settings_set_bin). Power lost in between
 * leaves bytes that no entry names; at the next mount they are "non ff" and the store formats (recompute_cache).
 */
export type StoreDamage =
    /** It mounts as it should. */
    | "none"
    /** The last write was cut between the start of its value and the end of its entry: the store formats. */
    | "interruptedWrite"
    /** The last entry is there but for its size: it mounts, and fails when it reads or moves that value. */
    | "tornSize"
    /** It formats, and this is not the pattern above: somebody else's fault. */
    | "other"

const HEADER_BYTES = 24
const ENTRY_BYTES = 24
const VALUE_MAX_BYTES = 240
const MAGIC = Buffer.from("FSTR\x0a\xea\xec\x6b", "latin1")

interface Bank {
    start: number
    end: number
    generation: number
}

export function checkStore(flash: Uint8Array): StoreDamage {
    const bytes = Buffer.from(flash.buffer, flash.byteOffset, flash.length)
    const bank = activeBank(bytes)
    if (!bank) return "other"
    let at = bank.start + HEADER_BYTES
    let lowest = bank.end
    for (; ; at += ENTRY_BYTES) {
        const offset = bytes.readUInt32LE(at + 16)
        if (offset === 0xffffffff) break
        const size = bytes.readUInt32LE(at + 20)
        const isLarge = bytes[at] === 0x2a
        const isLast = bytes.readUInt32LE(at + ENTRY_BYTES + 16) === 0xffffffff
        const inBank = offset >= bank.start + HEADER_BYTES && offset + size <= bank.end
        const whole = isLarge ? offset % SECTOR_BYTES === 0 && offset + size <= bytes.length : inBank
        if (whole) {
            if (!isLarge) lowest = Math.min(lowest, offset)
            continue
        }
        if (!isLast) return "other"
        const room = lowest - offset
        if (offset % 8 === 0 && room > 0 && room <= VALUE_MAX_BYTES && size > room) return "tornSize"
        break
    }
    let first = -1
    let last = -1
    for (let i = at; i < lowest; i++)
        if (bytes[i] !== 0xff) {
            if (first < 0) first = i
            last = i
        }
    if (first < 0) return "none"
    // one write, not two: a part of the next entry, and bytes that reach up to the lowest value
    const valueFrom = firstWritten(bytes, at + ENTRY_BYTES, lowest)
    return lowest - valueFrom <= VALUE_MAX_BYTES && last >= first ? "interruptedWrite" : "other"
}

function firstWritten(bytes: Buffer, from: number, to: number): number {
    for (let i = from; i < to; i++) if (bytes[i] !== 0xff) return i
    return to
}

function activeBank(bytes: Buffer): Bank | undefined {
    const size = bankBytes(bytes.length)
    const banks = [0, size].flatMap(start => {
        const valid =
            bytes.subarray(start, start + 8).equals(MAGIC) &&
            bytes.readUInt32LE(start + 12) === SECTOR_BYTES &&
            bytes.readUInt16LE(start + 16) === bytes.length / SECTOR_BYTES &&
            bytes.readUInt16LE(start + 18) === size / SECTOR_BYTES
        return valid ? [{ start, end: start + size, generation: bytes.readUInt32LE(start + 8) }] : []
    })
    return banks.sort((a, b) => b.generation - a.generation)[0]
}
