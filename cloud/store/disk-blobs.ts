/**
 * Blobs on disk: `blobs/ab/ab12…`. A blob appears under its name in one step (temporary file,
 * fsync, rename, fsync of the folder). What is never found again after a crash is a file in
 * `blobs/tmp`, and those are removed at a later start.
 */
import { randomBytes } from "node:crypto"
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import path from "node:path"
import type { BlobPlace } from "./blobs.ts"

/** Younger ones may be another process's, which is about to rename it. */
const LEFTOVER_MS = 60_000

export class DiskBlobs implements BlobPlace {
    readonly #folder: string

    private constructor(folder: string) {
        this.#folder = folder
    }

    static async open(folder: string): Promise<DiskBlobs> {
        const temporary = path.join(folder, "tmp")
        await mkdir(temporary, { recursive: true })
        for (const name of await readdir(temporary)) await removeLeftover(path.join(temporary, name))
        return new DiskBlobs(folder)
    }

    async put(digest: string, bytes: Uint8Array): Promise<void> {
        const target = this.#path(digest)
        if (await exists(target)) return
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
    }

    async get(digest: string): Promise<Uint8Array | undefined> {
        try {
            return await readFile(this.#path(digest))
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
            throw error
        }
    }

    #path(digest: string): string {
        return path.join(this.#folder, digest.slice(0, 2), digest)
    }
}

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
