import type { Insertable, Kysely } from "kysely"
import type { ArtifactRow, ArtifactsTable, ReleaseRow, ReleasesTable, Schema } from "./schema.ts"

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
        let query = this.#db.selectFrom("releases").selectAll().orderBy("id").limit(options.limit)
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
}
