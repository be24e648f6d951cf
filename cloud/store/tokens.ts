import type { Insertable, Kysely } from "kysely"
import { prepared } from "./prepared.ts"
import type { Schema, TokenRow, TokensTable } from "./schema.ts"

export class TokenRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<TokensTable>): Promise<void> {
        await this.#db.insertInto("tokens").values(row).execute()
    }

    /** A token that still counts. */
    async findByHash(hash: string): Promise<TokenRow | undefined> {
        return (await prepared(this.#db, "tokens.byHash", [hash], (hash: string) => this.#db.selectFrom("tokens").selectAll().where("hash", "=", hash).where("revokedAtMs", "is", null)))[0]
    }

    async pendingOf(deviceId: string): Promise<TokenRow | undefined> {
        return this.#db
            .selectFrom("tokens")
            .selectAll()
            .where("deviceId", "=", deviceId)
            .where("pending", "=", 1)
            .where("revokedAtMs", "is", null)
            .executeTakeFirst()
    }

    /** The first use of a device's new token: it stays, the others end. Returns their hashes. */
    async promote(row: { id: string; deviceId: string }, atMs: number): Promise<string[]> {
        await this.#db.updateTable("tokens").set({ pending: 0 }).where("id", "=", row.id).execute()
        const ended = await this.#db
            .updateTable("tokens")
            .set({ revokedAtMs: atMs })
            .where("deviceId", "=", row.deviceId)
            .where("id", "!=", row.id)
            .where("revokedAtMs", "is", null)
            .returning("hash")
            .execute()
        return ended.map(({ hash }) => hash)
    }

    /** Also finds one that was revoked: its value is never given out again. */
    async hashExists(hash: string): Promise<boolean> {
        const row = await this.#db.selectFrom("tokens").select("id").where("hash", "=", hash).executeTakeFirst()
        return row !== undefined
    }

    /** Tokens of people and programs; devices' are listed with the device. */
    async list(options: { after: string | null; limit: number }): Promise<TokenRow[]> {
        let query = this.#db
            .selectFrom("tokens")
            .selectAll()
            .where("role", "!=", "device")
            .orderBy("id")
            .limit(options.limit)
        if (options.after !== null) query = query.where("id", ">", options.after)
        return query.execute()
    }

    async get(id: string): Promise<TokenRow | undefined> {
        return this.#db.selectFrom("tokens").selectAll().where("id", "=", id).executeTakeFirst()
    }

    /** Returns the revoked tokens' hashes. */
    async revoke(where: { id: string } | { deviceId: string }, atMs: number): Promise<string[]> {
        let query = this.#db
            .updateTable("tokens")
            .set({ revokedAtMs: atMs })
            .where("revokedAtMs", "is", null)
            .returning("hash")
        query = "id" in where ? query.where("id", "=", where.id) : query.where("deviceId", "=", where.deviceId)
        return (await query.execute()).map(row => row.hash)
    }
}
