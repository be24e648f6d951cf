import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/**
 * The way back: "base" as something that can be wanted, the signer's permissions to go to an
 * earlier sequence, and what a device ran before a rollout. Bases and maps. Experiments.
 */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`
    await db.schema.alterTable("releases").addColumn("kind", "text", col => col.notNull().defaultTo("app")).execute()
    await sql`insert into "releases" ("id", "app", "version", "notes", "createdAtMs", "createdBy", "kind")
        values ('base', '', 'base', 'The base''s own code, which every board has', 0, 'server', 'base')`.execute(db)
    await sql`create unique index "commandsOnce" on "commands" ("deviceId", "generation", "attempt") where "kind" in ('update', 'revert')`.execute(db)
    await db.schema.alterTable("commands").addColumn("downgrade", "integer", col => col.notNull().defaultTo(0)).execute()
    await db.schema.alterTable("rolloutDevices").addColumn("previousBase", "integer", col => col.notNull().defaultTo(0)).execute()

    await db.schema
        .createTable("permissions")
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("baseId", "text", col => col.notNull())
        .addColumn("manifest", "text", col => col.notNull())
        .addColumn("signatureDigest", "text", col => col.notNull())
        .addColumn("signatureSizeBytes", "integer", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addPrimaryKeyConstraint("permissionsKey", ["releaseId", "baseId"])
        .execute()

    await db.schema
        .createTable("bases")
        .addColumn("baseId", "text", col => col.primaryKey())
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("toolchain", "text", col => col.notNull())
        .addColumn("bundleDigest", "text", col => col.notNull())
        .addColumn("bundleSizeBytes", "integer", col => col.notNull())
        .addColumn("linkedDigest", "text", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
    await db.schema
        .createTable("maps")
        .addColumn("imageDigest", "text", col => col.primaryKey())
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("baseId", "text", col => col.notNull())
        .addColumn("blobDigest", "text", col => col.notNull())
        .addColumn("sizeBytes", "integer", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()

    await db.schema
        .createTable("experiments")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("name", "text", col => col.notNull())
        .addColumn("seed", "text", col => col.notNull())
        /** Share of arm a, 0 … 100. */
        .addColumn("splitPercent", sql`double precision`, col => col.notNull())
        .addColumn("rolloutA", "text", col => col.notNull())
        .addColumn("rolloutB", "text", col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("winner", "text")
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addColumn("endedAtMs", bigint)
        .execute()
    await db.schema.alterTable("rollouts").addColumn("experimentId", "text").execute()
    await db.schema.alterTable("rollouts").addColumn("arm", "text").execute()
}
