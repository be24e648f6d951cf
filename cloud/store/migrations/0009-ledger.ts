import type { Kysely } from "kysely"

/** What still runs old code on a device after an update, as it last reported: JSON, or null when nothing does. */
export async function up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable("actual").addColumn("ledger", "text").execute()
}
