/**
 * What a handover of the server needs of an embedded store: who owns which device at
 * which epoch, a device with all of its rows as one value, and everything that is not
 * a device's.
 */
import type { Kysely } from "kysely"
import { CompiledQuery, sql } from "kysely"
import type { DialectName } from "./dialect-name.ts"
import { LOG_TABLES } from "./handover-logs.ts"
import type { Schema } from "./schema.ts"
import { columnsOf } from "./table-columns.ts"

type Row = Record<string, string | number | null>
/** All rows of one device, by table. */
export type DeviceRows = Record<string, Row[]>

/** Tables with a device's rows, in the order in which they can be written, and the column that names the device. */
const DEVICE_TABLES: readonly (readonly [string, string])[] = [
    ["devices", "id"],
    ["tokens", "deviceId"],
    ["actual", "deviceId"],
    ["desired", "deviceId"],
    ["commands", "deviceId"],
    ["statuses", "deviceId"],
    ["blocks", "deviceId"],
    ["groupMembers", "deviceId"],
    ["rolloutDevices", "deviceId"],
    ["logLines", "deviceId"],
]
/** Everything else, but for tokens, events and audit, which are merged. */
const COMMON_TABLES: readonly (readonly [string, readonly string[]])[] = [
    ["releases", ["id"]],
    ["artifacts", ["releaseId", "baseId"]],
    ["permissions", ["releaseId", "baseId"]],
    ["bases", ["baseId"]],
    ["maps", ["imageDigest"]],
    ["groups", ["id"]],
    ["rollouts", ["id"]],
    ["experiments", ["id"]],
    ["claims", ["id"]],
    ["statements", ["id"]],
    ["refusals", ["releaseId", "baseId"]],
    ["fleetHistory", ["atMs", "version"]],
]
const LAST_TABLES: readonly (readonly [string, readonly string[]])[] = [["webhooks", ["id"]]]
/** Numbered anew by each database. */
const NUMBERED = new Set(["statuses", "logLines"])
/** Of a history: one statement for each costs twice as much. */
const ROWS_AT_ONCE = 8
const EPOCH_NOTE = "epoch"
/** Every column that names a blob. */
const BLOB_COLUMNS: readonly (readonly [string, string])[] = [
    ["artifacts", "imageDigest"],
    ["artifacts", "signatureDigest"],
    ["permissions", "signatureDigest"],
    ["bases", "bundleDigest"],
    ["maps", "blobDigest"],
    ["statements", "signatureDigest"],
]
/** The tables that go to the other server: all but what belongs to one database (a test compares them with the schema). */
export const MOVED_TABLES: ReadonlySet<string> = new Set([...DEVICE_TABLES, ...COMMON_TABLES, ...LAST_TABLES].map(([table]) => table).concat(LOG_TABLES))

export interface OwnerRow {
    readonly session: string
    readonly owner: string
    readonly epoch: number
    /** The device's rows as JSON, while its new owner has not said that it has them. */
    readonly kept: string | null
}

export interface CommonRows {
    readonly tables: Record<string, Row[]>
    readonly tokens: Row[]
}

export class HandoverRepo {
    /** Tables' columns as this database has them. */
    readonly #columns: Map<string, readonly string[]>
    /** Statements' texts, made once: a device is moved in a few milliseconds. */
    readonly #texts: Map<string, string>
    readonly #db: Kysely<Schema>
    readonly #dialect: DialectName

    constructor(db: Kysely<Schema>, dialect: DialectName, columns: Map<string, readonly string[]>, texts: Map<string, string>) {
        this.#db = db
        this.#dialect = dialect
        this.#texts = texts
        this.#columns = columns
    }

