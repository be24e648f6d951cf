/*
 * Reads and judges the 80 signed bytes of an update; their layout is in
 * `toolchain/format/manifest.ts`. Nothing in them is believed before the signature is.
 */

const MANIFEST_BYTES = 80
const MAGIC = 0x4d564f48
const FORMAT_VERSION = 1
const FLAG_DOWNGRADE_ALLOWED = 1
const FLAG_COLD = 2
const IMAGE_MAX_BYTES = 229376
const VERSION_OFFSET = 64

export interface Manifest {
    /** 16 hex digits. */
    baseId: string
    sequence: number
    imageSizeBytes: number
    productId: number
    /** 0 = never expires. */
    notAfterUnixS: number
    /** SHA-256, 32 bytes. */
    imageDigest: Buffer
    version: string
    downgradeAllowed: boolean
    cold: boolean
}

/** What a board knows of itself. */
export interface BoardLimits {
    baseId: string
    productId: number
    /** Anti-rollback: the lowest sequence that is taken. One above the highest ever confirmed. */
    sequenceMin: number
    /** What a bank and the heap hold. */
    imageMaxBytes: number
    /** 0 = the board does not know the time; then nothing is expired. */
    nowUnixS: number
    /** The board can take a whole base over the air. */
    coldAllowed: boolean
}

export class ManifestError extends Error {
    /** "HOV_MANIFEST_..." */
    code: string

    constructor(code: string) {
        super(code)
        this.code = code
    }
}

/** @throws ManifestError `HOV_MANIFEST_SIZE`, `_MAGIC`, `_FORMAT`, `_FLAGS`, `_RESERVED`, `_IMAGE_SIZE`, `_VERSION` */
export function parseManifest(bytes: Buffer): Manifest {
    if (bytes.length !== MANIFEST_BYTES) refuse("SIZE")
    if (bytes.getAt(0, "u32") !== MAGIC) refuse("MAGIC")
    if (bytes[4] !== FORMAT_VERSION) refuse("FORMAT")
    const flags = bytes[5]
    if (flags > (FLAG_DOWNGRADE_ALLOWED | FLAG_COLD)) refuse("FLAGS")
    if (bytes.getAt(6, "u16") !== 0) refuse("RESERVED")
    const imageSizeBytes = bytes.getAt(20, "u32")
    if (imageSizeBytes < 1 || imageSizeBytes > IMAGE_MAX_BYTES) refuse("IMAGE_SIZE")
    return {
        baseId: bytes.slice(8, 16).toString("hex"),
        sequence: bytes.getAt(16, "u32"),
        imageSizeBytes,
        productId: bytes.getAt(24, "u32"),
        notAfterUnixS: bytes.getAt(28, "u32"),
        imageDigest: bytes.slice(32, VERSION_OFFSET),
        version: parseVersion(bytes),
        downgradeAllowed: (flags & FLAG_DOWNGRADE_ALLOWED) !== 0,
        cold: (flags & FLAG_COLD) !== 0,
    }
}

/**
 * Whether this board takes the update.
 * @throws ManifestError `HOV_MANIFEST_PRODUCT`, `_BASE`, `_SEQUENCE`, `_EXPIRED`, `_COLD`, `_TOO_LARGE`
 */
export function checkManifest(manifest: Manifest, board: BoardLimits) {
    if (manifest.productId !== board.productId) refuse("PRODUCT")
    if (manifest.baseId !== board.baseId) refuse("BASE")
    if (manifest.sequence < board.sequenceMin && !manifest.downgradeAllowed) refuse("SEQUENCE")
    // not by truth: a number of 2^31 and more is falsy on the VM
    if (manifest.notAfterUnixS > 0 && board.nowUnixS > manifest.notAfterUnixS) refuse("EXPIRED")
    if (manifest.cold) {
        if (!board.coldAllowed) refuse("COLD")
    } else if (manifest.imageSizeBytes > board.imageMaxBytes) refuse("TOO_LARGE")
}

function parseVersion(bytes: Buffer): string {
    let end = VERSION_OFFSET
    while (end < MANIFEST_BYTES && bytes[end] !== 0) {
        if (bytes[end] < 0x21 || bytes[end] > 0x7e) refuse("VERSION")
        end++
    }
    if (end === VERSION_OFFSET) refuse("VERSION")
    for (let i = end; i < MANIFEST_BYTES; ++i) if (bytes[i] !== 0) refuse("VERSION")
    return bytes.slice(VERSION_OFFSET, end).toString("utf-8")
}

function refuse(what: string) {
    throw new ManifestError("HOV_MANIFEST_" + what)
}
