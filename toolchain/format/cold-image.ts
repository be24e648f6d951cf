/**
 * The payload of a cold release for one base: the whole new base, and the base that it replaces. The signature over
 * the manifest covers both, so what a failed update goes back to is as genuine as what it brings.
 *
 * ```
 *  offset size
 *   0     4    magic "HOVC" (0x43564f48)
 *   4     4    format version = 1, then three bytes of 0
 *   8     8    id of the new base
 *  16     8    id of the base before
 *  24     4    size of the new program, a multiple of 32
 *  28     4    size of the program before, a multiple of 32
 *  32          the new program (.devs, linked, with keys), then the one before
 * ```
 * Deploying writes blocks of 32 bytes: a program that ends earlier is filled up with zeros, which no section names.
 */
import { createHash } from "node:crypto"

const MAGIC = 0x43564f48
const FORMAT_VERSION = 1
const HEADER_BYTES = 32
export const DEPLOY_ALIGN_BYTES = 32
const DEVS_MAGIC = Buffer.from("446576530a6e29f1", "hex")
/** What a base with a resident has in it: the table of `src/dfu/trusted-keys.ts`. */
const KEY_TABLE = Buffer.from("HANDOVER-KEYS-01", "latin1")
const KEY_TABLE_BYTES = 16 + 2 * 60 + 4
/** What the part of the resident that takes cold releases has in it: `src/cold.ts`. */
const COLD_MARK = Buffer.from("HOV-COLD-1", "latin1")

export interface ColdImage {
    /** 16 hex digits each. */
    readonly baseId: string
    readonly previousBaseId: string
    readonly program: Uint8Array
    readonly previousProgram: Uint8Array
}

export type ColdImageErrorCode = "HOV_COLD_FORMAT" | "HOV_COLD_NO_RESIDENT" | "HOV_COLD_BASE" | "HOV_COLD_PRODUCT" | "HOV_COLD_SIZE"

export class ColdImageError extends Error {
    readonly code: ColdImageErrorCode

    constructor(code: ColdImageErrorCode, message: string) {
        super(message)
        this.name = "ColdImageError"
        this.code = code
    }
}

/** @throws ColdImageError: see `checkColdImage` */
export function encodeColdImage(image: ColdImage, productId: number): Uint8Array {
    const [program, previous] = [aligned(image.program), aligned(image.previousProgram)]
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(MAGIC, 0)
    header[4] = FORMAT_VERSION
    header.write(image.baseId, 8, "hex")
    header.write(image.previousBaseId, 16, "hex")
    header.writeUInt32LE(program.length, 24)
    header.writeUInt32LE(previous.length, 28)
    const bytes = Buffer.concat([header, program, previous])
    checkColdImage(parseColdImage(bytes), image.previousBaseId, productId)
    return bytes
}

/** @throws ColdImageError `HOV_COLD_FORMAT` */
export function parseColdImage(file: Uint8Array): ColdImage {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
    const bad = (what: string) => new ColdImageError("HOV_COLD_FORMAT", `not a cold release: ${what}`)
    if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) throw bad(`it does not start with "HOVC"`)
    if (bytes.readUInt32LE(4) !== FORMAT_VERSION) throw bad(`format ${bytes.readUInt32LE(4)} is not known`)
    const sizes = [bytes.readUInt32LE(24), bytes.readUInt32LE(28)]
    if (sizes.some(size => size === 0 || size % DEPLOY_ALIGN_BYTES !== 0)) throw bad("a program's size is no multiple of 32")
    if (bytes.length !== HEADER_BYTES + sizes[0] + sizes[1]) throw bad(`it has ${bytes.length} bytes, its header says ${HEADER_BYTES + sizes[0] + sizes[1]}`)
    return {
        baseId: bytes.toString("hex", 8, 16),
        previousBaseId: bytes.toString("hex", 16, 24),
        program: bytes.subarray(HEADER_BYTES, HEADER_BYTES + sizes[0]),
        previousProgram: bytes.subarray(HEADER_BYTES + sizes[0]),
    }
}

/**
 * Whether boards that run `baseId` may get it: both programs can take the next release, and are for the same product.
 * @throws ColdImageError
 */
export function checkColdImage(image: ColdImage, baseId: string, productId: number): void {
    if (image.previousBaseId !== baseId) throw new ColdImageError("HOV_COLD_BASE", `it goes back to base ${image.previousBaseId}, and is for base ${baseId}`)
    if (image.baseId === baseId) throw new ColdImageError("HOV_COLD_BASE", `base ${baseId} is the same as before: nothing in it has changed`)
    for (const [id, program] of [[image.baseId, image.program], [image.previousBaseId, image.previousProgram]] as const) {
        const bytes = Buffer.from(program.buffer, program.byteOffset, program.length)
        if (!bytes.subarray(0, DEVS_MAGIC.length).equals(DEVS_MAGIC)) throw new ColdImageError("HOV_COLD_FORMAT", `base ${id} is no DeviceScript program`)
        const keys = bytes.indexOf(KEY_TABLE)
        if (keys < 0 || keys + KEY_TABLE_BYTES > bytes.length || bytes.indexOf(Buffer.from(id, "hex")) < 0)
            throw new ColdImageError("HOV_COLD_NO_RESIDENT", `base ${id} has no resident in it: no update would ever reach a board that runs it. Call startResident() in its entry file`)
        if (bytes.indexOf(COLD_MARK) < 0)
            throw new ColdImageError("HOV_COLD_NO_RESIDENT", `base ${id} cannot hand the network over and take it back: import "handover/cold" and call takeColdReleases() in its entry file`)
        const product = bytes.readUInt32LE(keys + KEY_TABLE_BYTES - 4)
        if (product !== productId) throw new ColdImageError("HOV_COLD_PRODUCT", `base ${id} is for product ${product}, not ${productId}: is it for another chip or class of boards?`)
    }
}

/** As it is in a board's flash, and what a board says of itself. */
export const programDigest = (program: Uint8Array): string => createHash("sha256").update(program).digest("hex")

function aligned(program: Uint8Array): Uint8Array {
    const bytes = Buffer.alloc(Math.ceil(program.length / DEPLOY_ALIGN_BYTES) * DEPLOY_ALIGN_BYTES)
    bytes.set(program)
    return bytes
}
