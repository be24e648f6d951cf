import * as ds from "@devicescript/core"

/*
 * Verifies HSS/LMS signatures (RFC 8554: one level, SHA-256, H5/H10/H15, W4/W8) as they arrive:
 *
 *   u32 0 | u32 q | u32 ots type | C (32) | y[0..p-1] (32 each) | u32 lms type | path[0..h-1] (32 each)
 *
 * A hash chain is walked to its end as soon as its 32 bytes are here, and only the ends are kept
 * (1,088 bytes for W8, 2,144 for W4), because the native hash takes all of its input at once.
 * W8 walks about 4,300 links. A link is one native digest, which allocates its result, so the loop
 * allocates nothing else. `toolchain/sign/lms-verify.ts` is the same in ordinary code.
 */

const HASH_BYTES = 32
const HEADER_BYTES = 44
/** A digest takes up to 0.8 ms on the slowest board, and other fibers wait meanwhile. */
const LINKS_PER_YIELD = 4
/** After this long the main loop gets its turn, so that packets and the network go on. */
const WORK_MS = 4

const D_PBLC = 0x8080
const D_MESG = 0x8181
const D_LEAF = 0x8282
const D_INTR = 0x8383

enum Part {
    Header,
    Chains,
    Type,
    Path,
    Done,
    Refused,
}

/**
 * What `digest()` of `@devicescript/crypto` calls, without its frames and its new array.
 * All parts must be buffers: anything else leaves the native hash locked, and the next one panics.
 */
const sha256 = (Buffer as any).digest as (
    key: undefined,
    algorithm: string,
    parts: Buffer[]
) => Buffer

/**
 * @example
 * const verifier = new LmsVerifier(publicKey, manifest)
 * for (let at = 0; at < sizeBytes; at += chunk.length) {
 *     chunk = await read(at)
 *     if (!(await verifier.feed(chunk))) break
 * }
 * if (!verifier.isValid()) refuse()
 */
export class LmsVerifier {
    private part: Part
    /** The bytes of one item as they come in; a chain's go to `ends` at once. */
    private item: Buffer
    private itemBytes: number
    private have: number
    /** I | q | i | j: what is hashed in front of a chain's value. */
    private link: Buffer
    /** I | node or leaf | domain: what is hashed in front of everything else. */
    private prefix: Buffer
    private parts: Buffer[]
    private w: number
    private chainCount: number
    private leafCount: number
    private chain: number
    /** Q and its checksum; its base-2^w digits say where the chains start. */
    private digits: Buffer
    private ends: Buffer
    private node: number
    private value: Buffer

    /**
     * @param publicKey HSS public key: u32 1 | u32 lms type | u32 ots type | I (16) | root (32).
     * With any other key the verifier refuses everything.
     */
    constructor(
        private publicKey: Buffer,
        private message: Buffer
    ) {
        this.part = Part.Refused
        if (publicKey.length !== 60 || be32(publicKey, 0) !== 1) return
        const lmsType = be32(publicKey, 4)
        const otsType = be32(publicKey, 8)
        if (lmsType < 5 || lmsType > 7 || otsType < 3 || otsType > 4) return
        this.leafCount = 1 << (5 * (lmsType - 4))
        this.w = otsType === 4 ? 8 : 4
        this.chainCount = otsType === 4 ? 34 : 67
        this.link = Buffer.alloc(23)
        this.link.blitAt(0, publicKey, 12, 16)
        this.prefix = Buffer.alloc(22)
        this.prefix.blitAt(0, publicKey, 12, 16)
        this.parts = [this.link, this.prefix]
        this.expect(Part.Header, HEADER_BYTES)
    }

    /** Takes the next bytes, however they are cut. False as soon as the signature cannot be valid any more. */
    async feed(chunk: Buffer): Promise<boolean> {
        let offset = 0
        while (offset < chunk.length) {
            if (this.part >= Part.Done) {
                this.part = Part.Refused
                return false
            }
            const target = this.part === Part.Chains ? this.ends : this.item
            const at = this.part === Part.Chains ? this.chain * HASH_BYTES : 0
            const count = Math.min(this.itemBytes - this.have, chunk.length - offset)
            target.blitAt(at + this.have, chunk, offset, count)
            this.have += count
            offset += count
            if (this.have === this.itemBytes) {
                this.have = 0
                await this.take()
            }
        }
        return this.part !== Part.Refused
    }

    /** True when all of a valid signature came, and nothing behind it. */
    isValid(): boolean {
        return this.part === Part.Done
    }

