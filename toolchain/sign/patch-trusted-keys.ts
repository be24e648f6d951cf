/**
 * Puts the public keys that a base trusts, and the product that it is for, into its `.devs` file, and reads them out again.
 * The slots are the buffer literal of `src/dfu/trusted-keys.ts`, found by its first 16 bytes.
 */
import { HSS_PUBLIC_KEY_SIZE_BYTES, lmsParametersOfTypes } from "./lms-parameters.ts"
import { SignError } from "./sign-error.ts"

const MARKER = Buffer.from("HANDOVER-KEYS-01", "latin1")
export const TRUSTED_KEY_SLOTS = 2
const KEYS_SIZE_BYTES = TRUSTED_KEY_SLOTS * HSS_PUBLIC_KEY_SIZE_BYTES
const PRODUCT_ID_SIZE_BYTES = 4

/**
 * Gives a copy of the program that trusts exactly `publicKeys` (1 or 2 HSS public keys of 60 bytes).
 * Its boards take updates of the product `productId` only. Patch before the base's id is taken: the id is a digest of the program.
 * @throws SignError `HOV_TRUSTED_KEYS`
 */
export function patchTrustedKeys(program: Uint8Array, publicKeys: readonly Uint8Array[], productId = 0): Uint8Array {
    const slots = findSlots(program)
    if (publicKeys.length < 1 || publicKeys.length > TRUSTED_KEY_SLOTS)
        throw bad(`a base trusts 1 or ${TRUSTED_KEY_SLOTS} keys, not ${publicKeys.length}`)
    publicKeys.forEach(checkPublicKey)
    const patched = Uint8Array.from(program)
    patched.fill(0, slots, slots + KEYS_SIZE_BYTES)
    publicKeys.forEach((key, slot) => patched.set(key, slots + slot * HSS_PUBLIC_KEY_SIZE_BYTES))
    new DataView(patched.buffer).setUint32(slots + KEYS_SIZE_BYTES, productId, true)
    return patched
}

/**
 * The product (vendor and class) that a program is for; 0 when it was never patched.
 * @throws SignError `HOV_TRUSTED_KEYS`
 */
export function readProductId(program: Uint8Array): number {
    return new DataView(program.buffer, program.byteOffset).getUint32(findSlots(program) + KEYS_SIZE_BYTES, true)
}

/**
 * The keys that a program trusts; none when it was never patched.
 * @throws SignError `HOV_TRUSTED_KEYS`
 */
export function readTrustedKeys(program: Uint8Array): Uint8Array[] {
    const slots = findSlots(program)
    return Array.from({ length: TRUSTED_KEY_SLOTS }, (_, slot) => {
        const offset = slots + slot * HSS_PUBLIC_KEY_SIZE_BYTES
        return program.slice(offset, offset + HSS_PUBLIC_KEY_SIZE_BYTES)
    }).filter(key => key.some(byte => byte !== 0))
}

function findSlots(program: Uint8Array): number {
    const bytes = Buffer.from(program.buffer, program.byteOffset, program.length)
    const at = bytes.indexOf(MARKER)
    if (at < 0) throw bad("the program has no slots for trusted keys: it was built without Handover's resident")
    if (bytes.indexOf(MARKER, at + 1) >= 0) throw bad("the program has more than one set of slots for trusted keys")
    const slots = at + MARKER.length
    if (slots + KEYS_SIZE_BYTES + PRODUCT_ID_SIZE_BYTES > program.length) throw bad("the program ends inside its slots for trusted keys")
    return slots
}

function checkPublicKey(key: Uint8Array): void {
    const bytes = Buffer.from(key)
    if (
        bytes.length !== HSS_PUBLIC_KEY_SIZE_BYTES ||
        bytes.readUInt32BE(0) !== 1 ||
        !lmsParametersOfTypes(bytes.readUInt32BE(4), bytes.readUInt32BE(8))
    )
        throw bad(`not an HSS public key of one level with a known parameter set (${bytes.length} bytes)`)
}

function bad(what: string): SignError {
    return new SignError("HOV_TRUSTED_KEYS", what)
}
