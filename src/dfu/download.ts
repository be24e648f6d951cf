import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { ImageId } from "../bootloader/boot-state"
import { hov } from "../bootloader/log"
import { baseId } from "../hotswap"
import { coldHook } from "./cold-hook"
import { fetchBlob } from "./device-api"
import { takePartial } from "./http"
import { checkManifest, Manifest, parseManifest } from "./manifest"
import { addSignature, isSigned } from "./signature"
import { noteOffered, nowUnixS } from "./trust"
import { productId } from "./trusted-keys"
import { IMAGE_MAX_BYTES, Job } from "./updater-state"

/*
 * The bytes of an update on their way in. Nothing here is believed before it is checked:
 * first the manifest and its signature, then the image against the manifest.
 */

const CHUNK_BYTES = 1024

let manifest: Manifest
let image: Buffer

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

/** Fetches the next piece of the signature; its size. */
export async function fetchSignature(job: Job, offset: number) {
    const size = Math.min(CHUNK_BYTES, job.signatureSizeBytes - offset)
    const bytes: Buffer = job.source
        ? await job.source(false, offset, size)
        : await fetchBlob(job.signatureDigest, offset, size)
    addSignature(bytes, offset, job.signatureSizeBytes)
    return size
}

/** Refusal code, or "". */
export async function verifySignature(job: Job) {
    const startMs = ds.millis()
    const good = await isSigned(Buffer.from(job.manifest, "hex"))
    if (good) noteOffered(manifest.sequence)
    hov("verified", `signature=${good} ms=${ds.millis() - startMs}`)
    return good ? "" : "HOV_SIGNATURE"
}

/** Fetches the next piece of the image; its size. */
export async function fetchImage(job: Job, offset: number) {
    if (!offset) image = Buffer.alloc(job.imageSizeBytes)
    const size = Math.min(CHUNK_BYTES, job.imageSizeBytes - offset)
    let got = size
    if (job.source) image.set(await job.source(true, offset, size), offset)
    else
        try {
            await fetchBlob(job.imageDigest, offset, size, image)
        } catch (e) {
            // what came before the connection broke need not come again
            got = takePartial()
            if (!got) throw e
        }
    hov("chunk", `done=${offset + got} of=${job.imageSizeBytes}`)
    return got
}

/** Refusal code when the image is not the one of the manifest, or "". */
export function checkImage(job: Job) {
    return digest("sha256", image).toString("hex") === job.imageDigest ? "" : "HOV_IMAGE_DIGEST"
}

/** Hands the image over and forgets it. */
export function takeImage() {
    const bytes = image
    image = undefined
    return bytes
}
