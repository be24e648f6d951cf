import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { Schema } from "./schema.ts"

/** A table's columns as this (embedded) database has them; they are asked for once. */
export async function columnsOf(db: Kysely<Schema>, known: Map<string, readonly string[]>, table: string): Promise<readonly string[]> {
    let columns = known.get(table)
    if (columns === undefined) {
        const { rows } = await sql<{ name: string }>`select "name" from pragma_table_info(${table})`.execute(db)
        columns = rows.map(row => row.name)
        // Of a table that is not there yet there is nothing to remember.
        if (columns.length > 0) known.set(table, columns)
    }
    return columns
}
