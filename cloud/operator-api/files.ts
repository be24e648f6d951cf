/** Files of a release for devices that speak DDI: one for each kind of device. */
import { Type } from "@sinclair/typebox"
import { describeFile, FILENAME_PATTERN } from "../ddi/descriptor.ts"
import { KIND_DEFAULT, KIND_PATTERN, kindId } from "../ddi/device-kind.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { ArtifactRow } from "../store/schema.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findOwnRelease } from "./find-release.ts"
import { artifactDocument } from "./release-document.ts"
import { ReleaseRef, strict } from "./schemas.ts"

export async function fileRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, blobs, now } = context
    const upload = route(context, "publish", "releases", "Upload a file for the DDI devices of a kind (.swu, .raucb, any)")
    app.post("/releases/:release/files", {
        onRequest: upload.onRequest,
        bodyLimit: LIMITS.fileBodyBytes,
        schema: {
            ...upload.doc,
            params: strict({ release: ReleaseRef }),
            querystring: strict({
                filename: Type.String({ pattern: FILENAME_PATTERN }),
                kind: Type.String({ pattern: KIND_PATTERN, default: KIND_DEFAULT }),
            }),
            consumes: ["application/octet-stream"],
        },
        handler: async (request, reply) => {
            const release = await findOwnRelease(store.read, request.params.release)
            const body: unknown = request.body
            if (!Buffer.isBuffer(body)) throw new Problem("HOV_API_MEDIA_TYPE", "send the file as application/octet-stream")
            if (body.length === 0) throw new Problem("HOV_API_ARTIFACT_BAD", "the file is empty")
            const { kind, filename } = request.query
            const description = Buffer.from(JSON.stringify(describeFile(kind, filename, body)))
            const nowMs = now()
            // The blobs are on disk before a row names them.
            const row: ArtifactRow = {
                releaseId: release.id,
                baseId: kindId(kind),
                sequence: 0,
                productId: 0,
                cold: 0,
                manifest: "",
                imageDigest: await blobs.put(body),
                imageSizeBytes: body.length,
                signatureDigest: await blobs.put(description),
                signatureSizeBytes: description.length,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            const added = await store.write(async repos => {
                const before = await repos.releases.artifact(row.releaseId, row.baseId)
                if (before !== undefined) {
                    if (before.signatureDigest === row.signatureDigest) return false
                    throw new Problem("HOV_API_ARTIFACT_EXISTS", `release ${row.releaseId} has another file for kind ${kind}`)
                }
                await repos.releases.insertArtifact(row)
                await audit(repos, request.principal, nowMs, "file.add", release.id, { kind, filename, image: row.imageDigest })
                repos.events.note("artifact.added", null, nowMs, { release: release.id, base: row.baseId })
                return true
            })
            reply.code(added ? 201 : 200)
            return { ...artifactDocument(row, false), kind, filename }
        },
    })
}
