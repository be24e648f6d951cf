/**
 * Which database the cloud's tests run on: embedded, or with HANDOVER_TEST_POSTGRES (a URL of a
 * PostgreSQL server where databases may be made) a database of its own for each data folder.
 */
import { createHash, randomBytes } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import pg from "pg"
import type { HawkbitOptions } from "../../cloud/hawkbit/options.ts"
import { HAWKBIT_DEFAULTS } from "../../cloud/hawkbit/options.ts"

/** With HANDOVER_TEST_HAWKBIT (the URL of one, where everything goes by a name of its own) behind the servers. */
const hawkbit = process.env.HANDOVER_TEST_HAWKBIT
const server = process.env.HANDOVER_TEST_POSTGRES
export const onPostgres = server !== undefined
/** The note in a data folder that names its database, so that a second server finds the same one. */
const NOTE = "test-database-url"

/** The `databaseUrl` of servers with this data folder; undefined = embedded. */
export async function databaseOf(dataDir: string): Promise<string | undefined> {
    if (server === undefined) return undefined
    const note = path.join(dataDir, NOTE)
    const known = await readFile(note, "utf8").catch(() => undefined)
    if (known !== undefined) return known
    const name = `hov_${randomBytes(6).toString("hex")}`
    await ask(server, `create database ${name}`)
    const url = new URL(server)
    url.pathname = `/${name}`
    await writeFile(note, url.href)
    return url.href
}

/** The `hawkbit` of servers with this data folder: what they have there begins with a name of the folder. */
export function hawkbitOf(dataDir: string): HawkbitOptions | undefined {
    if (hawkbit === undefined) return undefined
    const prefix = `${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}.`
    return { ...HAWKBIT_DEFAULTS, url: hawkbit, user: "admin", password: "admin", prefix, pollMs: 200 }
}

export async function dropDatabaseOf(dataDir: string): Promise<void> {
    const known = await readFile(path.join(dataDir, NOTE), "utf8").catch(() => undefined)
    if (known !== undefined && server !== undefined) await ask(server, `drop database if exists ${new URL(known).pathname.slice(1)} with (force)`)
}

/** Rows of a statement; for looking past the store. */
export async function ask(url: string, statement: string): Promise<any[]> {
    const client = new pg.Client({ connectionString: url })
    // The statement that was under way fails anyway; without a listener the event would end the process.
    client.on("error", () => {})
    await client.connect()
    try {
        return (await client.query(statement)).rows
    } finally {
        await client.end()
    }
}
