/*
 * An artifact (`.hoa`) that comes in pieces from the bus in place of the network:
 *
 *   manifest (80) | u16 signature size | signature | image
 */
import { Job, IMAGE_MAX_BYTES, SIGNATURE_MAX_BYTES } from "./updater-state"

const MANIFEST_BYTES = 80
const SIGNATURE_AT = 82
export const ARTIFACT_MAX_BYTES = SIGNATURE_AT + SIGNATURE_MAX_BYTES + IMAGE_MAX_BYTES

let artifact: Buffer
let received = 0

/** False when no such artifact can be held. */
export function beginArtifact(size: number) {
    if (!(size > SIGNATURE_AT && size <= ARTIFACT_MAX_BYTES)) return false
    if (artifact && artifact.length === size && received < size) return true
    artifact = Buffer.alloc(size)
    received = 0
    return true
}

/** Takes a piece; how much has come without a gap. */
export function addArtifact(offset: number, data: Buffer) {
    const end = offset + data.length
    if (artifact && offset <= received && end <= artifact.length) {
        artifact.set(data, offset)
        if (end > received) received = end
    }
    return received
}

export function artifactReceived() {
    return received
}

/** The update that the artifact describes; undefined when it is not whole. */
export function artifactJob(): Job | undefined {
    if (!artifact || received < artifact.length) return undefined
    const signatureSizeBytes = artifact.getAt(MANIFEST_BYTES, "u16")
    return {
        id: "bus",
        version: "",
        manifest: artifact.slice(0, MANIFEST_BYTES).toString("hex"),
        signatureDigest: "",
        signatureSizeBytes,
        imageDigest: artifact.slice(32, 64).toString("hex"),
        imageSizeBytes: artifact.length - SIGNATURE_AT - signatureSizeBytes,
        source: artifactPart,
    }
}

export function dropArtifact() {
    artifact = undefined
    received = 0
}

/** A piece of the signature, or of the image behind it. */
async function artifactPart(ofImage: boolean, offset: number, size: number) {
    const at = SIGNATURE_AT + offset + (ofImage ? artifact.getAt(MANIFEST_BYTES, "u16") : 0)
    return artifact.slice(at, at + size)
}
