import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { ImageId } from "../bootloader/boot-state"
import { hov } from "../bootloader/log"
import { baseId } from "../hotswap"
import { fetchBlob } from "./device-api"
import { addSignature, beginSignature, endSignature } from "./signature"
import { UpdaterState } from "./updater-state"

/*
 * The bytes of an update on their way in. Nothing here is believed before it is checked:
 * first the manifest and its signature, then the image against the manifest.
 */

const CHUNK_BYTES = 1024
const MANIFEST_BYTES = 80
const FLAG_DOWNGRADE = 1
const FLAG_COLD = 2

let manifest: Buffer
let image: Buffer

/** Of the verified manifest. */
export function manifestImage(): ImageId {
    const version = manifest.slice(64, 80)
    const end = version.indexOf(0)
    return {
        sequence: manifest.getAt(16, "u32"),
        sizeBytes: manifest.getAt(20, "u32"),
        digest: manifest.slice(32, 48).toString("hex"),
        version: (end < 0 ? version : version.slice(0, end)).toString(),
    }
}

export function allowsOlder() {
    return (manifest[5] & FLAG_DOWNGRADE) !== 0
}

/** Refusal code of a manifest that does not fit this board, or "". */
function manifestRefusal(s: UpdaterState, minSequence: number) {
    if (manifest.length !== MANIFEST_BYTES || manifest.getAt(0, "u32") !== 0x4d564f48)
        return "HOV_MANIFEST_MAGIC"
    if (manifest[4] !== 1 || manifest[5] & ~3) return "HOV_MANIFEST_FORMAT"
    if (manifest[5] & FLAG_COLD) return "HOV_MANIFEST_COLD"
    if (manifest.slice(8, 16).toString("hex") !== baseId()) return "HOV_MANIFEST_BASE"
    if (manifest.getAt(20, "u32") !== s.job.imageSizeBytes) return "HOV_MANIFEST_IMAGE"
    if (manifest.slice(32, 64).toString("hex") !== s.job.imageDigest) return "HOV_MANIFEST_IMAGE"
    if (manifest.getAt(16, "u32") < minSequence && !allowsOlder()) return "HOV_SEQUENCE_OLD"
    return ""
}

/** Fetches the next piece of the signature; its size, or 0 with a refusal of the manifest. */
export async function fetchSignature(s: UpdaterState, minSequence: number): Promise<string | number> {
    if (!s.signatureDoneBytes) {
        manifest = Buffer.from(s.job.manifest, "hex")
        const code = manifestRefusal(s, minSequence)
        if (code) return code
        beginSignature(manifest, s.job.signatureSizeBytes)
    }
    const size = Math.min(CHUNK_BYTES, s.job.signatureSizeBytes - s.signatureDoneBytes)
    const bytes = await fetchBlob(s.job.signatureDigest, s.signatureDoneBytes, size)
    await addSignature(bytes)
    return size
}

export async function verifyManifest(): Promise<string> {
    const startMs = ds.millis()
    const good = await endSignature()
    hov("verified", `signature=${good} ms=${ds.millis() - startMs}`)
    return good ? "" : "HOV_SIGNATURE"
}

/** Fetches the next piece of the image; its size. */
export async function fetchImage(s: UpdaterState) {
    if (!s.doneBytes) image = Buffer.alloc(s.job.imageSizeBytes)
    const size = Math.min(CHUNK_BYTES, s.job.imageSizeBytes - s.doneBytes)
    image.set(await fetchBlob(s.job.imageDigest, s.doneBytes, size), s.doneBytes)
    hov("chunk", `done=${s.doneBytes + size} of=${s.job.imageSizeBytes}`)
    return size
}

/** Refusal code when the image is not the one of the manifest. */
export function checkImage() {
    const whole = digest("sha256", image).toString("hex")
    return whole === manifest.slice(32, 64).toString("hex") ? "" : "HOV_IMAGE_DIGEST"
}

/** Hands the image over and forgets it. */
export function takeImage() {
    const bytes = image
    image = undefined
    return bytes
}
