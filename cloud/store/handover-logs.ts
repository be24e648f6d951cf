/** The numbered logs in a handover, of an embedded store: read in pages, kept as copies, and put in place by renaming. */
import type { Kysely, RawBuilder } from "kysely"
import { CompiledQuery, sql } from "kysely"
import type { Schema } from "./schema.ts"
import { columnsOf } from "./table-columns.ts"

export const LOG_TABLES = ["events", "audit"] as const
type LogTable = (typeof LOG_TABLES)[number]

const COPIES = { events: "handoverEvents", audit: "handoverAudit" } as const

export class HandoverLogRepo {
    readonly #db: Kysely<Schema>
    /** Tables' columns as this database has them. */
    readonly #known: Map<string, readonly string[]>

    constructor(db: Kysely<Schema>, known: Map<string, readonly string[]>) {
        this.#db = db
        this.#known = known
    }

    /** JSON of the rows after a number, made by the database: nobody here looks at them. */
    async page(table: LogTable, after: number, limit: number): Promise<string> {
        const fields = (await columnsOf(this.#db, this.#known, table)).map(name => `'${name}', "${name}"`)
        const text = `select json_group_array(json("row")) as "rows" from (select json_object(${fields.join(", ")}) as "row" from "${table}" where "seq" > ? order by "seq" limit ?)`
        return (await this.#db.executeQuery<{ rows: string }>(CompiledQuery.raw(text, [after, limit]))).rows[0].rows
    }

    /** Copies left of an earlier handover are dropped. */
    async clear(): Promise<void> {
        for (const table of LOG_TABLES) await sql`drop table if exists ${sql.table(COPIES[table])}`.execute(this.#db)
    }

    /** Makes the copies' tables, as the logs' own are made, where they are not there. */
    async ensure(): Promise<void> {
        for (const table of LOG_TABLES) {
            const copy = COPIES[table]
            if ((await this.#definition(copy)) !== undefined) continue
            const own = await this.#definition(table)
            if (own === undefined) throw new Error(`there is no table ${table}`)
            await this.#run(sql.raw(own.replace(`"${table}"`, `"${copy}"`)))
        }
    }

    /** The last numbers that are copied. */
    async copied(): Promise<{ events: number; audit: number }> {
        const last = async (table: LogTable): Promise<number> =>
            Number((await sql<{ seq: number | null }>`select max("seq") as "seq" from ${sql.table(COPIES[table])}`.execute(this.#db)).rows[0]?.seq ?? 0)
        return { events: await last("events"), audit: await last("audit") }
    }

    /** Takes pages as `{"events": […], "audit": […]}`; returns how many rows there were. */
    async keep(pages: string): Promise<number> {
        let count = 0
        for (const table of LOG_TABLES) {
            // What the other server's version knows and this one's does not is left out.
            const names = await columnsOf(this.#db, this.#known, COPIES[table])
            const values = names.map(name => `value->>'${name}'`)
            const text = `insert into "${COPIES[table]}" (${names.map(name => `"${name}"`).join(", ")}) select ${values.join(", ")} from json_each(?, '$.${table}')`
            count += Number((await this.#db.executeQuery(CompiledQuery.raw(text, [pages]))).numAffectedRows ?? 0n)
        }
        return count
    }

    /** The copies take the places of the logs. */
    async swap(): Promise<void> {
        for (const table of LOG_TABLES) {
            await sql`drop table ${sql.table(table)}`.execute(this.#db)
            await sql`alter table ${sql.table(COPIES[table])} rename to ${sql.table(table)}`.execute(this.#db)
        }
    }

    async #definition(table: string): Promise<string | undefined> {
        return (await sql<{ sql: string }>`select "sql" from sqlite_master where "type" = 'table' and "name" = ${table}`.execute(this.#db)).rows[0]?.sql
    }

    async #run(query: RawBuilder<unknown>): Promise<void> {
        await query.execute(this.#db)
    }
}
