import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { ImageId, Slot } from "./boot-state"
import { readValue, writeValue } from "./store"

/*
 * Banks A and B: an image in pieces under fixed keys `hA0`, `hA1` … and `hB0` ….
 * Fixed, because a deleted key leaves 32 bytes in the log that no GC removes.
 *
 *   offset size  field of a piece
 *     0     4    tag: the first bytes of its image's digest
 *     4   1-208  bytes of the image
 *
 * The tag tells how far a download came that a restart cut off, without a write for it. It is
 * not believed for more: an image runs when its digest is the one in the boot record.
 */

/** A piece with its key and tag fits one settings packet; it costs 24 bytes more in the log. */
export const PIECE_BYTES = 208
const TAG_BYTES = 4

const PIECE_MS = 1000
/** Between two writes, so that the control loop runs between two page programs. */
const PAUSE_MS = 25

function pieceKey(slot: Slot, at: number) {
    return (slot === Slot.A ? "hA" : "hB") + Math.idiv(at, PIECE_BYTES)
}

function pieceSize(image: ImageId, at: number) {
    return Math.min(PIECE_BYTES, image.sizeBytes - at)
}

function tagOf(image: ImageId) {
    return image.digest.slice(0, 2 * TAG_BYTES)
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
        const piece = await readValue(pieceKey(slot, at), deadlineMs)
        if (!piece) return undefined
        if (piece.length === TAG_BYTES + pieceSize(image, at)) bytes.blitAt(at, piece, TAG_BYTES, PIECE_BYTES)
    }
    return imageDigest(bytes) === image.digest ? bytes : Buffer.alloc(0)
}

/** How many bytes of an image are in a bank, from its start. */
export async function bytesInBank(slot: Slot, image: ImageId) {
    let at = 0
    while (at < image.sizeBytes) {
        const piece = await readValue(pieceKey(slot, at), ds.millis() + PIECE_MS)
        if (!piece || piece.length !== TAG_BYTES + pieceSize(image, at)) break
        if (piece.slice(0, TAG_BYTES).toString("hex") !== tagOf(image)) break
        at += PIECE_BYTES
    }
    return Math.min(at, image.sizeBytes)
}

/** Writes the piece of an image that begins at `at`; its bytes are in `from`, at `fromAt`. */
export async function writePiece(slot: Slot, image: ImageId, at: number, from: Buffer, fromAt: number) {
    const piece = Buffer.alloc(TAG_BYTES + pieceSize(image, at))
    piece.blitAt(0, Buffer.from(tagOf(image), "hex"), 0, TAG_BYTES)
    piece.blitAt(TAG_BYTES, from, fromAt, PIECE_BYTES)
    const done = await writeValue(pieceKey(slot, at), piece, ds.millis() + PIECE_MS)
    await ds.sleep(PAUSE_MS)
    return done
}

/** What a bank holds is nothing to go on with. */
export async function spoilBank(slot: Slot) {
    await writeValue(pieceKey(slot, 0), Buffer.alloc(1), ds.millis() + PIECE_MS)
}

/**
 * Writes an image, each piece read back. `mayWrite` is waited for before every piece:
 * a page program stalls the CPU for 0.7 ms, a GC of the log for 90 to 180 ms.
 */
export async function writeBank(
    slot: Slot,
    image: ImageId,
    bytes: Buffer,
    mayWrite: () => boolean
): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        while (!mayWrite()) await ds.sleep(PAUSE_MS)
        if (!(await writePiece(slot, image, at, bytes, at))) return false
    }
    return true
}