    private expect(part: Part, itemBytes: number) {
        this.part = part
        this.itemBytes = itemBytes
        this.have = 0
        if (part !== Part.Chains) this.item = Buffer.alloc(itemBytes)
    }

    private async take() {
        switch (this.part) {
            case Part.Header:
                this.takeHeader()
                break
            case Part.Chains:
                await this.walkChain()
                if (++this.chain === this.chainCount) this.takeLeaf()
                break
            case Part.Type:
                if (be32(this.item, 0) === be32(this.publicKey, 4))
                    this.expect(Part.Path, HASH_BYTES)
                else this.part = Part.Refused
                break
            case Part.Path:
                this.climb()
                break
        }
    }

    private takeHeader() {
        const header = this.item
        const q = be32(header, 4)
        if (
            be32(header, 0) !== 0 ||
            q < 0 ||
            q >= this.leafCount ||
            be32(header, 8) !== be32(this.publicKey, 8)
        ) {
            this.part = Part.Refused
            return
        }
        this.link.blitAt(16, header, 4, 4)
        this.node = this.leafCount + q
        const digest = this.hash(q, D_MESG, header.slice(12, HEADER_BYTES), this.message)
        const digits = Buffer.alloc(HASH_BYTES + 2)
        digits.blitAt(0, digest, 0, HASH_BYTES)
        let checksum = this.w === 8 ? 32 * 255 : 64 * 15
        for (let i = 0; i < HASH_BYTES; ++i)
            checksum -= this.w === 8 ? digest[i] : (digest[i] >> 4) + (digest[i] & 15)
        if (this.w === 4) checksum <<= 4
        digits[HASH_BYTES] = checksum >> 8
        digits[HASH_BYTES + 1] = checksum & 255
        this.digits = digits
        this.ends = Buffer.alloc(this.chainCount * HASH_BYTES)
        this.chain = 0
        this.expect(Part.Chains, HASH_BYTES)
    }

    /** Hashes the chain's value from where the message's digit says to the end. */
    private async walkChain() {
        const chain = this.chain
        const link = this.link
        const parts = this.parts
        const digest = sha256
        let j = this.digits[chain]
        let last = 255
        if (this.w === 4) {
            last = 15
            j = this.digits[chain >> 1]
            j = chain & 1 ? j & 15 : j >> 4
        }
        if (j === last) return
        const at = chain * HASH_BYTES
        link[21] = chain
        const start = Buffer.alloc(HASH_BYTES)
        start.blitAt(0, this.ends, at, HASH_BYTES)
        parts[1] = start
        let turnMs = ds.millis()
        while (j < last) {
            const stop = Math.min(j + LINKS_PER_YIELD, last)
            while (j < stop) {
                link[22] = j
                parts[1] = digest(undefined, "sha256", parts)
                j++
            }
            // Lets the other fibers run and makes `millis()` go on; it does not return to the main loop.
            await ds.sleep(0)
            if (ds.millis() - turnMs >= WORK_MS) {
                await ds.sleep(1)
                turnMs = ds.millis()
            }
        }
        this.ends.blitAt(at, parts[1], 0, HASH_BYTES)
    }

    private takeLeaf() {
        const q = this.node - this.leafCount
        const oneTimeKey = this.hash(q, D_PBLC, this.ends)
        this.ends = undefined
        this.value = this.hash(this.node, D_LEAF, oneTimeKey)
        this.expect(Part.Type, 4)
    }

    private climb() {
        const parent = this.node >> 1
        if (this.node & 1) this.value = this.hash(parent, D_INTR, this.item, this.value)
        else this.value = this.hash(parent, D_INTR, this.value, this.item)
        this.node = parent
        if (parent !== 1) return
        this.part = Part.Done
        for (let i = 0; i < HASH_BYTES; ++i)
            if (this.value[i] !== this.publicKey[28 + i]) this.part = Part.Refused
    }

    /** H(I | number | domain | first | second) */
    private hash(number: number, domain: number, first: Buffer, second?: Buffer) {
        const prefix = this.prefix
        prefix[18] = number >> 8
        prefix[19] = number & 255
        prefix[20] = domain >> 8
        prefix[21] = domain & 255
        const parts = [prefix, first]
        if (second) parts.push(second)
        return sha256(undefined, "sha256", parts)
    }
}

/** Negative when bit 31 is set; no field of a valid key or signature has it. */
function be32(bytes: Buffer, offset: number) {
    return (
        (bytes[offset] << 24) |
        (bytes[offset + 1] << 16) |
        (bytes[offset + 2] << 8) |
        bytes[offset + 3]
    )
}
