import { loadTrust, revokedSlots } from "./trust"
import { isTrusted } from "./trusted-keys"

/* The signature of a manifest, held only until it is checked: about 1.5 KB. */

let signature: Buffer

export function addSignature(bytes: Buffer, offset: number, sizeBytes: number) {
    if (!offset) signature = Buffer.alloc(sizeBytes)
    signature.set(bytes, offset)
}

/** What the verifier takes at a time, so that a copy stays small. */
const STEP_BYTES = 256

async function readSignature(offset: number) {
    return signature.slice(offset, Math.min(offset + STEP_BYTES, signature.length))
}

/** Ends the check and frees its memory. */
export async function isSigned(manifest: Buffer): Promise<boolean> {
    const known = await loadTrust()
    const good = known && (await isTrusted(manifest, signature.length, readSignature, revokedSlots()))
    signature = undefined
    return good
}
