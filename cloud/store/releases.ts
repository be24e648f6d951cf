import type { Insertable, Kysely } from "kysely"
import type { ArtifactRow, ArtifactsTable, BaseRow, MapRow, PermissionRow, RefusalRow, ReleaseRow, ReleasesTable, Schema } from "./schema.ts"

export class ReleaseRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<ReleasesTable>): Promise<void> {
        await this.#db.insertInto("releases").values(row).execute()
    }

    async get(id: string): Promise<ReleaseRow | undefined> {
        return this.#db.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst()
    }

    /** Releases of any app with this version; two are enough to know that it is ambiguous. */
    async withVersion(version: string): Promise<ReleaseRow[]> {
        return this.#db.selectFrom("releases").selectAll().where("version", "=", version).limit(2).execute()
    }

    async list(options: { after: string | null; limit: number; app: string | null }): Promise<ReleaseRow[]> {
        let query = this.#db.selectFrom("releases").selectAll().where("kind", "=", "app").orderBy("id").limit(options.limit)
        if (options.after !== null) query = query.where("id", ">", options.after)
        if (options.app !== null) query = query.where("app", "=", options.app)
        return query.execute()
    }

    async insertArtifact(row: Insertable<ArtifactsTable>): Promise<void> {
        await this.#db.insertInto("artifacts").values(row).execute()
    }

    async artifact(releaseId: string, baseId: string): Promise<ArtifactRow | undefined> {
        return this.#db
            .selectFrom("artifacts")
            .selectAll()
            .where("releaseId", "=", releaseId)
            .where("baseId", "=", baseId)
            .executeTakeFirst()
    }

    async artifacts(releaseIds: readonly string[]): Promise<ArtifactRow[]> {
        if (releaseIds.length === 0) return []
        return this.#db
            .selectFrom("artifacts")
            .selectAll()
            .where("releaseId", "in", releaseIds)
            .orderBy("releaseId")
            .orderBy("baseId")
            .execute()
    }

    async permission(releaseId: string, baseId: string): Promise<PermissionRow | undefined> {
        return this.#db
            .selectFrom("permissions")
            .selectAll()
            .where("releaseId", "=", releaseId)
            .where("baseId", "=", baseId)
            .executeTakeFirst()
    }

    async insertPermission(row: PermissionRow): Promise<void> {
        await this.#db.insertInto("permissions").values(row).execute()
    }

    async permissions(releaseIds: readonly string[]): Promise<PermissionRow[]> {
        if (releaseIds.length === 0) return []
        return this.#db.selectFrom("permissions").selectAll().where("releaseId", "in", releaseIds).execute()
    }

    /** What the builder says last counts. */
    async putRefusal(row: RefusalRow): Promise<void> {
        await this.#db
            .insertInto("refusals")
            .values(row)
            .onConflict(conflict => conflict.columns(["releaseId", "baseId"]).doUpdateSet({ reasons: row.reasons, createdAtMs: row.createdAtMs, createdBy: row.createdBy }))
            .execute()
    }

    async refusals(releaseIds: readonly string[]): Promise<RefusalRow[]> {
        if (releaseIds.length === 0) return []
        return this.#db.selectFrom("refusals").selectAll().where("releaseId", "in", releaseIds).orderBy("baseId").execute()
    }

    async base(baseId: string): Promise<BaseRow | undefined> {
        return this.#db.selectFrom("bases").selectAll().where("baseId", "=", baseId).executeTakeFirst()
    }

    async insertBase(row: BaseRow): Promise<void> {
        await this.#db.insertInto("bases").values(row).execute()
    }

    async bases(releaseIds: readonly string[]): Promise<BaseRow[]> {
        if (releaseIds.length === 0) return []
        return this.#db.selectFrom("bases").selectAll().where("releaseId", "in", releaseIds).orderBy("baseId").execute()
    }

    /** The release that a blob belongs to. */
    async ownerOf(digest: string): Promise<string | undefined> {
        const row = await this.#db
            .selectFrom("artifacts")
            .select("releaseId")
            .where(eb => eb.or([eb("imageDigest", "=", digest), eb("signatureDigest", "=", digest)]))
            .unionAll(this.#db.selectFrom("permissions").select("releaseId").where("signatureDigest", "=", digest))
            .unionAll(this.#db.selectFrom("bases").select("releaseId").where("bundleDigest", "=", digest))
            .unionAll(this.#db.selectFrom("maps").select("releaseId").where("blobDigest", "=", digest))
            .limit(1)
            .executeTakeFirst()
        return row?.releaseId
    }

    async map(imageDigest: string): Promise<MapRow | undefined> {
        return this.#db.selectFrom("maps").selectAll().where("imageDigest", "=", imageDigest).executeTakeFirst()
    }

    /** The map of the image whose digest begins with these hex digits, when exactly one does. */
    async mapOf(digestStart: string): Promise<MapRow | undefined> {
        const rows = await this.#db
            .selectFrom("maps")
            .selectAll()
            .where("imageDigest", ">=", digestStart)
            .where("imageDigest", "<", `${digestStart}g`)
            .limit(2)
            .execute()
        return rows.length === 1 ? rows[0] : undefined
    }

    /** Maps of a base's images, the newest first. */
    async mapsOfBase(baseId: string, limit: number): Promise<MapRow[]> {
        return this.#db.selectFrom("maps").selectAll().where("baseId", "=", baseId).orderBy("createdAtMs", "desc").orderBy("imageDigest").limit(limit).execute()
    }

    async insertMap(row: MapRow): Promise<void> {
        await this.#db.insertInto("maps").values(row).execute()
    }

    async maps(releaseIds: readonly string[]): Promise<MapRow[]> {
        if (releaseIds.length === 0) return []
        return this.#db.selectFrom("maps").selectAll().where("releaseId", "in", releaseIds).orderBy("baseId").execute()
    }
}
