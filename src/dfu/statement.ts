/*
 * Reads the signer's statements that bring no image; the layout is in `toolchain/format/statement.ts`.
 * Nothing in them is believed before the signature is.
 */

const MAGIC = 0x4d564f48
const FLAG_REVOKE = 4
const FLAG_FRESHNESS = 8

export interface Statement {
    revokes: boolean
    /** Freshness: 16 hex digits. */
    baseId: string
    newestSequence: number
    notAfterUnixS: number
    issuedAtUnixS: number
    /** Revocation: SHA-256 of the key, 32 bytes. */
    keyDigest: Buffer
}

/** Undefined when the bytes are not a statement. */
export function parseStatement(bytes: Buffer): Statement | undefined {
    if (bytes.length !== 80 || bytes.getAt(0, "u32") !== MAGIC || bytes[4] !== 1) return undefined
    const revokes = bytes[5] === FLAG_REVOKE
    if (!revokes && bytes[5] !== FLAG_FRESHNESS) return undefined
    // bytes of the other kind must be 0
    if (anyByte(bytes, 6, 8) || anyByte(bytes, 20, 28)) return undefined
    if (anyByte(bytes, revokes ? 8 : 36, revokes ? 32 : 64)) return undefined
    return {
        revokes,
        baseId: bytes.slice(8, 16).toString("hex"),
        newestSequence: bytes.getAt(16, "u32"),
        notAfterUnixS: bytes.getAt(28, "u32"),
        issuedAtUnixS: revokes ? 0 : bytes.getAt(32, "u32"),
        keyDigest: bytes.slice(32, 64),
    }
}

function anyByte(bytes: Buffer, from: number, to: number) {
    for (let i = from; i < to; ++i) if (bytes[i]) return true
    return false
}
