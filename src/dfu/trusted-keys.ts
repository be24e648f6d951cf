import { LmsVerifier } from "./lms"

/*
 * The public keys whose signatures this base takes: two, so that a key can be replaced.
 *
 *   "HANDOVER-KEYS-01" (16) | key 0 (60) | key 1 (60) | u32 product id
 *
 * A key is an HSS public key; all zeros is an empty slot. The compiler leaves this literal as it
 * is in the program, and `toolchain/sign/patch-trusted-keys.ts` finds it by its first 16 bytes.
 * Until then no key is trusted, so every update is refused. The product id is the vendor and class of
 * the boards that the base is built for: an update of another product is refused, whoever signed it.
 */
const TRUSTED_KEYS = hex`48414e444f5645522d4b4559532d3031
    000000000000000000000000000000000000000000000000000000000000
    000000000000000000000000000000000000000000000000000000000000
    000000000000000000000000000000000000000000000000000000000000
    000000000000000000000000000000000000000000000000000000000000
    00000000`

const KEYS_OFFSET = 16
const KEY_BYTES = 60
export const TRUSTED_KEY_SLOTS = 2

/** What the base was built for; 0 = not said. */
export function productId() {
    return TRUSTED_KEYS.getAt(KEYS_OFFSET + TRUSTED_KEY_SLOTS * KEY_BYTES, "u32")
}

/** Undefined when the slot is empty. */
export function trustedKey(slot: number): Buffer {
    const offset = KEYS_OFFSET + slot * KEY_BYTES
    if (TRUSTED_KEYS[offset + 3] !== 1) return undefined
    return TRUSTED_KEYS.slice(offset, offset + KEY_BYTES)
}

/**
 * The slot of the key that signed `message`, or -1.
 *
 * `read` gives the signature's bytes from an offset, 1 or more of them; it is asked again from the
 * start for the second key, so that never two signatures' worth of state are in memory.
 * @param revokedSlots bit n set: slot n is not trusted any more
 */
export async function signerSlot(
    message: Buffer,
    signatureBytes: number,
    read: (offset: number) => Promise<Buffer>,
    revokedSlots: number
): Promise<number> {
    for (let slot = 0; slot < TRUSTED_KEY_SLOTS; ++slot) {
        const key = trustedKey(slot)
        if (!key || revokedSlots & (1 << slot)) continue
        const verifier = new LmsVerifier(key, message)
        let offset = 0
        while (offset < signatureBytes) {
            const chunk = await read(offset)
            if (!chunk || !chunk.length || !(await verifier.feed(chunk))) break
            offset += chunk.length
        }
        if (verifier.isValid()) return slot
    }
    return -1
}
