/** Verification on the host; the board's is `src/dfu/lms.ts`. RFC 8554 §5.4.2 and, for one level, §6.3. */
import { otsCandidate } from "./lmots.ts"
import {
    HASH_SIZE_BYTES,
    HSS_PUBLIC_KEY_SIZE_BYTES,
    LMS_PUBLIC_KEY_SIZE_BYTES,
    lmsParametersOfTypes,
} from "./lms-parameters.ts"
import { innerNode, leafNode } from "./lms-tree.ts"

/**
 * True when `signature` (u32 0 | LMS signature) is the HSS signature of `message` under
 * `publicKey` (u32 1 | LMS public key). Anything malformed is false, never an exception.
 */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKey.length !== HSS_PUBLIC_KEY_SIZE_BYTES || readU32(publicKey, 0) !== 1) return false
    if (signature.length < 4 || readU32(signature, 0) !== 0) return false
    return verifyLms(publicKey.subarray(4), message, signature.subarray(4))
}

export function verifyLms(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKey.length !== LMS_PUBLIC_KEY_SIZE_BYTES) return false
    const parameters = lmsParametersOfTypes(readU32(publicKey, 0), readU32(publicKey, 4))
    if (!parameters || signature.length !== parameters.lmsSignatureSizeBytes) return false
    const identifier = publicKey.subarray(8, 24)
    const index = readU32(signature, 0)
    const typeOffset = 8 + HASH_SIZE_BYTES * (1 + parameters.chainCount)
    if (index >= parameters.leafCount) return false
    if (readU32(signature, 4) !== parameters.otsType || readU32(signature, typeOffset) !== parameters.lmsType) return false

    const randomizer = signature.subarray(8, 8 + HASH_SIZE_BYTES)
    const chains = signature.subarray(8 + HASH_SIZE_BYTES, typeOffset)
    const oneTimeKey = otsCandidate({ parameters, identifier, index }, randomizer, chains, message)
    let value = leafNode(parameters, identifier, index, oneTimeKey)
    let node = parameters.leafCount + index
    for (let offset = typeOffset + 4; node > 1; offset += HASH_SIZE_BYTES) {
        const sibling = signature.subarray(offset, offset + HASH_SIZE_BYTES)
        const children = Buffer.concat(node & 1 ? [sibling, value] : [value, sibling])
        node >>= 1
        value = innerNode(identifier, node, children)
    }
    return Buffer.compare(value, publicKey.subarray(24)) === 0
}

/** The public key as boards hold it: one HSS level in front of the LMS public key. */
export function hssPublicKey(lmsPublicKey: Uint8Array): Uint8Array {
    return Buffer.concat([Uint8Array.of(0, 0, 0, 1), lmsPublicKey])
}

/** The signature as artifacts hold it: no further levels, then the LMS signature. */
export function hssSignature(lmsSignature: Uint8Array): Uint8Array {
    return Buffer.concat([new Uint8Array(4), lmsSignature])
}

function readU32(bytes: Uint8Array, offset: number): number {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(offset)
}
