/**
 * The Merkle tree over the one-time keys: RFC 8554 §5.3.
 * All nodes in one array, node r at r * 32: node 1 is the root, leaf q is node 2^h + q. Slot 0 is unused.
 */
import { createHash } from "node:crypto"
import { otsPublicKey } from "./lmots.ts"
import { HASH_SIZE_BYTES, IDENTIFIER_SIZE_BYTES } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"

const D_LEAF = 0x8282
const D_INTR = 0x8383

/** The values of the leaves from .. to-1: the slow part of making a key. */
export function leafNodes(
    parameters: LmsParameters,
    identifier: Uint8Array,
    seed: Uint8Array,
    from: number,
    to: number,
    onLeaf?: () => void,
): Uint8Array {
    const nodes = new Uint8Array((to - from) * HASH_SIZE_BYTES)
    for (let index = from; index < to; index++) {
        const oneTimeKey = otsPublicKey({ parameters, identifier, index }, seed)
        nodes.set(leafNode(parameters, identifier, index, oneTimeKey), (index - from) * HASH_SIZE_BYTES)
        onLeaf?.()
    }
    return nodes
}

export function leafNode(
    parameters: LmsParameters,
    identifier: Uint8Array,
    index: number,
    oneTimeKey: Uint8Array,
): Uint8Array {
    return nodeHash(identifier, parameters.leafCount + index, D_LEAF, oneTimeKey)
}

export function innerNode(identifier: Uint8Array, node: number, children: Uint8Array): Uint8Array {
    return nodeHash(identifier, node, D_INTR, children)
}

/** Hashes the leaves up to the root. */
export function buildTree(parameters: LmsParameters, identifier: Uint8Array, leaves: Uint8Array): Uint8Array {
    const tree = new Uint8Array(2 * parameters.leafCount * HASH_SIZE_BYTES)
    tree.set(leaves, parameters.leafCount * HASH_SIZE_BYTES)
    for (let node = parameters.leafCount - 1; node >= 1; node--) {
        const children = tree.subarray(2 * node * HASH_SIZE_BYTES, (2 * node + 2) * HASH_SIZE_BYTES)
        tree.set(innerNode(identifier, node, children), node * HASH_SIZE_BYTES)
    }
    return tree
}

export function treeNode(tree: Uint8Array, node: number): Uint8Array {
    return tree.subarray(node * HASH_SIZE_BYTES, (node + 1) * HASH_SIZE_BYTES)
}

/** The siblings from leaf to root: what a verifier needs to reach the root. */
export function authenticationPath(parameters: LmsParameters, tree: Uint8Array, index: number): Uint8Array {
    const path = new Uint8Array(parameters.treeHeight * HASH_SIZE_BYTES)
    let node = parameters.leafCount + index
    for (let level = 0; level < parameters.treeHeight; level++) {
        path.set(treeNode(tree, node ^ 1), level * HASH_SIZE_BYTES)
        node >>= 1
    }
    return path
}

function nodeHash(identifier: Uint8Array, node: number, domain: number, content: Uint8Array): Uint8Array {
    const prefix = Buffer.alloc(IDENTIFIER_SIZE_BYTES + 6)
    prefix.set(identifier)
    prefix.writeUInt32BE(node, IDENTIFIER_SIZE_BYTES)
    prefix.writeUInt16BE(domain, IDENTIFIER_SIZE_BYTES + 4)
    return createHash("sha256").update(prefix).update(content).digest()
}
