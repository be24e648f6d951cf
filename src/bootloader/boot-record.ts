import { digest } from "@devicescript/crypto"
import { Bank, BootRecord } from "./boot-state"

/**
 * The boot record in flash, little-endian. Two copies lie under the keys `hRec0` and
 * `hRec1` and are written in turn; the valid one with the higher generation counts.
 *
 * ```
 *  offset size  field
 *   0     2     magic "HB"
 *   2     1     format version = 1
 *   3     1     active slot: 0 R, 1 A, 2 B
 *   4     4     generation
 *   8     8     base id
 *  16     4     lowest sequence that is accepted
 *  20     1     panics of the active bank
 *  21     1     trials of the RAM image so far
 *  22     1     flags: bit 0 an image runs from RAM on trial
 *  23     1     rollbacks (stays at 255)
 *  24     8     digest of the image last tried from RAM (0 = none)
 *  32     8     digest of the image that last failed from RAM (0 = none)
 *  40    40     bank A
 *  80    40     bank B
 * 120     4     check: first 4 bytes of the SHA-256 of the bytes before
 * 124
 *
 * bank, offset size field
 *   0     1     status: 0 empty, 1 trial, 2 confirmed, 3 bad
 *   1     1     attempts
 *   2     2     image size in bytes
 *   4     4     sequence
 *   8    16     digest: first 16 bytes of the image's SHA-256
 *  24    16     version, UTF-8, zero padded
 * ```
 * A CRC would need a loop in slow code; the VM has SHA-256 in native code.
 */
export const RECORD_SIZE_BYTES = 124

const MAGIC = 0x4248
const FORMAT = 1
const CHECK_AT = 120

export function encodeRecord(record: BootRecord): Buffer {
    const b = Buffer.alloc(RECORD_SIZE_BYTES)
    b.setAt(0, "u16", MAGIC)
    b[2] = FORMAT
    b[3] = record.active
    b.setAt(4, "u32", record.generation)
    putHex(b, 8, record.baseId)
    b.setAt(16, "u32", record.minSequence)
    b[20] = record.panics
    b[21] = record.tryAttempts
    b[22] = record.trying ? 1 : 0
    b[23] = Math.min(record.rollbacks, 255)
    putHex(b, 24, record.tryDigest)
    putHex(b, 32, record.badDigest)
    putBank(b, 40, record.a)
    putBank(b, 80, record.b)
    b.blitAt(CHECK_AT, digest("sha256", b.slice(0, CHECK_AT)), 0, 4)
    return b
}

/** Undefined when the bytes are not a whole record of this format. */
export function decodeRecord(b: Buffer): BootRecord | undefined {
    if (!b || b.length !== RECORD_SIZE_BYTES) return undefined
    if (b.getAt(0, "u16") !== MAGIC || b[2] !== FORMAT) return undefined
    const check = digest("sha256", b.slice(0, CHECK_AT)).getAt(0, "u32")
    if (b.getAt(CHECK_AT, "u32") !== check) return undefined
    return {
        generation: b.getAt(4, "u32"),
        baseId: getHex(b, 8, 8),
        active: b[3],
        a: getBank(b, 40),
        b: getBank(b, 80),
        minSequence: b.getAt(16, "u32"),
        trying: (b[22] & 1) !== 0,
        tryDigest: digestOrNone(b, 24),
        tryAttempts: b[21],
        badDigest: digestOrNone(b, 32),
        panics: b[20],
        rollbacks: b[23],
    }
}

function putBank(b: Buffer, at: number, bank: Bank) {
    b[at] = bank.status
    b[at + 1] = bank.attempts
    b.setAt(at + 2, "u16", bank.image.sizeBytes)
    b.setAt(at + 4, "u32", bank.image.sequence)
    putHex(b, at + 8, bank.image.digest)
    b.blitAt(at + 24, bank.image.version, 0, 16)
}

function getBank(b: Buffer, at: number): Bank {
    const version = b.slice(at + 24, at + 40)
    const end = version.indexOf(0)
    return {
        status: b[at],
        attempts: b[at + 1],
        image: {
            sizeBytes: b.getAt(at + 2, "u16"),
            sequence: b.getAt(at + 4, "u32"),
            digest: getHex(b, at + 8, 16),
            version: (end < 0 ? version : version.slice(0, end)).toString(),
        },
    }
}

function putHex(b: Buffer, at: number, hexDigits: string) {
    if (hexDigits) b.blitAt(at, Buffer.from(hexDigits, "hex"), 0, 16)
}

function getHex(b: Buffer, at: number, size: number) {
    return b.slice(at, at + size).toString("hex")
}

function digestOrNone(b: Buffer, at: number) {
    // not by truth: the VM calls numbers above 31 bits false
    if (b.getAt(at, "u32") === 0 && b.getAt(at + 4, "u32") === 0) return ""
    return getHex(b, at, 8)
}
