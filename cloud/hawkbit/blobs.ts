/**
 * Blobs that hawkBit keeps as artifacts, with a copy here: a server that has no copy (it shares the
 * database with the one that took the upload, or its disk is new) reads hawkBit's, once.
 */
import { createHash } from "node:crypto"
import { Problem } from "../problems.ts"
import type { BlobPlace } from "../store/blobs.ts"
import { HawkbitAway } from "./http.ts"
import { findBlob } from "./releases.ts"
import type { Work } from "./work.ts"

export class HawkbitBlobs implements BlobPlace {
    readonly #copies: BlobPlace
    readonly #work: Pick<Work, "store" | "remote" | "options" | "figures">

    constructor(copies: BlobPlace, work: Pick<Work, "store" | "remote" | "options" | "figures">) {
        this.#copies = copies
        this.#work = work
    }

    /** Durable here at once; hawkBit gets it with the release that names it. */
    put(digest: string, bytes: Uint8Array): Promise<void> {
        return this.#copies.put(digest, bytes)
    }

    async get(digest: string): Promise<Uint8Array | undefined> {
        const copy = await this.#copies.get(digest)
        if (copy !== undefined) return copy
        try {
            const place = await findBlob(this.#work, digest)
            if (place === undefined) return undefined
            this.#work.figures.artifactReads++
            const bytes = await this.#work.remote.download(place.moduleId, place.artifact)
            if (createHash("sha256").update(bytes).digest("hex") !== digest) throw new Error(`hawkBit's artifact ${place.artifact.id} is not ${digest}: upload the release again under a new version`)
            await this.#copies.put(digest, bytes)
            return bytes
        } catch (error) {
            if (error instanceof HawkbitAway) throw new Problem("HOV_API_HAWKBIT_AWAY", `this server has no copy of ${digest}`, 5)
            throw error
        }
    }
}
