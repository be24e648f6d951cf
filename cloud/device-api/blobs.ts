/**
 * `GET /v1/blobs/{sha256}?offset&length`: bytes by their digest, cacheable for ever. A part is asked for in the address, which
 * every cache can keep, or in a `Range` header, as caches ask each other.
 */
import { createHash } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import { parseRange } from "../byte-range.ts"
import { Problem } from "../problems.ts"
import type { BlobStore } from "../store/blobs.ts"

/** Of one blob; a fleet asks for the same few. */
const PIECES_KEPT = 4_096

/** Pieces' digests, for as long as their blob is in memory. */
class PieceDigests {
    readonly #known = new WeakMap<Uint8Array, Map<string, string>>()

    of(bytes: Uint8Array, piece: Uint8Array): string {
        let pieces = this.#known.get(bytes)
        if (pieces === undefined || pieces.size >= PIECES_KEPT) this.#known.set(bytes, (pieces = new Map()))
        const name = `${piece.byteOffset} ${piece.length}`
        let digest = pieces.get(name)
        if (digest === undefined) pieces.set(name, (digest = createHash("sha256").update(piece).digest("hex").slice(0, 16)))
        return digest
    }
}

export function blobHandler(blobs: BlobStore) {
    const digests = new PieceDigests()
    return async (request: FastifyRequest, reply: FastifyReply): Promise<Uint8Array | undefined> => {
        const { digest } = request.params as { digest: string }
        const { offset, length } = request.query as { offset: number; length?: number }
        const bytes = await blobs.get(digest)
        if (bytes === undefined) throw new Problem("HOV_API_BLOB_UNKNOWN", `there is no blob ${digest}`)
        const end = length === undefined ? bytes.length : offset + length
        if (offset >= bytes.length || end > bytes.length)
            throw new Problem(
                "HOV_API_RANGE",
                `bytes ${offset} to ${end} of a blob of ${bytes.length} bytes were asked for`,
            )
        const etag = `"${digest}"`
        reply.header("cache-control", "public, max-age=31536000, immutable").header("etag", etag).header("accept-ranges", "bytes")
        const { range: header, "if-range": same = etag, "if-none-match": known = "" } = request.headers
        if (known.split(/\s*,\s*/).some(tag => tag === etag || tag === `W/${etag}`)) {
            reply.code(304).send()
            return undefined
        }
        const isWhole = offset === 0 && length === undefined
        const range = isWhole && same === etag ? parseRange(header, bytes.length) : null
        if (range === undefined) {
            reply.header("content-range", `bytes */${bytes.length}`).removeHeader("cache-control")
            throw new Problem("HOV_API_RANGE", `${header} of a blob of ${bytes.length} bytes were asked for`)
        }
        if (range !== null) reply.code(206).header("content-range", `bytes ${range.from}-${range.end - 1}/${bytes.length}`)
        const piece = range === null ? bytes.subarray(offset, end) : bytes.subarray(range.from, range.end)
        reply
            .type("application/octet-stream")
            // a board checks what it got of a download before it writes it to flash
            .header("chunk-digest", digests.of(bytes, piece))
        return piece
    }
}