    async ensure(): Promise<void> {
        await sql`create table if not exists "handoverOwners" ("session" text primary key, "owner" text not null, "epoch" integer not null, "kept" text)`.execute(this.#db)
        await sql`create table if not exists "handoverNotes" ("name" text primary key, "value" text not null)`.execute(this.#db)
    }

    async note(name: string): Promise<string | undefined> {
        const { rows } = await sql<{ value: string }>`select "value" from "handoverNotes" where "name" = ${name}`.execute(this.#db)
        return rows[0]?.value
    }

    async setNote(name: string, value: string | null): Promise<void> {
        if (value === null) await sql`delete from "handoverNotes" where "name" = ${name}`.execute(this.#db)
        else await sql`insert into "handoverNotes" ("name", "value") values (${name}, ${value}) on conflict ("name") do update set "value" = excluded."value"`.execute(this.#db)
    }

    async owner(session: string): Promise<OwnerRow | undefined> {
        return (await this.#run<OwnerRow>(`select * from "handoverOwners" where "session" = ?`, [session]))[0]
    }

    /** What is kept of these sessions, in one statement. */
    async recordsOf(sessions: readonly string[]): Promise<Map<string, OwnerRow>> {
        const rows = await this.#ofSessions("*", sessions)
        return new Map(rows.map(row => [row.session, row]))
    }

    /** One is what is asked for most. */
    #ofSessions(columns: string, sessions: readonly string[]): Promise<OwnerRow[]> {
        const text = `select ${columns} from "handoverOwners" where "session"`
        return sessions.length === 1 ? this.#run(`${text} = ?`, sessions) : this.#run(`${text} in (select "value" from ${IDS[this.#dialect]})`, [JSON.stringify(sessions)])
    }

    async owners(): Promise<OwnerRow[]> {
        return (await sql<OwnerRow>`select * from "handoverOwners"`.execute(this.#db)).rows
    }

    /** Of the devices, those that somebody is named the owner of. */
    async ownersOf(sessions: readonly string[]): Promise<Map<string, Pick<OwnerRow, "owner" | "epoch">>> {
        const rows = await this.#ofSessions('"session", "owner", "epoch"', sessions)
        return new Map(rows.map(row => [row.session, row]))
    }

    async hasOwners(): Promise<boolean> {
        return (await this.#run(`select 1 from "handoverOwners" limit 1`, [])).length > 0
    }

    /** Whether owners are named for a handover that is not this one. */
    async hasOwnersOfAnother(note: string, handover: string): Promise<boolean> {
        return (await this.#run(`select 1 from "handoverOwners" where not exists (select 1 from "handoverNotes" where "name" = ? and "value" = ?) limit 1`, [note, handover])).length > 0
    }

    /** The highest epoch that any session has, or had when they were forgotten. */
    async lastEpoch(): Promise<number> {
        const [row] = await this.#run<{ last: number | null }>(`select max("epoch") as "last" from "handoverOwners"`, [])
        return Math.max(Number(row.last ?? 0), Number((await this.note(EPOCH_NOTE)) ?? 0))
    }

    /** All devices are this server's, whoever had them; returns the epoch, which no session had before. */
    async ownAll(owner: string): Promise<number> {
        const epoch = (await this.lastEpoch()) + 1
        await this.#run(`delete from "handoverOwners"`, [])
        await this.#run(`insert into "handoverOwners" ("session", "owner", "epoch") select "id", ?, cast(? as integer) from "devices"`, [owner, epoch])
        return epoch
    }

    /** PostgreSQL only: whether the connection with this process has the advisory lock. */
    async holdsLock(space: number, key: number, backend: number): Promise<boolean> {
        const rows = await this.#run(`select 1 from "pg_locks" where "locktype" = 'advisory' and "classid"::bigint = ? and "objid"::bigint = ? and "objsubid" = 2 and "granted" and "pid" = ?`, [space, key, backend])
        return rows.length > 0
    }

    async forgetOwners(): Promise<void> {
        await this.setNote(EPOCH_NOTE, String(await this.lastEpoch()))
        await this.#run(`delete from "handoverOwners"`, [])
    }

    async setOwner({ session, owner, epoch, kept }: OwnerRow): Promise<void> {
        await this.#run(
            `insert into "handoverOwners" ("session", "owner", "epoch", "kept") values (?, ?, ?, ?)
            on conflict ("session") do update set "owner" = excluded."owner", "epoch" = excluded."epoch", "kept" = excluded."kept"`,
            [session, owner, epoch, kept],
        )
    }

    /** Forgets the kept rows of a device that is the other server's at this epoch. */
    async settle(session: string, owner: string, epoch: number): Promise<void> {
        await this.#run(`update "handoverOwners" set "kept" = null where "session" = ? and "owner" = ? and "epoch" = ?`, [session, owner, epoch])
    }

    /** Devices that nobody was named the owner of yet become this server's. */
    async ownRest(owner: string): Promise<void> {
        await sql`insert into "handoverOwners" ("session", "owner", "epoch") select "id", ${owner}, 1 from "devices" where true on conflict ("session") do nothing`.execute(this.#db)
    }

    /** One statement for all tables: a device is read while its session is frozen. */
    async deviceRows(id: string): Promise<DeviceRows | undefined> {
        const text = this.#texts.get("deviceRows") ?? (await this.#deviceRowsText())
        const { rows } = await this.#db.executeQuery<{ table: string; rows: string }>(CompiledQuery.raw(text, DEVICE_TABLES.map(() => id)))
        const found: DeviceRows = {}
        for (const { table, rows: list } of rows) found[table] = JSON.parse(list)
        return found.devices === undefined ? undefined : found
    }

    async #deviceRowsText(): Promise<string> {
        const parts: string[] = []
        for (const [table, column] of DEVICE_TABLES) {
            const fields = (await this.#columnsOf(table)).map(name => `'${name}', "${name}"`)
            const list = `select * from "${table}" where "${column}" = ? order by ${NUMBERED.has(table) ? '"seq"' : "rowid"}`
            parts.push(`select '${table}' as "table", json_group_array(json_object(${fields.join(", ")})) as "rows" from (${list}) having count(*) > 0`)
        }
        const text = parts.join(" union all ")
        this.#texts.set("deviceRows", text)
        return text
    }

    async insertDevice(rows: DeviceRows): Promise<void> {
        const id = rows.devices?.[0]?.id
        if (typeof id !== "string") throw new Error("HOV_HANDOVER_ROWS: these are not the rows of a device")
        await this.removeDevice(id)
        for (const [table] of DEVICE_TABLES) {
            const own = rows[table] ?? []
            const leftOut = NUMBERED.has(table) ? "seq" : undefined
            let at = 0
            for (; at + ROWS_AT_ONCE <= own.length; at += ROWS_AT_ONCE) await this.#insert(table, own.slice(at, at + ROWS_AT_ONCE), { leftOut })
            for (; at < own.length; at++) await this.#insert(table, [own[at]], { leftOut })
        }
    }

    async removeDevice(id: string): Promise<void> {
        await this.#run(`delete from "devices" where "id" = ?`, [id])
    }

    async commonRows(last: boolean): Promise<CommonRows> {
        const tables: Record<string, Row[]> = {}
        for (const [table] of [...COMMON_TABLES, ...(last ? LAST_TABLES : [])]) tables[table] = (await sql<Row>`select * from ${sql.table(table)}`.execute(this.#db)).rows
        const tokens = (await sql<Row>`select * from "tokens" where "deviceId" is null`.execute(this.#db)).rows
        return { tables, tokens }
    }

    async putCommonRows({ tables, tokens }: CommonRows): Promise<void> {
        for (const [table, keys] of [...COMMON_TABLES, ...LAST_TABLES]) for (const row of tables[table] ?? []) await this.#insert(table, [row], { keys })
        for (const row of tokens) {
            const same = (await sql<Row>`select "id" from "tokens" where "hash" = ${row.hash}`.execute(this.#db)).rows[0]
            if (same !== undefined) {
                await sql`update "tokens" set "revokedAtMs" = coalesce("revokedAtMs", ${row.revokedAtMs}) where "id" = ${same.id}`.execute(this.#db)
                continue
            }
            const taken = (await sql<Row>`select "id" from "tokens" where "id" = ${row.id}`.execute(this.#db)).rows.length > 0
            await this.#insert("tokens", [taken ? { ...row, id: `${row.id}-${String(row.hash).slice(0, 8)}` } : row])
        }
    }

    async digests(): Promise<string[]> {
        const parts = BLOB_COLUMNS.map(([table, column]) => sql`select ${sql.ref(column)} as "digest" from ${sql.table(table)}`)
        const { rows } = await sql<{ digest: string }>`${sql.join(parts, sql` union `)}`.execute(this.#db)
        return rows.map(row => row.digest)
    }

    #columnsOf(table: string): Promise<readonly string[]> {
        return columnsOf(this.#db, this.#columns, table)
    }

    /** Rows of the same columns. What the other server's version knows and this one's does not is left out: a column, or a whole table. */
    async #insert(table: string, rows: readonly Row[], { keys, leftOut }: { keys?: readonly string[]; leftOut?: string } = {}): Promise<void> {
        const columns = (await this.#columnsOf(table)).filter(name => name !== leftOut && Object.hasOwn(rows[0], name))
        const name = `${table} ${keys === undefined ? "" : "or update"} ${rows.length} ${columns.join(" ")}`
        let text = this.#texts.get(name)
        if (text === undefined) this.#texts.set(name, (text = insertText(table, columns, rows.length, keys)))
        await this.#run(text, rows.flatMap(row => columns.map(name => row[name])))
    }

    /** PostgreSQL's placeholders have numbers. */
    #numbered(text: string): string {
        let numbered = this.#texts.get(text)
        if (numbered === undefined) {
            let n = 0
            numbered = text.replace(/\?/g, () => `$${++n}`)
            this.#texts.set(text, numbered)
        }
        return numbered
    }

    /** A text as it is: building a statement costs more than most of these take to run. */
    async #run<R = unknown>(text: string, values: readonly unknown[]): Promise<R[]> {
        if (this.#dialect === "postgres") text = this.#numbered(text)
        return (await this.#db.executeQuery<R>(CompiledQuery.raw(text, [...values]))).rows
    }
}

/** Ids as one parameter: the text is the same for any number of them. */
const IDS: Readonly<Record<DialectName, string>> = { sqlite: "json_each(?)", postgres: "json_array_elements_text(?::json)" }

function insertText(table: string, columns: readonly string[], count: number, keys?: readonly string[]): string {
    const quoted = (names: readonly string[]): string => names.map(name => `"${name}"`).join(", ")
    const update = keys === undefined ? "" : ` on conflict (${quoted(keys)}) do update set ${columns.map(column => `"${column}" = excluded."${column}"`).join(", ")}`
    const row = `(${columns.map(() => "?").join(", ")})`
    return `insert into "${table}" (${quoted(columns)}) values ${Array.from({ length: count }, () => row).join(", ")}${update}`
}
