/**
 * Makes signatures. It keeps no state: that no leaf is ever used twice is
 * `key-file.ts`'s business, so nothing else may call `lmsSign` with a real key.
 */
import { otsSign } from "./lmots.ts"
import { HASH_SIZE_BYTES, IDENTIFIER_SIZE_BYTES, LMS_PUBLIC_KEY_SIZE_BYTES } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"
import { authenticationPath, treeNode } from "./lms-tree.ts"

export interface LmsPrivateKey {
    readonly parameters: LmsParameters
    /** 16 bytes. */
    readonly identifier: Uint8Array
    /** 32 bytes, the secret. */
    readonly seed: Uint8Array
    /** All nodes of the tree, see `lms-tree.ts`. Not secret. */
    readonly tree: Uint8Array
}

/** u32 lms type | u32 ots type | I | T[1]: RFC 8554 §5.3. */
export function lmsPublicKey(key: Omit<LmsPrivateKey, "seed">): Uint8Array {
    const bytes = Buffer.alloc(LMS_PUBLIC_KEY_SIZE_BYTES)
    bytes.writeUInt32BE(key.parameters.lmsType, 0)
    bytes.writeUInt32BE(key.parameters.otsType, 4)
    bytes.set(key.identifier, 8)
    bytes.set(treeNode(key.tree, 1), 8 + IDENTIFIER_SIZE_BYTES)
    return bytes
}

/** RFC 8554 §5.4.1. `randomizer` is `C`, 32 fresh random bytes. @throws RangeError for a leaf that the tree has not */
export function lmsSign(
    key: LmsPrivateKey,
    index: number,
    randomizer: Uint8Array,
    message: Uint8Array,
): Uint8Array {
    const { parameters, identifier, seed, tree } = key
    if (index < 0 || index >= parameters.leafCount) throw new RangeError(`leaf ${index} of ${parameters.leafCount}: the key is used up`)
    const bytes = Buffer.alloc(parameters.lmsSignatureSizeBytes)
    bytes.writeUInt32BE(index, 0)
    bytes.writeUInt32BE(parameters.otsType, 4)
    bytes.set(randomizer, 8)
    bytes.set(otsSign({ parameters, identifier, index }, seed, randomizer, message), 8 + HASH_SIZE_BYTES)
    const typeOffset = 8 + HASH_SIZE_BYTES * (1 + parameters.chainCount)
    bytes.writeUInt32BE(parameters.lmsType, typeOffset)
    bytes.set(authenticationPath(parameters, tree, index), typeOffset + 4)
    return bytes
}
