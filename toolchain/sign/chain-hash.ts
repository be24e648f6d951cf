/**
 * SHA-256 of the one message shape that key generation hashes millions of times:
 * the 55 bytes I(16) | q(4) | i(2) | j(1) | value(32), which fill exactly one block.
 *
 * In plain JavaScript this costs a quarter of `createHash("sha256")`, whose price
 * is the object, not the hash. FIPS 180-4 §6.2.
 */

const K = Int32Array.from(firstPrimes(64), prime => fraction(Math.cbrt(prime)))
const H = Int32Array.from(firstPrimes(8), prime => fraction(Math.sqrt(prime)))
const W = new Int32Array(64)

/** Bits of the padded 55-byte message. */
const MESSAGE_BITS = 55 * 8

/** Where a chain stands: the identifier and leaf it belongs to, as big-endian words. */
export interface ChainContext {
    readonly identifier: Int32Array
    readonly leaf: number
}

export function bytesToWords(bytes: Uint8Array): Int32Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return Int32Array.from({ length: bytes.length / 4 }, (_, index) => view.getInt32(index * 4))
}

export function writeWords(words: Int32Array, target: Uint8Array, offset: number): void {
    const view = new DataView(target.buffer, target.byteOffset, target.length)
    for (let index = 0; index < words.length; index++) view.setInt32(offset + index * 4, words[index])
}

/**
 * Replaces `value` (8 words) by H(I | q | i | j | value) for j = from .. to-1, one after the other.
 * With from = 0xff, to = 0x100 and the seed as value this is the pseudorandom private key of RFC 8554 Appendix A.
 */
export function advanceChain(context: ChainContext, chain: number, from: number, to: number, value: Int32Array): void {
    const { identifier, leaf } = context
    for (let link = from; link < to; link++) {
        W[0] = identifier[0]
        W[1] = identifier[1]
        W[2] = identifier[2]
        W[3] = identifier[3]
        W[4] = leaf
        W[5] = (chain << 16) | (link << 8) | (value[0] >>> 24)
        for (let word = 0; word < 7; word++) W[6 + word] = (value[word] << 8) | (value[word + 1] >>> 24)
        W[13] = (value[7] << 8) | 0x80
        W[14] = 0
        W[15] = MESSAGE_BITS
        compress(value)
    }
}

function compress(result: Int32Array): void {
    for (let t = 16; t < 64; t++) {
        const x = W[t - 15]
        const y = W[t - 2]
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
        W[t] = (W[t - 16] + s0 + W[t - 7] + s1) | 0
    }
    let a = H[0]
    let b = H[1]
    let c = H[2]
    let d = H[3]
    let e = H[4]
    let f = H[5]
    let g = H[6]
    let h = H[7]
    for (let t = 0; t < 64; t++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
        const t1 = (h + s1 + (g ^ (e & (f ^ g))) + K[t] + W[t]) | 0
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
        const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0
        h = g
        g = f
        f = e
        e = (d + t1) | 0
        d = c
        c = b
        b = a
        a = (t1 + t2) | 0
    }
    result[0] = H[0] + a
    result[1] = H[1] + b
    result[2] = H[2] + c
    result[3] = H[3] + d
    result[4] = H[4] + e
    result[5] = H[5] + f
    result[6] = H[6] + g
    result[7] = H[7] + h
}

function firstPrimes(count: number): number[] {
    const primes: number[] = []
    for (let candidate = 2; primes.length < count; candidate++)
        if (primes.every(prime => candidate % prime !== 0)) primes.push(candidate)
    return primes
}

/** The first 32 bits of the fractional part; a double has enough of them for roots below 8. */
function fraction(root: number): number {
    return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0
}
