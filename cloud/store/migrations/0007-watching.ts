import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** What a person looks at: the fleet's versions over time, why a release has nothing for a base, a board's log. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`
    const serial = dialect === "sqlite" ? sql`integer primary key autoincrement` : sql`bigserial primary key`
    await db.schema
        .createTable("fleetHistory")
        .addColumn("atMs", bigint, col => col.notNull())
        .addColumn("version", "text", col => col.notNull())
        .addColumn("devices", "integer", col => col.notNull())
        .addPrimaryKeyConstraint("fleetHistoryKey", ["atMs", "version"])
        .execute()
    await db.schema
        .createTable("refusals")
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("baseId", "text", col => col.notNull())
        .addColumn("reasons", "text", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addPrimaryKeyConstraint("refusalsKey", ["releaseId", "baseId"])
        .execute()
    await db.schema
        .createTable("logLines")
        .addColumn("seq", serial)
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addColumn("atMs", bigint, col => col.notNull())
        .addColumn("line", "text", col => col.notNull())
        .execute()
    await db.schema.createIndex("logLinesByDevice").on("logLines").columns(["deviceId", "seq"]).execute()
}
