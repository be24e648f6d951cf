import { randomBytes } from "node:crypto"
import { otsPublicKey } from "../../toolchain/sign/lmots.ts"
import type { LmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { lmsPublicKey, lmsSign } from "../../toolchain/sign/lms-sign.ts"
import { innerNode, leafNode, treeNode } from "../../toolchain/sign/lms-tree.ts"
import { hssPublicKey, hssSignature } from "../../toolchain/sign/lms-verify.ts"

export interface SignedSample {
    publicKey: Uint8Array
    message: Uint8Array
    signature: Uint8Array
}

/**
 * A signature under a fresh key that has one real leaf: the siblings on its way to the root are random. To a verifier
 * it is a key like any other, but it takes milliseconds where a whole tree of height 15 takes minutes.
 */
export function signedSample(parameters: LmsParameters, index: number, message: Uint8Array = randomBytes(80)): SignedSample {
    const identifier = randomBytes(16)
    const seed = randomBytes(32)
    const tree = new Uint8Array(2 * parameters.leafCount * 32)
    let node = parameters.leafCount + index
    treeNode(tree, node).set(leafNode(parameters, identifier, index, otsPublicKey({ parameters, identifier, index }, seed)))
    while (node > 1) {
        treeNode(tree, node ^ 1).set(randomBytes(32))
        node >>= 1
        treeNode(tree, node).set(innerNode(identifier, node, tree.subarray(node * 64, node * 64 + 64)))
    }
    const key = { parameters, identifier, seed, tree }
    return {
        publicKey: hssPublicKey(lmsPublicKey(key)),
        message,
        signature: hssSignature(lmsSign(key, index, randomBytes(32), message)),
    }
}
