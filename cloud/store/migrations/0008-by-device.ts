import type { Kysely } from "kysely"

/** A device's places in groups and rollouts are found by the device: when it is removed, or moves to another server. */
export async function up(db: Kysely<unknown>): Promise<void> {
    await db.schema.createIndex("groupMembersByDevice").on("groupMembers").column("deviceId").execute()
    await db.schema.createIndex("rolloutDevicesByDevice").on("rolloutDevices").column("deviceId").execute()
}
