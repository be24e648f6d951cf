import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** Webhooks with their place in the log of events. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`
    await db.schema
        .createTable("webhooks")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("url", "text", col => col.notNull())
        .addColumn("types", "text", col => col.notNull())
        .addColumn("secret", "text", col => col.notNull())
        .addColumn("cursor", bigint, col => col.notNull())
        .addColumn("failures", "integer", col => col.notNull())
        .addColumn("retryAtMs", bigint)
        .addColumn("lastError", "text")
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
}
