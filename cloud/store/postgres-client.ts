/** Connections to PostgreSQL with the values that the store expects. */
import pg from "pg"

/** SQLite gives numbers; a count or a time in ms is far below 2⁵³. */
const INT8 = 20
const types = {
    getTypeParser: (oid: number, format?: unknown) =>
        oid === INT8 ? (text: string) => Number(text) : pg.types.getTypeParser(oid, format as "text"),
} as unknown as pg.CustomTypesConfig

/** PostgreSQL's text has no NUL; one that comes from outside must not fail a transaction. */
class TextSafeClient extends pg.Client {
    // biome-ignore lint/suspicious/noExplicitAny: the signature has eight overloads, all of which begin with text and values
    override query(...parameters: any[]): any {
        const values = Array.isArray(parameters[1]) ? parameters[1] : parameters[0]?.values
        if (Array.isArray(values))
            for (const [index, value] of values.entries())
                if (typeof value === "string" && value.includes("\0")) values[index] = value.replaceAll("\0", "\ufffd")
        return super.query(...(parameters as [string]))
    }
}

/**
 * A process that is stopped in the middle of a transaction holds the lock of all that write to the database: the
 * database ends it after this long, and the others go on.
 */
const IDLE_IN_TRANSACTION_MS = 5_000
const CONNECT_MS = 10_000

export const clientConfig = (url: string): pg.ClientConfig => ({
    connectionString: url,
    application_name: "handover",
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    types,
})

export function createPool(url: string, connectionsMax: number, onError: (error: Error) => void): pg.Pool {
    const pool = new pg.Pool({
        ...clientConfig(url),
        max: connectionsMax,
        idleTimeoutMillis: 60_000,
        Client: TextSafeClient,
        // Not with what begins a connection: a PgBouncer in between refuses settings there that it does not know.
        onConnect: (client: pg.ClientBase) => client.query({ text: `set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`, query_timeout: CONNECT_MS } as pg.QueryConfig),
    } as pg.PoolConfig)
    // A connection that breaks while it is idle: the pool opens another one.
    pool.on("error", onError)
    // One that breaks between two statements of a transaction is watched by nobody else, and an error event that
    // nobody hears ends the process. The next statement fails, and the pool lets the connection go.
    pool.on("connect", client => client.on("error", onError))
    return pool
}
