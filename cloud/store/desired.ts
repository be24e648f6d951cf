import type { Kysely } from "kysely"
import { padded } from "./id-list.ts"
import type { BlockRow, BlocksTable, DesiredRow, Schema } from "./schema.ts"

/** What the cloud wants of each device, and what it must not offer any more. */
export class DesiredRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async get(deviceId: string): Promise<DesiredRow | undefined> {
        return this.#db.selectFrom("desired").selectAll().where("deviceId", "=", deviceId).executeTakeFirst()
    }

    /**
     * Each call is a new ask: it raises the generation. What was asked before a cancellation counts too, or its
     * attempts would be taken for attempts of this.
     */
    async set(row: Omit<DesiredRow, "generation" | "retryAtMs">): Promise<void> {
        const { highest } = await this.#db
            .selectFrom("commands")
            .select(({ fn }) => fn.max("generation").as("highest"))
            .where("deviceId", "=", row.deviceId)
            .executeTakeFirstOrThrow()
        await this.#db
            .insertInto("desired")
            .values({ ...row, generation: Number(highest ?? 0) + 1, retryAtMs: null })
            .onConflict(conflict =>
                conflict.column("deviceId").doUpdateSet(({ eb, ref }) => ({
                    releaseId: row.releaseId,
                    generation: eb(ref("desired.generation"), "+", 1),
                    rolloutId: row.rolloutId,
                    setBy: row.setBy,
                    setAtMs: row.setAtMs,
                    retryAtMs: null,
                })),
            )
            .execute()
    }

    async setRetry(deviceId: string, retryAtMs: number | null): Promise<void> {
        await this.#db.updateTable("desired").set({ retryAtMs }).where("deviceId", "=", deviceId).execute()
    }

    async remove(deviceId: string): Promise<void> {
        await this.#db.deleteFrom("desired").where("deviceId", "=", deviceId).execute()
    }

    /** Devices that should run the release. */
    async devicesOf(releaseId: string): Promise<string[]> {
        const rows = await this.#db.selectFrom("desired").select("deviceId").where("releaseId", "=", releaseId).execute()
        return rows.map(row => row.deviceId)
    }

    async block(row: BlocksTable): Promise<void> {
        await this.#db
            .insertInto("blocks")
            .values(row)
            .onConflict(conflict =>
                conflict
                    .columns(["deviceId", "releaseId"])
                    .doUpdateSet({ reason: row.reason, commandId: row.commandId, atMs: row.atMs }),
            )
            .execute()
    }

    async unblock(deviceId: string, releaseId: string): Promise<void> {
        await this.#db
            .deleteFrom("blocks")
            .where("deviceId", "=", deviceId)
            .where("releaseId", "=", releaseId)
            .execute()
    }

    /** Those of the devices that failed with the release before. */
    async blockedAmong(deviceIds: readonly string[], releaseId: string): Promise<Set<string>> {
        const rows = await this.#db
            .selectFrom("blocks")
            .select("deviceId")
            .where("deviceId", "in", padded(deviceIds))
            .where("releaseId", "=", releaseId)
            .execute()
        return new Set(rows.map(row => row.deviceId))
    }

    async blocks(deviceId: string): Promise<BlockRow[]> {
        return this.#db.selectFrom("blocks").selectAll().where("deviceId", "=", deviceId).orderBy("atMs").execute()
    }
}
