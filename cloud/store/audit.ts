import type { Kysely } from "kysely"
import type { AuditRow, Schema } from "./schema.ts"

/** Who changed what, when; written in the transaction of the change itself. */
export interface AuditEntry {
    readonly atMs: number
    readonly actor: string
    readonly role: string
    readonly action: string
    readonly subject: string
    readonly detail: Readonly<Record<string, unknown>>
}

export class AuditRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async append(entry: AuditEntry): Promise<void> {
        await this.#db
            .insertInto("audit")
            .values({ ...entry, detail: JSON.stringify(entry.detail) })
            .execute()
    }

    /** Newest first. */
    async list(options: { before: number | null; limit: number; subject: string | null }): Promise<AuditRow[]> {
        let query = this.#db.selectFrom("audit").selectAll().orderBy("seq", "desc").limit(options.limit)
        if (options.before !== null) query = query.where("seq", "<", options.before)
        if (options.subject !== null) query = query.where("subject", "=", options.subject)
        return query.execute()
    }
}
