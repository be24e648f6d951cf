import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** Devices, tokens, desired and actual, releases, commands, history, events, audit. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const serial = dialect === "sqlite" ? sql`integer primary key autoincrement` : sql`bigserial primary key`
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`

    await db.schema
        .createTable("devices")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("app", "text")
        .addColumn("attributes", "text", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()

    await db.schema
        .createTable("tokens")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("hash", "text", col => col.notNull().unique())
        .addColumn("role", "text", col => col.notNull())
        .addColumn("name", "text", col => col.notNull())
        .addColumn("deviceId", "text", col => col.references("devices.id").onDelete("cascade"))
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addColumn("revokedAtMs", bigint)
        .execute()
    await db.schema.createIndex("tokensByDevice").on("tokens").column("deviceId").execute()

    await db.schema
        .createTable("actual")
        .addColumn("deviceId", "text", col => col.primaryKey().references("devices.id").onDelete("cascade"))
        .addColumn("version", "text", col => col.notNull())
        .addColumn("sequence", bigint, col => col.notNull())
        .addColumn("baseId", "text", col => col.notNull())
        .addColumn("bank", "text", col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("bootCount", bigint)
        .addColumn("channel", "text")
        .addColumn("uptimeMs", bigint)
        .addColumn("reportedAtMs", bigint, col => col.notNull())
        .addColumn("changedAtMs", bigint, col => col.notNull())
        .execute()

    await db.schema
        .createTable("releases")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("app", "text", col => col.notNull())
        .addColumn("version", "text", col => col.notNull())
        .addColumn("notes", "text", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
    await db.schema.createIndex("releasesByVersion").on("releases").column("version").execute()

    await db.schema
        .createTable("artifacts")
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("baseId", "text", col => col.notNull())
        .addColumn("sequence", bigint, col => col.notNull())
        .addColumn("productId", bigint, col => col.notNull())
        .addColumn("cold", "integer", col => col.notNull())
        .addColumn("manifest", "text", col => col.notNull())
        .addColumn("imageDigest", "text", col => col.notNull())
        .addColumn("imageSizeBytes", "integer", col => col.notNull())
        .addColumn("signatureDigest", "text", col => col.notNull())
        .addColumn("signatureSizeBytes", "integer", col => col.notNull())
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addPrimaryKeyConstraint("artifactsKey", ["releaseId", "baseId"])
        .execute()

    await db.schema
        .createTable("desired")
        .addColumn("deviceId", "text", col => col.primaryKey().references("devices.id").onDelete("cascade"))
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id"))
        .addColumn("generation", bigint, col => col.notNull())
        .addColumn("rolloutId", "text")
        .addColumn("setBy", "text", col => col.notNull())
        .addColumn("setAtMs", bigint, col => col.notNull())
        .addColumn("retryAtMs", bigint)
        .execute()
    await sql`create index "desiredRetry" on "desired" ("retryAtMs") where "retryAtMs" is not null`.execute(db)

    await db.schema
        .createTable("commands")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addColumn("kind", "text", col => col.notNull())
        .addColumn("releaseId", "text")
        .addColumn("baseId", "text")
        .addColumn("generation", bigint, col => col.notNull())
        .addColumn("attempt", "integer", col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("rolloutId", "text")
        .addColumn("queuedAtMs", bigint, col => col.notNull())
        .addColumn("deliveredAtMs", bigint)
        .addColumn("deliveries", "integer", col => col.notNull())
        .addColumn("ackedAtMs", bigint)
        .addColumn("deadlineAtMs", bigint)
        .addColumn("cancelAtMs", bigint)
        .addColumn("finishedAtMs", bigint)
        .addColumn("doneBytes", "integer")
        .addColumn("ofBytes", "integer")
        .addColumn("code", "text")
        .addColumn("diagnostics", "text")
        .execute()
    // The database itself keeps the law "never granted twice": one open command per device,
    // and one command per ask and attempt, however many controllers try.
    await sql`create unique index "commandsOpen" on "commands" ("deviceId") where "finishedAtMs" is null`.execute(db)
    await sql`create unique index "commandsGrant" on "commands" ("deviceId", "generation", "attempt") where "kind" = 'update'`.execute(db)
    await db.schema.createIndex("commandsByDevice").on("commands").columns(["deviceId", "queuedAtMs"]).execute()
    await sql`create index "commandsDeadline" on "commands" ("deadlineAtMs") where "finishedAtMs" is null`.execute(db)
    await sql`create index "commandsRollout" on "commands" ("rolloutId", "state") where "rolloutId" is not null`.execute(db)

    await db.schema
        .createTable("statuses")
        .addColumn("seq", serial)
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addColumn("commandId", "text")
        .addColumn("atMs", bigint, col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("version", "text")
        .addColumn("sequence", bigint)
        .addColumn("bank", "text")
        .addColumn("doneBytes", "integer")
        .addColumn("ofBytes", "integer")
        .addColumn("code", "text")
        .addColumn("diagnostics", "text")
        .execute()
    await db.schema.createIndex("statusesByDevice").on("statuses").columns(["deviceId", "seq"]).execute()

    await db.schema
        .createTable("blocks")
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id").onDelete("cascade"))
        .addColumn("reason", "text", col => col.notNull())
        .addColumn("commandId", "text", col => col.notNull())
        .addColumn("atMs", bigint, col => col.notNull())
        .addPrimaryKeyConstraint("blocksKey", ["deviceId", "releaseId"])
        .execute()

    await db.schema
        .createTable("events")
        .addColumn("seq", serial)
        .addColumn("type", "text", col => col.notNull())
        .addColumn("deviceId", "text")
        .addColumn("atMs", bigint, col => col.notNull())
        .addColumn("data", "text", col => col.notNull())
        .execute()

    await db.schema
        .createTable("audit")
        .addColumn("seq", serial)
        .addColumn("atMs", bigint, col => col.notNull())
        .addColumn("actor", "text", col => col.notNull())
        .addColumn("role", "text", col => col.notNull())
        .addColumn("action", "text", col => col.notNull())
        .addColumn("subject", "text", col => col.notNull())
        .addColumn("detail", "text", col => col.notNull())
        .execute()
}
