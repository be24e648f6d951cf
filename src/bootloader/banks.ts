import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { ImageId, Slot } from "./boot-state"
import { readValue, writeValue } from "./store"

/*
 * Banks A and B: an image in pieces under fixed keys `hA0`, `hA1` … and `hB0` ….
 * Fixed, because a deleted key leaves 32 bytes in the log that no GC removes.
 * What is in a bank is believed only when its digest is the one in the boot record.
 */

/** A piece with its key fits one settings packet; it costs 24 bytes more in the log. */
export const PIECE_BYTES = 208

const PIECE_MS = 1000
/** Between two writes, so that the control loop runs between two page programs. */
const PAUSE_MS = 25

function pieceKey(slot: Slot, index: number) {
    return (slot === Slot.A ? "hA" : "hB") + index
}

/** First 16 bytes of the SHA-256, as the boot record keeps it. */
export function imageDigest(bytes: Buffer) {
    return digest("sha256", bytes).slice(0, 16).toString("hex")
}

/**
 * The image of a bank. Undefined when the store went silent, which says nothing about
 * the bank; an empty buffer when it holds something else than the record says.
 */
export async function readBank(
    slot: Slot,
    image: ImageId,
    deadlineMs: number
): Promise<Buffer | undefined> {
    const bytes = Buffer.alloc(image.sizeBytes)
    for (let at = 0; at < image.sizeBytes; at += PIECE_BYTES) {
        const piece = await readValue(pieceKey(slot, Math.idiv(at, PIECE_BYTES)), deadlineMs)
        if (!piece) return undefined
        bytes.blitAt(at, piece, 0, piece.length)
    }
    return imageDigest(bytes) === image.digest ? bytes : Buffer.alloc(0)
}

/**
 * Writes an image, each piece read back. `mayWrite` is waited for before every piece:
 * a page program stalls the CPU for 0.7 ms, a GC of the log for 90 to 180 ms.
 */
export async function writeBank(
    slot: Slot,
    bytes: Buffer,
    mayWrite: () => boolean
): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        while (!mayWrite()) await ds.sleep(PAUSE_MS)
        const piece = bytes.slice(at, Math.min(at + PIECE_BYTES, bytes.length))
        const key = pieceKey(slot, Math.idiv(at, PIECE_BYTES))
        if (!(await writeValue(key, piece, ds.millis() + PIECE_MS))) return false
        await ds.sleep(PAUSE_MS)
    }
    return true
}
