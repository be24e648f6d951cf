/** A release with all that was uploaded for it. */
import type { ArtifactRow, BaseRow, MapRow, PermissionRow, ReleaseRow } from "../store/schema.ts"
import { allowsDowngrade } from "../store/views.ts"
import type { ArtifactDocument, BaseDocument, MapDocument, ReleaseDocument } from "./documents.ts"
import { iso } from "./schemas.ts"

export interface ReleaseParts {
    readonly artifacts: readonly ArtifactRow[]
    readonly permissions: readonly PermissionRow[]
    readonly bases: readonly BaseRow[]
    readonly maps: readonly MapRow[]
}

/** `parts` may be those of several releases. */
export function releaseDocument(release: ReleaseRow, parts: ReleaseParts): ReleaseDocument {
    const own = <T extends { releaseId: string }>(rows: readonly T[]): T[] => rows.filter(row => row.releaseId === release.id)
    const permitted = new Set(own(parts.permissions).map(permission => permission.baseId))
    return {
        id: release.id,
        app: release.app,
        version: release.version,
        notes: release.notes,
        createdAt: iso(release.createdAtMs),
        createdBy: release.createdBy,
        artifacts: own(parts.artifacts).map(artifact => artifactDocument(artifact, permitted.has(artifact.baseId))),
        bases: own(parts.bases).map(baseDocument),
        maps: own(parts.maps).map(mapDocument),
    }
}

export function artifactDocument(artifact: ArtifactRow, permitted: boolean): ArtifactDocument {
    return {
        release: artifact.releaseId,
        base: artifact.baseId,
        sequence: Number(artifact.sequence),
        productId: Number(artifact.productId),
        cold: artifact.cold === 1,
        downgradeAllowed: permitted || allowsDowngrade(artifact.manifest),
        image: artifact.imageDigest,
        imageBytes: artifact.imageSizeBytes,
        signature: artifact.signatureDigest,
        signatureBytes: artifact.signatureSizeBytes,
        createdAt: iso(artifact.createdAtMs),
    }
}

export function baseDocument(base: BaseRow): BaseDocument {
    return {
        release: base.releaseId,
        base: base.baseId,
        toolchain: base.toolchain,
        bundleBytes: base.bundleSizeBytes,
        program: base.linkedDigest,
        createdAt: iso(base.createdAtMs),
    }
}

export function mapDocument(map: MapRow): MapDocument {
    return { release: map.releaseId, base: map.baseId, image: map.imageDigest, mapBytes: map.sizeBytes, createdAt: iso(map.createdAtMs) }
}
