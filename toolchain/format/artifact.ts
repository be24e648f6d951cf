/**
 * The artifact file (`.hoa`): what the toolchain publishes and the cloud takes in.
 *
 * ```
 *  manifest (80) | u16 signature size, little-endian | signature | image
 * ```
 * The cloud stores image and signature as separate blobs, so that a board can
 * fetch each. Whether the signature is *valid* is not this file's question:
 * `toolchain/sign/lms-verify.ts` on the host and `src/dfu/lms.ts` on the board
 * answer that.
 */
import { createHash } from "node:crypto"
import { encodeManifest, MANIFEST_SIZE_BYTES, parseManifest } from "./manifest.ts"
import type { Manifest } from "./manifest.ts"

const SIGNATURE_OFFSET = MANIFEST_SIZE_BYTES + 2
const SIGNATURE_MAX_SIZE_BYTES = 0xffff

export interface Artifact {
    readonly manifest: Manifest
    /** The 80 bytes that were signed. */
    readonly manifestBytes: Uint8Array
    readonly signature: Uint8Array
    /** Its size and SHA-256 are the manifest's. */
    readonly image: Uint8Array
}

export type ArtifactErrorCode =
    | "HOV_ARTIFACT_TRUNCATED"
    | "HOV_ARTIFACT_TRAILING"
    | "HOV_ARTIFACT_UNSIGNED"
    | "HOV_ARTIFACT_SIGNATURE_SIZE"
    | "HOV_ARTIFACT_DIGEST"

export class ArtifactError extends Error {
    readonly code: ArtifactErrorCode

    constructor(code: ArtifactErrorCode, message: string) {
        super(message)
        this.name = "ArtifactError"
        this.code = code
    }
}

/**
 * @throws ArtifactError when the image is not the one the manifest names, or the signature does not fit.
 * @throws ManifestError
 */
export function encodeArtifact(manifest: Manifest, signature: Uint8Array, image: Uint8Array): Uint8Array {
    if (signature.length === 0) throw unsigned()
    if (signature.length > SIGNATURE_MAX_SIZE_BYTES)
        throw new ArtifactError(
            "HOV_ARTIFACT_SIGNATURE_SIZE",
            `a signature of ${signature.length} bytes is over the limit of ${SIGNATURE_MAX_SIZE_BYTES}`,
        )
    const bytes = new Uint8Array(SIGNATURE_OFFSET + signature.length + image.length)
    bytes.set(encodeManifest(manifest))
    new DataView(bytes.buffer).setUint16(MANIFEST_SIZE_BYTES, signature.length, true)
    bytes.set(signature, SIGNATURE_OFFSET)
    bytes.set(image, SIGNATURE_OFFSET + signature.length)
    checkImage(manifest, image)
    return bytes
}

/**
 * Reads a whole `.hoa` file; the image is checked against the manifest's size and digest.
 * The returned arrays are views of `bytes`.
 * @throws ArtifactError
 * @throws ManifestError
 */
export function parseArtifact(bytes: Uint8Array): Artifact {
    if (bytes.length < SIGNATURE_OFFSET) throw truncated(bytes.length, SIGNATURE_OFFSET)
    const manifestBytes = bytes.subarray(0, MANIFEST_SIZE_BYTES)
    const manifest = parseManifest(manifestBytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const signatureSizeBytes = view.getUint16(MANIFEST_SIZE_BYTES, true)
    if (signatureSizeBytes === 0) throw unsigned()
    const imageOffset = SIGNATURE_OFFSET + signatureSizeBytes
    if (bytes.length < imageOffset) throw truncated(bytes.length, imageOffset + manifest.imageSizeBytes)
    const signature = bytes.subarray(SIGNATURE_OFFSET, imageOffset)
    const image = bytes.subarray(imageOffset)
    checkImage(manifest, image)
    return { manifest, manifestBytes, signature, image }
}

function checkImage(manifest: Manifest, image: Uint8Array): void {
    if (image.length < manifest.imageSizeBytes)
        throw new ArtifactError(
            "HOV_ARTIFACT_TRUNCATED",
            `the image has ${image.length} bytes, its manifest says ${manifest.imageSizeBytes}: build or upload it again`,
        )
    if (image.length > manifest.imageSizeBytes)
        throw new ArtifactError(
            "HOV_ARTIFACT_TRAILING",
            `${image.length - manifest.imageSizeBytes} bytes follow the image of ${manifest.imageSizeBytes} bytes that the manifest names`,
        )
    const digest = createHash("sha256").update(image).digest("hex")
    if (digest !== manifest.imageDigest)
        throw new ArtifactError(
            "HOV_ARTIFACT_DIGEST",
            `the image's SHA-256 is ${digest}, its manifest says ${manifest.imageDigest}: manifest and image do not belong together`,
        )
}

function truncated(sizeBytes: number, expected: number): ArtifactError {
    return new ArtifactError(
        "HOV_ARTIFACT_TRUNCATED",
        `the artifact ends after ${sizeBytes} bytes, at least ${expected} were expected: build or upload it again`,
    )
}

function unsigned(): ArtifactError {
    return new ArtifactError("HOV_ARTIFACT_UNSIGNED", "the artifact has no signature: sign it before publishing")
}
