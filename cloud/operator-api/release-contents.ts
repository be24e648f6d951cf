/** What is in a release's images: functions, bytes, signatures; and why a base has none. */
import { Type } from "@sinclair/typebox"
import { functionSizeBytes } from "../../toolchain/format/image.ts"
import type { ImageMap } from "../../toolchain/format/image-map.ts"
import { ImageMapError, readImageMap } from "../../toolchain/format/image-map.ts"
import { ImageError, readImage } from "../../toolchain/format/image-reader.ts"
import { parseManifest } from "../../toolchain/format/manifest.ts"
import { readSignatureInfo } from "../../toolchain/format/signature-info.ts"
import { BASE_ID_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { ArtifactRow, RefusalRow } from "../store/schema.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findOwnRelease, findRelease } from "./find-release.ts"
import type { ArtifactDocument, ImageContents, ImageDocument, RefusalDocument, RefusalReason, ReleaseContents } from "./documents.ts"
import { artifactDocument } from "./release-document.ts"
import { iso, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ release: ReleaseRef })
const Text = (maxLength: number) => Type.String({ maxLength })
const Reason = strict({
    code: Type.String({ pattern: "^[A-Z][A-Z0-9_]{1,39}$", description: "e.g. HOV114" }),
    functionName: Text(200),
    location: Text(300),
    detail: Text(1_000),
    fix: Text(1_000),
})

export async function releaseContentsRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, blobs, now } = context

    const look = route(context, "read", "releases", "What is in a release's images: functions, bytes, signatures, refusals, and how many devices have each base")
    app.get("/releases/:release/contents", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: async (request): Promise<ReleaseContents> => {
            const release = await findRelease(store.read, request.params.release)
            const artifacts = await store.read.releases.artifacts([release.id])
            const permitted = new Set((await store.read.releases.permissions([release.id])).map(({ baseId }) => baseId))
            const maps = new Map((await store.read.releases.maps([release.id])).map(map => [map.imageDigest, map.blobDigest]))
            const devices = new Map<string, number>()
            for (const count of await store.read.fleet.counts()) devices.set(count.baseId, (devices.get(count.baseId) ?? 0) + count.devices)
            const images: ImageDocument[] = []
            for (const artifact of artifacts)
                images.push({
                    ...artifactDocument(artifact, permitted.has(artifact.baseId)),
                    ...(await contentsOf(blobs, artifact, maps.get(artifact.imageDigest))),
                    devices: devices.get(artifact.baseId) ?? 0,
                })
            const served = new Set(artifacts.map(({ baseId }) => baseId))
            const refusals = (await store.read.releases.refusals([release.id])).filter(({ baseId }) => !served.has(baseId))
            const bases = await store.read.releases.bases([release.id])
            for (const { baseId } of bases) served.add(baseId)
            return {
                release: release.id,
                images,
                refusals: refusals.map(row => ({ ...refusalDocument(row), devices: devices.get(row.baseId) ?? 0 })),
                without: release.kind === "base" ? [] : [...devices].filter(([base]) => !served.has(base)).map(([base, count]) => ({ base, devices: count })),
            }
        },
    })

    const refuse = route(context, "publish", "releases", "Say why a release has no image for a base: what the builder refused")
    app.post("/releases/:release/refusals", {
        onRequest: refuse.onRequest,
        schema: {
            ...refuse.doc,
            params: Params,
            body: strict({
                base: Type.String({ pattern: BASE_ID_PATTERN }),
                reasons: Type.Array(Reason, { minItems: 1, maxItems: LIMITS.refusalsPerBase }),
            }),
        },
        handler: async (request, reply) => {
            const nowMs = now()
            const { base, reasons } = request.body
            const row = await store.write(async repos => {
                const release = await findOwnRelease(repos, request.params.release)
                if ((await repos.releases.artifact(release.id, base)) !== undefined)
                    throw new Problem("HOV_API_ARTIFACT_EXISTS", `release ${release.id} has an image for base ${base}`)
                const made: RefusalRow = { releaseId: release.id, baseId: base, reasons: JSON.stringify(reasons), createdAtMs: nowMs, createdBy: request.principal.name }
                await repos.releases.putRefusal(made)
                await audit(repos, request.principal, nowMs, "release.refused", release.id, { base, codes: [...new Set(reasons.map(({ code }) => code))] })
                return made
            })
            reply.code(201)
            return refusalDocument(row)
        },
    })
}

function refusalDocument(row: RefusalRow): RefusalDocument {
    return { base: row.baseId, reasons: JSON.parse(row.reasons) as RefusalReason[], createdAt: iso(row.createdAtMs), createdBy: row.createdBy }
}

async function contentsOf(blobs: BlobStore, artifact: ArtifactRow, mapDigest: string | undefined): Promise<Omit<ImageDocument, keyof ArtifactDocument | "devices">> {
    const signature = await blobs.get(artifact.signatureDigest)
    const image = await blobs.get(artifact.imageDigest)
    const map = mapDigest === undefined ? undefined : readMap(await blobs.get(mapDigest))
    const notAfterUnixS = artifact.manifest === "" ? 0 : parseManifest(Buffer.from(artifact.manifest, "hex")).notAfterUnixS
    return {
        notAfter: notAfterUnixS === 0 ? null : iso(notAfterUnixS * 1000),
        signedWith: artifact.manifest === "" || signature === undefined ? null : (readSignatureInfo(signature) ?? null),
        contents: image === undefined || artifact.manifest === "" || artifact.cold === 1 ? null : describeImage(image, map),
        hasMap: map !== undefined,
    }
}

function describeImage(bytes: Uint8Array, map: ImageMap | undefined): ImageContents | null {
    try {
        const image = readImage(bytes)
        const functions = image.functions.map((f, index): ImageContents["functions"][number] => {
            const mapped = map?.functions[index]
            const line = mapped?.lines[0]
            return {
                name: mapped?.name ?? ("host" in f.target ? `function ${f.target.host}` : `added ${f.target.added}`),
                location: line === undefined ? null : `${map?.paths[line[1]]}:${line[2]}`,
                change: "host" in f.target ? "replaced" : "added",
                bytes: functionSizeBytes(f),
                onFault: f.policy,
            }
        })
        const code = functions.reduce((sum, f) => sum + f.bytes, 0)
        return { functions, codeBytes: code, restBytes: bytes.length - code, strings: image.strings.length, buffers: image.buffers.length, newGlobals: image.cells, migrations: image.rules.length }
    } catch (error) {
        if (error instanceof ImageError) return null
        throw error
    }
}

function readMap(bytes: Uint8Array | undefined): ImageMap | undefined {
    try {
        return bytes === undefined ? undefined : readImageMap(Buffer.from(bytes).toString())
    } catch (error) {
        if (error instanceof ImageMapError) return undefined
        throw error
    }
}
