/**
 * Blobs on disk, named by the SHA-256 of their bytes: `blobs/ab/ab12…`.
 *
 * A blob appears under its name in one step (temporary file, fsync, rename, fsync of
 * the folder), so a name that exists always has all of its bytes, whenever the
 * process or the machine died. What is never found again after a crash is a file in
 * `blobs/tmp`, and those are removed at the next start.
 */
import { createHash, randomBytes } from "node:crypto"
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import path from "node:path"
import { isDigest } from "../ids.ts"

export interface BlobStore {
    /** Stores the bytes; storing the same bytes again does nothing. Returns the digest. */
    put(bytes: Uint8Array): Promise<string>
    /** The whole blob, or undefined when there is none of this digest. */
    get(digest: string): Promise<Uint8Array | undefined>
}

export class DiskBlobStore implements BlobStore {
    readonly #folder: string
    readonly #cacheMaxBytes: number
    /** Least recently used first. */
    readonly #cache = new Map<string, Uint8Array>()
    readonly #reading = new Map<string, Promise<Uint8Array | undefined>>()
    #cachedBytes = 0
    /** Reads that went to the disk: does not grow with the number of boards that fetch an image. */
    diskReads = 0

    private constructor(folder: string, cacheMaxBytes: number) {
        this.#folder = folder
        this.#cacheMaxBytes = cacheMaxBytes
    }

    static async open(folder: string, cacheMaxBytes: number): Promise<DiskBlobStore> {
        const temporary = path.join(folder, "tmp")
        await mkdir(temporary, { recursive: true })
        for (const name of await readdir(temporary)) await removeLeftover(path.join(temporary, name))
        return new DiskBlobStore(folder, cacheMaxBytes)
    }

    async put(bytes: Uint8Array): Promise<string> {
        const digest = createHash("sha256").update(bytes).digest("hex")
        const target = this.#path(digest)
        if (await exists(target)) return digest
        const temporary = path.join(this.#folder, "tmp", randomBytes(12).toString("hex"))
        const file = await open(temporary, "wx", 0o600)
        try {
            await file.writeFile(bytes)
            await file.sync()
        } finally {
            await file.close()
        }
        await mkdir(path.dirname(target), { recursive: true })
        await rename(temporary, target)
        await syncFolder(path.dirname(target))
        // The two-letter folder itself may be new.
        await syncFolder(this.#folder)
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
        let bytes: Uint8Array
        try {
            this.diskReads++
            bytes = await readFile(this.#path(digest))
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
            throw error
        }
        this.#cache.set(digest, bytes)
        this.#cachedBytes += bytes.length
        for (const [oldest, old] of this.#cache) {
            if (this.#cachedBytes <= this.#cacheMaxBytes) break
            this.#cache.delete(oldest)
            this.#cachedBytes -= old.length
        }
        return bytes
    }

    #path(digest: string): string {
        return path.join(this.#folder, digest.slice(0, 2), digest)
    }
}

/** Younger ones may be another process's, which is about to rename it. */
const LEFTOVER_MS = 60_000

async function removeLeftover(file: string): Promise<void> {
    const found = await stat(file).catch(() => null)
    if (found !== null && found.mtimeMs < Date.now() - LEFTOVER_MS) await rm(file, { force: true })
}

async function exists(file: string): Promise<boolean> {
    try {
        await stat(file)
        return true
    } catch {
        return false
    }
}

async function syncFolder(folder: string): Promise<void> {
    const handle = await open(folder, "r")
    try {
        await handle.sync()
    } finally {
        await handle.close()
    }
}
