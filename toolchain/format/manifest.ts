/**
 * The update manifest: the 80 bytes that are signed.
 *
 * It binds an image to one base, one product, one place in the order of releases
 * and one digest, so that a valid signature cannot be moved to another image,
 * board or time (the threats are RFC 9124's).
 *
 * ```
 *  offset size  field
 *   0     4     magic "HOVM"
 *   4     1     format version = 1
 *   5     1     flags: bit 0 downgrade allowed, bit 1 cold; the others must be 0
 *   6     2     reserved = 0
 *   8     8     base id: first 8 bytes of the SHA-256 of the base program
 *  16     4     sequence: a board takes a higher one only (anti-rollback)
 *  20     4     size of the image in bytes
 *  24     4     product id (vendor and class)
 *  28     4     not after, seconds since 1970 (0 = never expires)
 *  32    32     SHA-256 of the image
 *  64    16     version, printable ASCII, zero padded
 * ```
 * All numbers are little-endian. The board's half is `src/dfu/manifest.ts`; the
 * vectors that both must agree on are in `test/vectors/manifest.json`.
 */

export const MANIFEST_SIZE_BYTES = 80
export const MANIFEST_MAGIC = 0x4d564f48
export const MANIFEST_FORMAT_VERSION = 1
export const MANIFEST_VERSION_MAX_BYTES = 16
/** No board holds a larger program: the largest program slot is 56 pages of 4 KB. */
export const IMAGE_MAX_SIZE_BYTES = 56 * 4096

const FLAG_DOWNGRADE_ALLOWED = 1
const FLAG_COLD = 2
const KNOWN_FLAGS = FLAG_DOWNGRADE_ALLOWED | FLAG_COLD

export interface Manifest {
    /** 16 lower-case hex digits. */
    readonly baseId: string
    /** u32; a board refuses a sequence that is not higher than its own. */
    readonly sequence: number
    /** 1 .. IMAGE_MAX_SIZE_BYTES. */
    readonly imageSizeBytes: number
    /** u32, vendor and class of the board's product. */
    readonly productId: number
    /** u32, seconds since 1970; 0 = never expires. */
    readonly notAfterUnixS: number
    /** 64 lower-case hex digits. */
    readonly imageDigest: string
    /** 1 .. 16 printable ASCII characters, no space. */
    readonly version: string
    /** The signer allows a board to go back to this sequence. */
    readonly downgradeAllowed: boolean
    /** The image is a whole base program, not a script image. */
    readonly cold: boolean
}

export type ManifestErrorCode =
    | "HOV_MANIFEST_SIZE"
    | "HOV_MANIFEST_MAGIC"
    | "HOV_MANIFEST_FORMAT"
    | "HOV_MANIFEST_FLAGS"
    | "HOV_MANIFEST_RESERVED"
    | "HOV_MANIFEST_IMAGE_SIZE"
    | "HOV_MANIFEST_VERSION"
    | "HOV_MANIFEST_FIELD"

export class ManifestError extends Error {
    readonly code: ManifestErrorCode

    constructor(code: ManifestErrorCode, message: string) {
        super(message)
        this.name = "ManifestError"
        this.code = code
    }
}

/**
 * @throws ManifestError `HOV_MANIFEST_FIELD`, `_IMAGE_SIZE` or `_VERSION` when a value does not fit its field.
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
    const bytes = new Uint8Array(MANIFEST_SIZE_BYTES)
    const view = new DataView(bytes.buffer)
    checkImageSize(manifest.imageSizeBytes)
    view.setUint32(0, MANIFEST_MAGIC, true)
    bytes[4] = MANIFEST_FORMAT_VERSION
    bytes[5] =
        (manifest.downgradeAllowed ? FLAG_DOWNGRADE_ALLOWED : 0) |
        (manifest.cold ? FLAG_COLD : 0)
    bytes.set(hexField("baseId", manifest.baseId, 8), 8)
    view.setUint32(16, u32Field("sequence", manifest.sequence), true)
    view.setUint32(20, manifest.imageSizeBytes, true)
    view.setUint32(24, u32Field("productId", manifest.productId), true)
    view.setUint32(28, u32Field("notAfterUnixS", manifest.notAfterUnixS), true)
    bytes.set(hexField("imageDigest", manifest.imageDigest, 32), 32)
    bytes.set(versionField(manifest.version), 64)
    return bytes
}

/**
 * Reads exactly 80 bytes. Every byte is either checked or carries a value, so two
 * different inputs never give the same manifest.
 * @throws ManifestError
 */
