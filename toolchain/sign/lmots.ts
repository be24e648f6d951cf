/** LM-OTS, the one-time signature under each leaf: RFC 8554 §4. */
import { createHash } from "node:crypto"
import { advanceChain, bytesToWords, writeWords } from "./chain-hash.ts"
import type { ChainContext } from "./chain-hash.ts"
import { HASH_SIZE_BYTES } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"

const D_PBLC = 0x8080
const D_MESG = 0x8181
/** The link number that derives a private chain start from the seed: RFC 8554 Appendix A. */
const PRIVATE_LINK = 0xff

/** One leaf of one key. */
export interface Leaf {
    readonly parameters: LmsParameters
    /** 16 bytes, `I`. */
    readonly identifier: Uint8Array
    /** Leaf number, `q`. */
    readonly index: number
}

/** `K`, the leaf's one-time public key (32 bytes). */
export function otsPublicKey(leaf: Leaf, seed: Uint8Array): Uint8Array {
    const { chainCount, chainLength } = leaf.parameters
    return publicKeyOf(leaf, privateChains(leaf, seed, () => chainLength), chainCount)
}

/** `y[0..p-1]` for a message: each chain advanced as far as the message's digit says. */
export function otsSign(leaf: Leaf, seed: Uint8Array, randomizer: Uint8Array, message: Uint8Array): Uint8Array {
    const digits = messageDigits(leaf, randomizer, message)
    return privateChains(leaf, seed, chain => digits[chain])
}

/** `Kc`: the public key that a signature's chains lead to (RFC 8554 Algorithm 4b). */
export function otsCandidate(
    leaf: Leaf,
    randomizer: Uint8Array,
    chains: Uint8Array,
    message: Uint8Array,
): Uint8Array {
    const { chainCount, chainLength } = leaf.parameters
    const digits = messageDigits(leaf, randomizer, message)
    const context = contextOf(leaf)
    const ends = new Uint8Array(chainCount * HASH_SIZE_BYTES)
    for (let chain = 0; chain < chainCount; chain++) {
        const offset = chain * HASH_SIZE_BYTES
        const value = bytesToWords(chains.subarray(offset, offset + HASH_SIZE_BYTES))
        advanceChain(context, chain, digits[chain], chainLength, value)
        writeWords(value, ends, offset)
    }
    return publicKeyOf(leaf, ends, chainCount)
}

function privateChains(leaf: Leaf, seed: Uint8Array, linksOf: (chain: number) => number): Uint8Array {
    const { chainCount } = leaf.parameters
    const context = contextOf(leaf)
    const seedWords = bytesToWords(seed)
    const value = new Int32Array(8)
    const chains = new Uint8Array(chainCount * HASH_SIZE_BYTES)
    for (let chain = 0; chain < chainCount; chain++) {
        value.set(seedWords)
        advanceChain(context, chain, PRIVATE_LINK, PRIVATE_LINK + 1, value)
        advanceChain(context, chain, 0, linksOf(chain), value)
        writeWords(value, chains, chain * HASH_SIZE_BYTES)
    }
    return chains
}

/** The base-2^w digits of Q | checksum(Q), one per chain (RFC 8554 §4.4, Algorithm 3). */
function messageDigits(leaf: Leaf, randomizer: Uint8Array, message: Uint8Array): number[] {
    const { winternitzBits, chainCount, chainLength, checksumShift } = leaf.parameters
    const digest = createHash("sha256").update(leafPrefix(leaf, D_MESG)).update(randomizer).update(message).digest()
    const digits: number[] = []
    for (const byte of digest) {
        if (winternitzBits === 8) digits.push(byte)
        else digits.push(byte >> 4, byte & 15)
    }
    const checksum = digits.reduce((sum, digit) => sum + chainLength - digit, 0) << checksumShift
    for (let shift = 16 - winternitzBits; digits.length < chainCount; shift -= winternitzBits)
        digits.push((checksum >> shift) & chainLength)
    return digits
}

function publicKeyOf(leaf: Leaf, ends: Uint8Array, chainCount: number): Uint8Array {
    return createHash("sha256")
        .update(leafPrefix(leaf, D_PBLC))
        .update(ends.subarray(0, chainCount * HASH_SIZE_BYTES))
        .digest()
}

function contextOf(leaf: Leaf): ChainContext {
    return { identifier: bytesToWords(leaf.identifier), leaf: leaf.index }
}

function leafPrefix(leaf: Leaf, domain: number): Uint8Array {
    const bytes = Buffer.alloc(22)
    bytes.set(leaf.identifier)
    bytes.writeUInt32BE(leaf.index, 16)
    bytes.writeUInt16BE(domain, 20)
    return bytes
}
