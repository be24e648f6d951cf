import type { Insertable, Kysely } from "kysely"
import type { FilterFields } from "../groups/filter.ts"
import type { GroupRow, GroupsTable, Schema } from "./schema.ts"

const ROWS_PER_INSERT = 200

export class GroupRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<GroupsTable>): Promise<void> {
        await this.#db.insertInto("groups").values(row).execute()
    }

    async get(id: string): Promise<GroupRow | undefined> {
        return this.#db.selectFrom("groups").selectAll().where("id", "=", id).executeTakeFirst()
    }

    async list(after: string | null, limit: number): Promise<GroupRow[]> {
        let query = this.#db.selectFrom("groups").selectAll().orderBy("id").limit(limit)
        if (after !== null) query = query.where("id", ">", after)
        return query.execute()
    }

    async setFilter(id: string, filter: string | null): Promise<void> {
        await this.#db.updateTable("groups").set({ filter }).where("id", "=", id).execute()
    }

    async remove(id: string): Promise<void> {
        await this.#db.deleteFrom("groups").where("id", "=", id).execute()
    }

    async setMembers(groupId: string, deviceIds: readonly string[]): Promise<void> {
        await this.#db.deleteFrom("groupMembers").where("groupId", "=", groupId).execute()
        for (let from = 0; from < deviceIds.length; from += ROWS_PER_INSERT)
            await this.#db
                .insertInto("groupMembers")
                .values(deviceIds.slice(from, from + ROWS_PER_INSERT).map(deviceId => ({ groupId, deviceId })))
                .execute()
    }

    /** Ids of these that no device has. */
    async unknownDevices(deviceIds: readonly string[]): Promise<string[]> {
        const unknown: string[] = []
        for (let from = 0; from < deviceIds.length; from += ROWS_PER_INSERT) {
            const part = deviceIds.slice(from, from + ROWS_PER_INSERT)
            const rows = await this.#db.selectFrom("devices").select("id").where("id", "in", part).execute()
            const known = new Set(rows.map(row => row.id))
            unknown.push(...part.filter(id => !known.has(id)))
        }
        return unknown
    }

    /**
     * One page of what filters look at, in the order of ids: of all devices, or of the
     * members of a list.
     */
    async candidates(groupId: string | null, after: string | null, limit: number): Promise<FilterFields[]> {
        let query = this.#db
            .selectFrom("devices")
            .leftJoin("actual", "actual.deviceId", "devices.id")
            .select([
                "devices.id",
                "devices.app",
                "devices.attributes",
                "actual.version",
                "actual.baseId as base",
                "actual.channel",
                "actual.state",
            ])
            .orderBy("devices.id")
            .limit(limit)
        if (groupId !== null)
            query = query
                .innerJoin("groupMembers", "groupMembers.deviceId", "devices.id")
                .where("groupMembers.groupId", "=", groupId)
        if (after !== null) query = query.where("devices.id", ">", after)
        const rows = await query.execute()
        return rows.map(row => ({ ...row, attributes: JSON.parse(row.attributes) }))
    }
}
