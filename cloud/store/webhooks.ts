import type { Insertable, Kysely, Updateable } from "kysely"
import { prepared } from "./prepared.ts"
import type { Schema, WebhookRow, WebhooksTable } from "./schema.ts"

export class WebhookRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<WebhooksTable>): Promise<void> {
        await this.#db.insertInto("webhooks").values(row).execute()
    }

    async get(id: string): Promise<WebhookRow | undefined> {
        return this.#db.selectFrom("webhooks").selectAll().where("id", "=", id).executeTakeFirst()
    }

    async all(): Promise<WebhookRow[]> {
        return prepared(this.#db, "webhooks.all", [], () => this.#db.selectFrom("webhooks").selectAll().orderBy("id"))
    }

    async patch(id: string, patch: Updateable<WebhooksTable>): Promise<void> {
        await this.#db.updateTable("webhooks").set(patch).where("id", "=", id).execute()
    }

    async remove(id: string): Promise<boolean> {
        const result = await this.#db.deleteFrom("webhooks").where("id", "=", id).executeTakeFirst()
        return result.numDeletedRows > 0n
    }
}
