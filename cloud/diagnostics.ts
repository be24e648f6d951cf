/**
 * Names for the numbers in a board's diagnostics: which function of which image threw, and at
 * which source line. The maps were uploaded with the release; the board knows neither.
 */
import type { ImageMap } from "../toolchain/format/image-map.ts"
import { locateInImage, readImageMap } from "../toolchain/format/image-map.ts"
import type { ActualDocument, Fault, OldCall } from "./operator-api/documents.ts"
import type { BlobStore } from "./store/blobs.ts"
import type { MapRow } from "./store/schema.ts"
import type { Store } from "./store/store.ts"

const MAPS_KEPT = 32
/** What a board tells of an image's digest at the least. */
const IMAGE_PATTERN = /^[0-9a-f]{8,64}$/

interface KnownMap {
    readonly release: string
    readonly map: ImageMap
}

/** Null where no map says. */
function nameOf({ host, sequence, function: number }: OldCall, maps: readonly ImageMap[]): Pick<OldCall, "name" | "location" | "role" | "version"> {
    const ofBase = host === null ? undefined : maps.find(map => map.hosts !== undefined)?.hosts?.[host]
    const role = ofBase?.role ?? null
    if (sequence === null || number === null) return { name: ofBase?.name ?? null, location: ofBase?.location ?? null, role, version: null }
    const map = maps.find(m => m.sequence === sequence)
    return { name: map?.functions[number]?.name ?? null, location: (map && locateInImage(map, number, 0)) ?? null, role, version: map?.version ?? null }
}

export class Diagnostics {
    readonly #store: Store
    readonly #blobs: BlobStore
    /** By the digits that boards tell; least recently used first. */
    readonly #maps = new Map<string, KnownMap>()

    constructor(store: Store, blobs: BlobStore) {
        this.#store = store
        this.#blobs = blobs
    }

    /** Null when the diagnostics name no place in an image, or there is no map for it. */
    async placeOf(diagnostics: unknown): Promise<Fault | null> {
        if (typeof diagnostics !== "object" || diagnostics === null) return null
        const { img, fn, pc, msg } = diagnostics as Record<string, unknown>
        if (typeof img !== "string" || !IMAGE_PATTERN.test(img)) return null
        if (!Number.isInteger(fn) || !Number.isInteger(pc)) return null
        const known = await this.#mapOf(img)
        const found = known?.map.functions[fn as number]
        if (known === undefined || found === undefined) return null
        return {
            message: typeof msg === "string" ? msg : "",
            release: known.release,
            function: found.name,
            location: locateInImage(known.map, fn as number, pc as number) ?? null,
        }
    }

    /** The documents of commands or statuses with the place of each one's fault. */
    async withPlaces<T extends { diagnostics: unknown }>(documents: readonly T[]): Promise<(T & { fault: Fault | null })[]> {
        const placed: (T & { fault: Fault | null })[] = []
        for (const document of documents) placed.push({ ...document, fault: await this.placeOf(document.diagnostics) })
        return placed
    }

    /** The calls of a device's update ledger by name, as far as the maps that were published for its base have them. */
    async withNames(actual: ActualDocument): Promise<ActualDocument> {
        const { ledger, base } = actual
        if (!ledger.calls.length) return actual
        const maps: ImageMap[] = []
        for (const row of await this.#store.read.releases.mapsOfBase(base, MAPS_KEPT)) {
            const known = await this.#mapOf(row.imageDigest, row)
            if (known) maps.push(known.map)
        }
        return { ...actual, ledger: { ...ledger, calls: ledger.calls.map(call => ({ ...call, ...nameOf(call, maps) })) } }
    }

    async #mapOf(digestStart: string, found?: MapRow): Promise<KnownMap | undefined> {
        const known = this.#maps.get(digestStart)
        if (known !== undefined) {
            this.#maps.delete(digestStart)
            this.#maps.set(digestStart, known)
            return known
        }
        const row = found ?? (await this.#store.read.releases.mapOf(digestStart))
        const bytes = row === undefined ? undefined : await this.#blobs.get(row.blobDigest)
        if (row === undefined || bytes === undefined) return undefined
        const read = { release: row.releaseId, map: readImageMap(Buffer.from(bytes).toString()) }
        this.#maps.set(digestStart, read)
        for (const oldest of this.#maps.keys()) {
            if (this.#maps.size <= MAPS_KEPT) break
            this.#maps.delete(oldest)
        }
        return read
    }
}
