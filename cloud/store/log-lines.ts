/** The last lines of each device's log. */
import type { Kysely } from "kysely"
import type { LogLineRow, Schema } from "./schema.ts"

export class LogLineRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    /** Adds lines, and forgets the oldest ones beyond `kept`. */
    async append(deviceId: string, atMs: number, lines: readonly string[], kept: number): Promise<void> {
        if (lines.length === 0) return
        await this.#db.insertInto("logLines").values(lines.map(line => ({ deviceId, atMs, line }))).execute()
        await this.#db
            .deleteFrom("logLines")
            .where("deviceId", "=", deviceId)
            .where("seq", "<=", query =>
                query.selectFrom("logLines as newest").select("newest.seq").where("newest.deviceId", "=", deviceId).orderBy("newest.seq", "desc").offset(kept).limit(1),
            )
            .execute()
    }

    /** Newest first. */
    async list(deviceId: string, before: number | null, limit: number): Promise<LogLineRow[]> {
        let query = this.#db.selectFrom("logLines").selectAll().where("deviceId", "=", deviceId).orderBy("seq", "desc").limit(limit)
        if (before !== null) query = query.where("seq", "<", before)
        return query.execute()
    }
}
