/**
 * Blobs, named by the SHA-256 of their bytes, over any place that keeps bytes under a name.
 *
 * What boards fetch is kept in memory: a fleet that fetches one image reads it from the place
 * once. What comes from there is checked against its name: a damaged disk or a bucket that
 * somebody else wrote to is an error, never an image.
 */
import { createHash } from "node:crypto"
import { isDigest } from "../ids.ts"

export interface BlobStore {
    /** Stores the bytes; storing the same bytes again does nothing. Returns the digest. */
    put(bytes: Uint8Array): Promise<string>
    /** The whole blob, or undefined when there is none of this digest. */
    get(digest: string): Promise<Uint8Array | undefined>
    /** Reads that went to the place: does not grow with the number of boards that fetch an image. */
    readonly reads: number
}

/** Where blobs lie. A name that exists always has all of its bytes, whenever the process or the machine died. */
export interface BlobPlace {
    put(digest: string, bytes: Uint8Array): Promise<void>
    get(digest: string): Promise<Uint8Array | undefined>
}

export class CachedBlobs implements BlobStore {
    readonly #place: BlobPlace
    readonly #cacheMaxBytes: number
    /** Least recently used first. */
    readonly #cache = new Map<string, Uint8Array>()
    readonly #reading = new Map<string, Promise<Uint8Array | undefined>>()
    #cachedBytes = 0
    #reads = 0

    constructor(place: BlobPlace, cacheMaxBytes: number) {
        this.#place = place
        this.#cacheMaxBytes = cacheMaxBytes
    }

    get reads(): number {
        return this.#reads
    }

    async put(bytes: Uint8Array): Promise<string> {
        const digest = sha256(bytes)
        await this.#place.put(digest, bytes)
        return digest
    }

    async get(digest: string): Promise<Uint8Array | undefined> {
        const cached = this.#cache.get(digest)
        if (cached !== undefined) {
            this.#cache.delete(digest)
            this.#cache.set(digest, cached)
            return cached
        }
        let reading = this.#reading.get(digest)
        if (reading === undefined) {
            reading = this.#read(digest).finally(() => this.#reading.delete(digest))
            this.#reading.set(digest, reading)
        }
        return reading
    }

    async #read(digest: string): Promise<Uint8Array | undefined> {
        if (!isDigest(digest)) return undefined
        this.#reads++
        const bytes = await this.#place.get(digest)
        if (bytes === undefined) return undefined
        if (sha256(bytes) !== digest) throw new Error(`blob ${digest} is damaged where it is kept: restore it, or upload it again under a new version`)
        this.#cache.set(digest, bytes)
        this.#cachedBytes += bytes.length
        for (const [oldest, old] of this.#cache) {
            if (this.#cachedBytes <= this.#cacheMaxBytes) break
            this.#cache.delete(oldest)
            this.#cachedBytes -= old.length
        }
        return bytes
    }
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")
