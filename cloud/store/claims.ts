import type { Insertable, Kysely } from "kysely"
import type { ClaimRow, ClaimsTable, Schema } from "./schema.ts"

/** One-time codes that a device becomes a device with. */
export class ClaimRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<ClaimsTable>): Promise<void> {
        await this.#db.insertInto("claims").values(row).execute()
    }

    /** Uses a code up: its row when it still counted, and only once. */
    async use(hash: string, deviceId: string, atMs: number): Promise<ClaimRow | undefined> {
        return this.#db
            .updateTable("claims")
            .set({ usedAtMs: atMs, usedBy: deviceId })
            .where("hash", "=", hash)
            .where("usedAtMs", "is", null)
            .where("expiresAtMs", ">", atMs)
            .returningAll()
            .executeTakeFirst()
    }
}
