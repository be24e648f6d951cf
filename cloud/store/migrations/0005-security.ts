import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** Tokens that end or wait for their first use, keys of devices, claim codes, statements of the signer. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`
    await db.schema.alterTable("tokens").addColumn("expiresAtMs", bigint).execute()
    await db.schema.alterTable("tokens").addColumn("pending", "integer", col => col.notNull().defaultTo(0)).execute()
    await db.schema.alterTable("devices").addColumn("sealKey", "text").execute()
    await db.schema
        .createTable("claims")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("hash", "text", col => col.notNull().unique())
        .addColumn("deviceId", "text")
        .addColumn("app", "text")
        .addColumn("seal", "integer", col => col.notNull())
        .addColumn("expiresAtMs", bigint, col => col.notNull())
        .addColumn("usedAtMs", bigint)
        .addColumn("usedBy", "text")
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
    await db.schema
        .createTable("statements")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("kind", "text", col => col.notNull())
        .addColumn("subject", "text", col => col.notNull())
        .addColumn("issuedAtUnixS", bigint, col => col.notNull())
        .addColumn("manifest", "text", col => col.notNull().unique())
        .addColumn("signatureDigest", "text", col => col.notNull())
        .addColumn("signatureSizeBytes", "integer", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
}
