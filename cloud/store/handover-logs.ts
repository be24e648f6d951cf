/** The numbered logs in a handover, of an embedded store: read in pages, kept as copies, and put in place by renaming. */
import type { Kysely, RawBuilder } from "kysely"
import { CompiledQuery, sql } from "kysely"
import type { Schema } from "./schema.ts"

type Row = Record<string, string | number | null>

export interface LogPage {
    readonly events: Row[]
    readonly audit: Row[]
}

export const LOG_TABLES = ["events", "audit"] as const
type LogTable = (typeof LOG_TABLES)[number]

const COPIES = { events: "handoverEvents", audit: "handoverAudit" } as const
const ROWS_PER_INSERT = 50

export class HandoverLogRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async page(table: LogTable, after: number, limit: number): Promise<Row[]> {
        return (await sql<Row>`select * from ${sql.table(table)} where "seq" > ${after} order by "seq" limit ${limit}`.execute(this.#db)).rows
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

    async keep(page: LogPage): Promise<void> {
        for (const table of LOG_TABLES) {
            // What the other server's version knows and this one's does not is left out.
            const { rows: columns } = await sql<{ name: string }>`select "name" from pragma_table_info(${COPIES[table]})`.execute(this.#db)
            const names = columns.map(({ name }) => name)
            const one = `(${names.map(() => "?").join(", ")})`
            for (let from = 0; from < page[table].length; ) {
                const left = page[table].length - from
                const count = left >= ROWS_PER_INSERT ? ROWS_PER_INSERT : 1
                const values = page[table].slice(from, from + count).flatMap(row => names.map(name => row[name] ?? null))
                const text = `insert into "${COPIES[table]}" (${names.map(name => `"${name}"`).join(", ")}) values ${Array.from({ length: count }, () => one).join(", ")}`
                await this.#db.executeQuery(CompiledQuery.raw(text, values))
                from += count
            }
        }
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
