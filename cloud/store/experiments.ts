import type { Kysely, Updateable } from "kysely"
import type { ExperimentRow, ExperimentsTable, Schema } from "./schema.ts"

export class ExperimentRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: ExperimentRow): Promise<void> {
        await this.#db.insertInto("experiments").values(row).execute()
    }

    async get(id: string): Promise<ExperimentRow | undefined> {
        return this.#db.selectFrom("experiments").selectAll().where("id", "=", id).executeTakeFirst()
    }

    /** Newest first. */
    async list(before: string | null, limit: number): Promise<ExperimentRow[]> {
        let query = this.#db.selectFrom("experiments").selectAll().orderBy("id", "desc").limit(limit)
        if (before !== null) query = query.where("id", "<", before)
        return query.execute()
    }

    async patch(id: string, patch: Updateable<ExperimentsTable>): Promise<void> {
        await this.#db.updateTable("experiments").set(patch).where("id", "=", id).execute()
    }
}
