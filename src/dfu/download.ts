import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { bytesInBank, PIECE_BYTES, readBank, spoilBank, writePiece } from "../bootloader/banks"
import { bankToFill, tryImage } from "../bootloader/boot"
import { ImageId, Slot } from "../bootloader/boot-state"
import { hov } from "../bootloader/log"
import { baseId } from "../hotswap"
import { coldHook } from "./cold-hook"
import { fetchBlob } from "./device-api"
import { takePartial } from "./http"
import { checkManifest, Manifest, parseManifest } from "./manifest"
import { isSigned } from "./signature"
import { releaseSocket, takeSocket } from "./socket-lease"
import { noteOffered, nowUnixS } from "./trust"
import { productId } from "./trusted-keys"
import { IMAGE_MAX_BYTES, Job } from "./updater-state"

/*
 * The bytes of an update on their way in. Nothing here is believed before it is checked:
 * first the manifest and its signature, then the image against the manifest.
 */

/**
 * What is in memory of an image at a time, in whole pieces of a bank. A larger image goes to its bank piece by piece as
 * it comes; a smaller one is written once it has proved itself.
 */
const CHUNK_BYTES = 5 * PIECE_BYTES
const SIGNATURE_PIECE_BYTES = 512
const READ_MS = 5000

let manifest: Manifest
let chunk: Buffer
/** Where in the image the chunk begins, and up to where the bank has it. */
let chunkAt = 0
let storedBytes = 0
let bank: Slot

/** The image that the verified manifest promises. */
export function manifestImage(): ImageId {
    return {
        sequence: manifest.sequence,
        sizeBytes: manifest.imageSizeBytes,
        digest: manifest.imageDigest.toString("hex").slice(0, 32),
        version: manifest.version,
    }
}

/** The signer lets the board go back to an older sequence. */
export function allowsOlder() {
    return manifest.downgradeAllowed
}

/** Refusal code of a manifest that does not fit this board or its command, or "". */
export function openManifest(job: Job, sequenceMin: number): string {
    try {
        manifest = parseManifest(Buffer.from(job.manifest, "hex"))
        checkManifest(manifest, {
            baseId: baseId(),
            productId: productId(),
            sequenceMin,
            imageMaxBytes: IMAGE_MAX_BYTES,
            nowUnixS: nowUnixS(),
            coldAllowed: !!job.coldKey && !!coldHook.cold,
        })
        // an image has no business with the adapter, nor a base in a bank
        if (manifest.cold !== !!job.coldKey) return "HOV_MANIFEST_COLD"
    } catch (e) {
        return (e as any).code || "HOV_MANIFEST"
    }
    const named = manifest.imageDigest.toString("hex") === job.imageDigest
    return named && manifest.imageSizeBytes === job.imageSizeBytes ? "" : "HOV_MANIFEST_IMAGE"
}

/** Refusal code, or "". Throws when the signature cannot be fetched. */
export async function verifySignature(job: Job) {
    const startMs = ds.millis()
    const sizeBytes = job.signatureSizeBytes
    const good = await isSigned(Buffer.from(job.manifest, "hex"), sizeBytes, async offset => {
        const size = Math.min(SIGNATURE_PIECE_BYTES, sizeBytes - offset)
        if (job.source) return await job.source(false, offset, size)
        await takeSocket()
        const bytes = await fetchBlob(job.signatureDigest, offset, size)
        releaseSocket()
        return bytes
    })
    if (good) noteOffered(manifest.sequence)
    hov("verified", `signature=${good} ms=${ds.millis() - startMs}`)
    return good ? "" : "HOV_SIGNATURE"
}

function isLarge() {
    return manifest.imageSizeBytes > CHUNK_BYTES
}

/** Fetches the next bytes of the image; how many more there are now. The first time, those that a bank has already. */
export async function fetchImage(job: Job, offset: number) {
    const sizeBytes = job.imageSizeBytes
    if (!offset) {
        chunk = undefined
        const there = isLarge() ? await openBank() : 0
        if (there) return there
    }
    if (!chunk || offset - chunkAt === CHUNK_BYTES) {
        chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes - offset))
        chunkAt = offset
    }
    const at = offset - chunkAt
    const size = chunk.length - at
    let got = size
    if (job.source) chunk.set(await job.source(true, offset, size), at)
    else {
        await takeSocket()
        try {
            await fetchBlob(job.imageDigest, offset, size, chunk, at)
        } catch (e) {
            // what came before the connection broke need not come again
            got = takePartial()
            if (!got) throw e
        }
        releaseSocket()
    }
    hov("chunk", `done=${offset + got} of=${sizeBytes}`)
    return got
}

/** The bank for a large image; how much of it is there from a download that was cut off. */
async function openBank() {
    const image = manifestImage()
    storedBytes = 0
    bank = await bankToFill()
    if (bank !== undefined) storedBytes = await bytesInBank(bank, image)
    return storedBytes
}

/** Puts what has come into the bank, up to `doneBytes`. Refusal code, "HOV_BUSY" while flash must not be written, or "". */
export async function storeImage(doneBytes: number, mayWrite: () => boolean) {
    if (!isLarge()) return ""
    const image = manifestImage()
    if (doneBytes && bank === undefined) return "HOV_STORE"
    while (true) {
        if (!mayWrite()) return "HOV_BUSY"
        const waiting = doneBytes - storedBytes
        if (waiting <= 0 || (waiting < PIECE_BYTES && doneBytes < image.sizeBytes)) return ""
        if (!(await writePiece(bank, image, storedBytes, chunk, storedBytes - chunkAt))) return "HOV_STORE"
        storedBytes += PIECE_BYTES
    }
}

/** Refusal code when the image is not the one of the manifest, or "". */
export async function checkImage(job: Job) {
    const bytes = await imageBytes()
    if (!bytes) return "HOV_STORE"
    if (digest("sha256", bytes).toString("hex") === job.imageDigest) return ""
    if (isLarge()) await spoilBank(bank)
    return "HOV_IMAGE_DIGEST"
}

/** The whole image; undefined when the store is silent. */
async function imageBytes() {
    if (!isLarge()) return chunk
    chunk = undefined
    return await readBank(bank, manifestImage(), ds.millis() + READ_MS)
}

/** Runs the image. Refusal code, or "". */
export async function runImage() {
    const bytes = await imageBytes()
    chunk = undefined
    return bytes && bytes.length ? await tryImage(bytes, manifestImage(), allowsOlder(), isLarge()) : "HOV_STORE"
}
