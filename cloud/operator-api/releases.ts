/** Releases and their artifacts. A release does not change: another image is another version. */
import { Type } from "@sinclair/typebox"
import type { Artifact } from "../../toolchain/format/artifact.ts"
import { ArtifactError, parseArtifact } from "../../toolchain/format/artifact.ts"
import { ManifestError } from "../../toolchain/format/manifest.ts"
import { APP_PATTERN, releaseId, VERSION_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { ArtifactRow, ReleaseRow } from "../store/schema.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { iso, PageQuery, page, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ release: ReleaseRef })

export async function releaseRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, blobs, now } = context
    // The body of an upload is kept as it came.
    app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) => done(null, body))

    const add = route(context, "publish", "releases", "Add a release")
    app.post("/releases", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict({
                app: Type.String({ pattern: APP_PATTERN }),
                version: Type.String({ pattern: VERSION_PATTERN }),
                notes: Type.Optional(Type.String({ maxLength: 4_000 })),
            }),
        },
        handler: async (request, reply) => {
            const { app: appName, version, notes } = request.body
            const id = releaseId(appName, version)
            const nowMs = now()
            const row: ReleaseRow = {
                id,
                app: appName,
                version,
                notes: notes ?? "",
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            await store.write(async repos => {
                if ((await repos.releases.get(id)) !== undefined)
                    throw new Problem("HOV_API_RELEASE_EXISTS", `release ${id} exists already`)
                await repos.releases.insert(row)
                await audit(repos, request.principal, nowMs, "release.create", id)
                repos.events.note("release.created", null, nowMs, { release: id })
            })
            reply.code(201)
            return releaseDocument(row, [])
        },
    })

    const list = route(context, "read", "releases", "List the releases with their artifacts")
    app.get("/releases", {
        onRequest: list.onRequest,
        schema: {
            ...list.doc,
            querystring: strict({
                ...PageQuery.properties,
                app: Type.Optional(Type.String({ pattern: APP_PATTERN })),
            }),
        },
        handler: async request => {
            const { limit, after, app: appName } = request.query
            const rows = await store.read.releases.list({ after: after ?? null, limit, app: appName ?? null })
            const artifacts = await store.read.releases.artifacts(rows.map(row => row.id))
            return page(
                rows.map(row => releaseDocument(row, artifacts.filter(artifact => artifact.releaseId === row.id))),
                limit,
                last => last.id,
            )
        },
    })

    const look = route(context, "read", "releases", "Show a release")
    app.get("/releases/:release", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: async request => {
            const release = await findRelease(store.read, request.params.release)
            return releaseDocument(release, await store.read.releases.artifacts([release.id]))
        },
    })

    const upload = route(context, "publish", "releases", "Upload an artifact file (.hoa) for one base")
    app.post("/releases/:release/artifacts", {
        onRequest: upload.onRequest,
        bodyLimit: LIMITS.artifactBodyBytes,
        schema: { ...upload.doc, params: Params, consumes: ["application/octet-stream"] },
        handler: async (request, reply) => {
            const release = await findRelease(store.read, request.params.release)
            if (!Buffer.isBuffer(request.body))
                throw new Problem("HOV_API_MEDIA_TYPE", "send the file as application/octet-stream")
            const artifact = readArtifact(request.body, release)
            const nowMs = now()
            // The blobs are on disk before a row names them.
            const row: ArtifactRow = {
                releaseId: release.id,
                baseId: artifact.manifest.baseId,
                sequence: artifact.manifest.sequence,
                productId: artifact.manifest.productId,
                cold: artifact.manifest.cold ? 1 : 0,
                manifest: Buffer.from(artifact.manifestBytes).toString("hex"),
                imageDigest: await blobs.put(artifact.image),
                imageSizeBytes: artifact.image.length,
                signatureDigest: await blobs.put(artifact.signature),
                signatureSizeBytes: artifact.signature.length,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            const added = await store.write(async repos => {
                const before = await repos.releases.artifact(release.id, row.baseId)
                if (before !== undefined) {
                    // The same upload again (a lost answer) is no error.
                    if (before.manifest === row.manifest && before.signatureDigest === row.signatureDigest) return false
                    throw new Problem(
                        "HOV_API_ARTIFACT_EXISTS",
                        `release ${release.id} has image ${before.imageDigest} for base ${row.baseId}`,
                    )
                }
                await repos.releases.insertArtifact(row)
                await audit(repos, request.principal, nowMs, "artifact.add", release.id, {
                    base: row.baseId,
                    image: row.imageDigest,
                })
                repos.events.note("artifact.added", null, nowMs, { release: release.id, base: row.baseId })
                return true
            })
            reply.code(added ? 201 : 200)
            return artifactDocument(row)
        },
    })
}

/** @throws Problem HOV_API_ARTIFACT_BAD, HOV_API_ARTIFACT_VERSION */
function readArtifact(body: Buffer, release: ReleaseRow): Artifact {
    let artifact: Artifact
    try {
        artifact = parseArtifact(body)
    } catch (error) {
        if (error instanceof ArtifactError || error instanceof ManifestError)
            throw new Problem("HOV_API_ARTIFACT_BAD", `${error.code}: ${error.message}`)
        throw error
    }
    if (artifact.manifest.version !== release.version)
        throw new Problem(
            "HOV_API_ARTIFACT_VERSION",
            `the manifest says version ${artifact.manifest.version}, the release is ${release.id}`,
        )
    return artifact
}

function releaseDocument(release: ReleaseRow, artifacts: readonly ArtifactRow[]) {
    return {
        id: release.id,
        app: release.app,
        version: release.version,
        notes: release.notes,
        createdAt: iso(release.createdAtMs),
        createdBy: release.createdBy,
        artifacts: artifacts.map(artifactDocument),
    }
}

function artifactDocument(artifact: ArtifactRow) {
    return {
        release: artifact.releaseId,
        base: artifact.baseId,
        sequence: Number(artifact.sequence),
        productId: Number(artifact.productId),
        cold: artifact.cold === 1,
        image: artifact.imageDigest,
        imageBytes: artifact.imageSizeBytes,
        signature: artifact.signatureDigest,
        signatureBytes: artifact.signatureSizeBytes,
        createdAt: iso(artifact.createdAtMs),
    }
}
