/** `GET /v1/blobs/{sha256}?offset&length`: bytes by their digest, cacheable for ever. */
import { createHash } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import { Problem } from "../problems.ts"
import type { BlobStore } from "../store/blobs.ts"

export function blobHandler(blobs: BlobStore) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<Uint8Array> => {
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
        const piece = bytes.subarray(offset, end)
        reply
            .type("application/octet-stream")
            // a board checks what it got of a download before it writes it to flash
            .header("chunk-digest", createHash("sha256").update(piece).digest("hex").slice(0, 16))
            .header("cache-control", "public, max-age=31536000, immutable")
            .header("etag", `"${digest}"`)
        return piece
    }
}
