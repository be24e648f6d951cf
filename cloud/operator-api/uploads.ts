/** What is uploaded for a release: artifacts, the base that it is, maps for diagnostics. */
import type { Artifact } from "../../toolchain/format/artifact.ts"
import { ArtifactError, parseArtifact } from "../../toolchain/format/artifact.ts"
import { BaseBundleFileError, readBaseBundleHead } from "../../toolchain/format/base-bundle-file.ts"
import { checkColdImage, ColdImageError, parseColdImage } from "../../toolchain/format/cold-image.ts"
import { ImageMapError, readImageMap } from "../../toolchain/format/image-map.ts"
import { ManifestError } from "../../toolchain/format/manifest.ts"
import { BASE_ID_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { ArtifactRow, BaseRow, MapRow, ReleaseRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import { allowsDowngrade } from "../store/views.ts"
import { Type } from "@sinclair/typebox"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findOwnRelease } from "./find-release.ts"
import { artifactDocument, baseDocument, mapDocument } from "./release-document.ts"
import { ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ release: ReleaseRef })

export async function uploadRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, blobs, now } = context
    // The body of an upload is kept as it came.
    app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) => done(null, body))

    const upload = route(context, "publish", "releases", "Upload an artifact file (.hoa) for one base")
    app.post("/releases/:release/artifacts", {
        onRequest: upload.onRequest,
        bodyLimit: LIMITS.artifactBodyBytes,
        schema: { ...upload.doc, params: Params, consumes: ["application/octet-stream"] },
        handler: async (request, reply) => {
            const release = await findOwnRelease(store.read, request.params.release)
            const artifact = readArtifact(bytesOf(request.body), release)
            const { manifest } = artifact
            if (manifest.cold) refused(() => checkColdImage(parseColdImage(artifact.image), manifest.baseId, manifest.productId))
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
            const outcome = await store.write(async repos => {
                const outcome = await addArtifact(repos, row)
                if (outcome === "same") return outcome
                await audit(repos, request.principal, nowMs, `artifact.${outcome}`, release.id, { base: row.baseId, image: row.imageDigest })
                repos.events.note("artifact.added", null, nowMs, { release: release.id, base: row.baseId })
                return outcome
            })
            reply.code(outcome === "same" ? 200 : 201)
            return artifactDocument(row, outcome === "permission")
        },
    })

    const addBase = route(context, "publish", "releases", "Upload the base that this release is: the bundle base.json")
    app.post("/releases/:release/bases", {
        onRequest: addBase.onRequest,
        bodyLimit: LIMITS.bundleBodyBytes,
        schema: { ...addBase.doc, params: Params, consumes: ["application/octet-stream"] },
        handler: async (request, reply) => {
            const release = await findOwnRelease(store.read, request.params.release)
            const body = bytesOf(request.body)
            const head = refused(() => readBaseBundleHead(body.toString()))
            requireVersion(head.version, release)
            const nowMs = now()
            const row: BaseRow = {
                baseId: head.baseId,
                releaseId: release.id,
                toolchain: head.toolchain,
                bundleDigest: await blobs.put(body),
                bundleSizeBytes: body.length,
                linkedDigest: head.linkedSha256,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            const added = await store.write(async repos => {
                const before = await repos.releases.base(row.baseId)
                if (before !== undefined) {
                    if (before.releaseId === row.releaseId && before.linkedDigest === row.linkedDigest) return false
                    throw new Problem("HOV_API_ARTIFACT_EXISTS", `base ${row.baseId} is release ${before.releaseId} already`)
                }
                await repos.releases.insertBase(row)
                await audit(repos, request.principal, nowMs, "base.add", release.id, { base: row.baseId })
                repos.events.note("artifact.added", null, nowMs, { release: release.id, base: row.baseId })
                return true
            })
            reply.code(added ? 201 : 200)
            return baseDocument(row)
        },
    })

    const getBase = route(context, "publish", "releases", "Fetch a base's bundle, to build updates against it")
    app.get("/bases/:base", {
        onRequest: getBase.onRequest,
        schema: { ...getBase.doc, params: strict({ base: Type.String({ pattern: BASE_ID_PATTERN }) }) },
        handler: async (request, reply) => {
            const base = await store.read.releases.base(request.params.base)
            const bytes = base === undefined ? undefined : await blobs.get(base.bundleDigest)
            if (bytes === undefined) throw new Problem("HOV_API_BLOB_UNKNOWN", `there is no base ${request.params.base}`)
            reply.type("application/json").header("etag", `"${base?.bundleDigest}"`)
            return Buffer.from(bytes)
        },
    })

    const addMap = route(context, "publish", "releases", "Upload the map of an image (.map.json): diagnostics then have names and lines")
    app.post("/releases/:release/maps", {
        onRequest: addMap.onRequest,
        bodyLimit: LIMITS.mapBodyBytes,
        schema: { ...addMap.doc, params: Params, consumes: ["application/octet-stream"] },
        handler: async (request, reply) => {
            const release = await findOwnRelease(store.read, request.params.release)
            const body = bytesOf(request.body)
            const map = refused(() => readImageMap(body.toString()))
            requireVersion(map.version, release)
            const nowMs = now()
            const row: MapRow = {
                imageDigest: map.imageDigest,
                releaseId: release.id,
                baseId: map.baseId,
                blobDigest: await blobs.put(body),
                sizeBytes: body.length,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            const added = await store.write(async repos => {
                const artifact = await repos.releases.artifact(release.id, map.baseId)
                if (artifact?.imageDigest !== map.imageDigest)
                    throw new Problem("HOV_API_ARTIFACT_BAD", `release ${release.id} has no image ${map.imageDigest.slice(0, 8)} for base ${map.baseId}: upload its artifact first`)
                const before = await repos.releases.map(row.imageDigest)
                if (before !== undefined) {
                    if (before.blobDigest === row.blobDigest) return false
                    throw new Problem("HOV_API_ARTIFACT_EXISTS", `image ${row.imageDigest.slice(0, 8)} has another map`)
                }
                await repos.releases.insertMap(row)
                await audit(repos, request.principal, nowMs, "map.add", release.id, { base: row.baseId, image: row.imageDigest })
                return true
            })
            reply.code(added ? 201 : 200)
            return mapDocument(row)
        },
    })
}

/**
 * A release has one image for a base. The same image, signed again with leave to go back to it,
 * is a permission beside it; the same upload again (a lost answer) is no error.
 */
async function addArtifact(repos: Repos, row: ArtifactRow): Promise<"add" | "permission" | "same"> {
    const before = await repos.releases.artifact(row.releaseId, row.baseId)
    if (before === undefined) {
        await repos.releases.insertArtifact(row)
        return "add"
    }
    if (before.manifest === row.manifest && before.signatureDigest === row.signatureDigest) return "same"
    const sameImage = before.imageDigest === row.imageDigest && Number(before.sequence) === Number(row.sequence)
    if (!sameImage || !allowsDowngrade(row.manifest) || allowsDowngrade(before.manifest))
        throw new Problem("HOV_API_ARTIFACT_EXISTS", `release ${row.releaseId} has image ${before.imageDigest} for base ${row.baseId}`)
    if ((await repos.releases.permission(row.releaseId, row.baseId)) !== undefined) return "same"
    const { releaseId, baseId, manifest, signatureDigest, signatureSizeBytes, createdAtMs, createdBy } = row
    await repos.releases.insertPermission({ releaseId, baseId, manifest, signatureDigest, signatureSizeBytes, createdAtMs, createdBy })
    return "permission"
}

/** @throws Problem HOV_API_MEDIA_TYPE */
function bytesOf(body: unknown): Buffer {
    if (!Buffer.isBuffer(body)) throw new Problem("HOV_API_MEDIA_TYPE", "send the file as application/octet-stream")
    return body
}

/** @throws Problem HOV_API_ARTIFACT_BAD with the code of what is wrong with the file */
function refused<T>(read: () => T): T {
    try {
        return read()
    } catch (error) {
        if (error instanceof ArtifactError || error instanceof ManifestError || error instanceof ImageMapError || error instanceof BaseBundleFileError || error instanceof ColdImageError)
            throw new Problem("HOV_API_ARTIFACT_BAD", `${error.code}: ${error.message}`)
        throw error
    }
}

/** @throws Problem HOV_API_ARTIFACT_VERSION */
function requireVersion(version: string, release: ReleaseRow): void {
    if (version !== release.version) throw new Problem("HOV_API_ARTIFACT_VERSION", `the file says version ${version}, the release is ${release.id}`)
}

/** @throws Problem HOV_API_ARTIFACT_BAD, HOV_API_ARTIFACT_VERSION */
function readArtifact(body: Buffer, release: ReleaseRow): Artifact {
    const artifact = refused(() => parseArtifact(body))
    requireVersion(artifact.manifest.version, release)
    return artifact
}