export function parseManifest(bytes: Uint8Array): Manifest {
    if (bytes.length !== MANIFEST_SIZE_BYTES)
        throw new ManifestError(
            "HOV_MANIFEST_SIZE",
            `a manifest is ${MANIFEST_SIZE_BYTES} bytes, not ${bytes.length}`,
        )
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const magic = view.getUint32(0, true)
    if (magic !== MANIFEST_MAGIC)
        throw new ManifestError(
            "HOV_MANIFEST_MAGIC",
            `not a manifest: it starts with 0x${magic.toString(16)}, expected "HOVM"`,
        )
    if (bytes[4] !== MANIFEST_FORMAT_VERSION)
        throw new ManifestError(
            "HOV_MANIFEST_FORMAT",
            `manifest format ${bytes[4]} is not known, only ${MANIFEST_FORMAT_VERSION}: use the toolchain that made it`,
        )
    const flags = bytes[5]
    if ((flags & ~KNOWN_FLAGS) !== 0)
        throw new ManifestError(
            "HOV_MANIFEST_FLAGS",
            `manifest flags 0x${flags.toString(16)} contain a flag that is not known`,
        )
    if (view.getUint16(6, true) !== 0)
        throw new ManifestError("HOV_MANIFEST_RESERVED", "the manifest's reserved bytes 6..7 are not 0")
    const imageSizeBytes = view.getUint32(20, true)
    checkImageSize(imageSizeBytes)
    return {
        baseId: toHex(bytes.subarray(8, 16)),
        sequence: view.getUint32(16, true),
        imageSizeBytes,
        productId: view.getUint32(24, true),
        notAfterUnixS: view.getUint32(28, true),
        imageDigest: toHex(bytes.subarray(32, 64)),
        version: parseVersion(bytes.subarray(64, 80)),
        downgradeAllowed: (flags & FLAG_DOWNGRADE_ALLOWED) !== 0,
        cold: (flags & FLAG_COLD) !== 0,
    }
}

function checkImageSize(sizeBytes: number): void {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > IMAGE_MAX_SIZE_BYTES)
        throw new ManifestError(
            "HOV_MANIFEST_IMAGE_SIZE",
            `the image's size must be 1..${IMAGE_MAX_SIZE_BYTES} bytes, not ${sizeBytes}`,
        )
}

function parseVersion(field: Uint8Array): string {
    let end = field.indexOf(0)
    if (end < 0) end = field.length
    if (end === 0 || field.subarray(end).some(byte => byte !== 0)) throw badVersion("zero bytes inside or no text")
    for (const byte of field.subarray(0, end)) if (byte < 0x21 || byte > 0x7e) throw badVersion(`byte ${byte}`)
    return String.fromCharCode(...field.subarray(0, end))
}

function versionField(version: string): Uint8Array {
    if (!/^[\x21-\x7e]{1,16}$/.test(version)) throw badVersion(JSON.stringify(version))
    return Uint8Array.from(version, char => char.charCodeAt(0))
}

function badVersion(what: string): ManifestError {
    return new ManifestError(
        "HOV_MANIFEST_VERSION",
        `a version is 1..${MANIFEST_VERSION_MAX_BYTES} printable ASCII characters without spaces, zero padded: got ${what}`,
    )
}

function u32Field(name: string, value: number): number {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
        throw new ManifestError("HOV_MANIFEST_FIELD", `${name} must be an integer 0..4294967295, not ${value}`)
    return value
}

function hexField(name: string, hex: string, sizeBytes: number): Uint8Array {
    if (hex.length !== sizeBytes * 2 || !/^[0-9a-f]*$/.test(hex))
        throw new ManifestError(
            "HOV_MANIFEST_FIELD",
            `${name} must be ${sizeBytes * 2} lower-case hex digits, not ${JSON.stringify(hex)}`,
        )
    return Uint8Array.from(hex.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
}

function toHex(bytes: Uint8Array): string {
    return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("")
}
