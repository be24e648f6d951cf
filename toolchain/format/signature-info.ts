/**
 * What a signature says about itself (RFC 8554 §4.5, §5.4, §6.3), without a key: whether it is *valid* is for the board,
 * and for who has the public key. It is HSS with one level:
 *
 * ```
 *  u32 0 | u32 q | u32 ots type | C (32) | y (32 × p) | u32 lms type | path (32 × h)      all big-endian
 * ```
 */
export interface SignatureInfo {
    /** e.g. `LMS_SHA256_M32_H10` */
    readonly lms: string
    /** e.g. `LMOTS_SHA256_N32_W8` */
    readonly ots: string
    /** Which one-time key of the tree it used up. */
    readonly leaf: number
    /** How many there are in the tree. */
    readonly leaves: number
}

const HASH_BYTES = 32
const LEAF_AT = 4
const OTS_AT = 8
const LMS_HEIGHTS: Readonly<Record<number, number>> = { 5: 5, 6: 10, 7: 15, 8: 20, 9: 25 }
/** Width of the chains, and how many there are. */
const OTS: Readonly<Record<number, readonly [widthBits: number, chains: number]>> = { 1: [1, 265], 2: [2, 133], 3: [4, 67], 4: [8, 34] }

/** Undefined when these bytes are no signature of a kind that is known. */
export function readSignatureInfo(signature: Uint8Array): SignatureInfo | undefined {
    const bytes = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength)
    if (bytes.length < OTS_AT + 4 || bytes.readUInt32BE(0) !== 0) return undefined
    const ots = OTS[bytes.readUInt32BE(OTS_AT)]
    if (ots === undefined) return undefined
    const lmsAt = OTS_AT + 4 + HASH_BYTES * (1 + ots[1])
    if (bytes.length < lmsAt + 4) return undefined
    const height = LMS_HEIGHTS[bytes.readUInt32BE(lmsAt)]
    const leaf = bytes.readUInt32BE(LEAF_AT)
    if (height === undefined || bytes.length !== lmsAt + 4 + HASH_BYTES * height || leaf >= 2 ** height) return undefined
    return { lms: `LMS_SHA256_M32_H${height}`, ots: `LMOTS_SHA256_N32_W${ots[0]}`, leaf, leaves: 2 ** height }
}
