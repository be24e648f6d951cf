import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** Groups of devices, rollouts and the place of each device in them. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    const bigint = dialect === "sqlite" ? sql`integer` : sql`bigint`

    await db.schema
        .createTable("groups")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("filter", "text")
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .execute()
    await db.schema
        .createTable("groupMembers")
        .addColumn("groupId", "text", col => col.notNull().references("groups.id").onDelete("cascade"))
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addPrimaryKeyConstraint("groupMembersKey", ["groupId", "deviceId"])
        .execute()

    await db.schema
        .createTable("rollouts")
        .addColumn("id", "text", col => col.primaryKey())
        .addColumn("name", "text", col => col.notNull())
        .addColumn("releaseId", "text", col => col.notNull().references("releases.id"))
        .addColumn("seed", "text", col => col.notNull())
        .addColumn("groupId", "text")
        .addColumn("filter", "text")
        .addColumn("plan", "text", col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("why", "text", col => col.notNull())
        .addColumn("phase", "integer", col => col.notNull())
        .addColumn("reachedAtMs", bigint)
        .addColumn("released", "integer", col => col.notNull())
        .addColumn("enrolledAtMs", bigint)
        .addColumn("createdAtMs", bigint, col => col.notNull())
        .addColumn("createdBy", "text", col => col.notNull())
        .addColumn("changedAtMs", bigint, col => col.notNull())
        .execute()
    await db.schema.createIndex("rolloutsByState").on("rollouts").column("state").execute()

    await db.schema
        .createTable("rolloutDevices")
        .addColumn("rolloutId", "text", col => col.notNull().references("rollouts.id").onDelete("cascade"))
        .addColumn("deviceId", "text", col => col.notNull().references("devices.id").onDelete("cascade"))
        .addColumn("bucket", bigint, col => col.notNull())
        .addColumn("state", "text", col => col.notNull())
        .addColumn("why", "text")
        .addColumn("phase", "integer")
        .addColumn("previousReleaseId", "text")
        .addColumn("previousVersion", "text")
        .addColumn("grantedAtMs", bigint)
        .addColumn("finishedAtMs", bigint)
        .addPrimaryKeyConstraint("rolloutDevicesKey", ["rolloutId", "deviceId"])
        .execute()
    await db.schema.createIndex("rolloutDevicesQueue").on("rolloutDevices").columns(["rolloutId", "state", "bucket"]).execute()
    await sql`create index "rolloutDevicesGranted" on "rolloutDevices" ("rolloutId", "grantedAtMs") where "grantedAtMs" is not null`.execute(db)
}
