import type { Insertable, Kysely } from "kysely"
import type { Schema, StatementRow, StatementsTable } from "./schema.ts"

/** Revocations and freshness, as the signer made them. */
export class StatementRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    /** False when it is there already. */
    async insert(row: Insertable<StatementsTable>): Promise<boolean> {
        const found = await this.#db.selectFrom("statements").select("id").where("manifest", "=", row.manifest).executeTakeFirst()
        if (found !== undefined) return false
        await this.#db.insertInto("statements").values(row).execute()
        return true
    }

    async list(): Promise<StatementRow[]> {
        return this.#db.selectFrom("statements").selectAll().orderBy("id").execute()
    }
}
