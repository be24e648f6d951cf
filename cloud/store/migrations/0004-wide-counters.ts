import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "../dialect-name.ts"

/** Boards count bytes in u32, which PostgreSQL's integer does not hold; SQLite's does. */
export async function up(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
    if (dialect === "sqlite") return
    for (const table of ["commands", "statuses"])
        await sql`alter table ${sql.ref(table)} alter column "doneBytes" type bigint, alter column "ofBytes" type bigint`.execute(db)
}
