/**
 * Kysely over libsql, one connection, with its prepared statements kept.
 *
 * Kysely's own SQLite driver prepares every statement anew; keeping them halves the
 * cost of a query. libsql aborts the whole process when it is handed a boolean, so
 * parameters are checked here, at the last moment.
 */
import type {
    CompiledQuery,
    DatabaseConnection,
    DatabaseIntrospector,
    Dialect,
    DialectAdapter,
    Driver,
    Kysely,
    QueryCompiler,
    QueryResult,
} from "kysely"
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely"
import Database from "libsql"

type Handle = InstanceType<typeof Database>
type Statement = ReturnType<Handle["prepare"]>

const STATEMENTS_KEPT = 400

export interface LibsqlOptions {
    readonly path: string
    /** How long a statement waits for another process's lock. */
    readonly busyTimeoutMs: number
}

export class LibsqlDialect implements Dialect {
    readonly #options: LibsqlOptions

    constructor(options: LibsqlOptions) {
        this.#options = options
    }

    createDriver(): Driver {
        return new LibsqlDriver(this.#options)
    }

    createAdapter(): DialectAdapter {
        return new SqliteAdapter()
    }

    createQueryCompiler(): QueryCompiler {
        return new SqliteQueryCompiler()
    }

    createIntrospector(db: Kysely<any>): DatabaseIntrospector {
        return new SqliteIntrospector(db)
    }
}

class LibsqlDriver implements Driver {
    readonly #options: LibsqlOptions
    #connection: LibsqlConnection | undefined
    /** Whoever holds the connection; the next in line waits for it. */
    #tail: Promise<void> = Promise.resolve()
    #release: (() => void) | undefined

    constructor(options: LibsqlOptions) {
        this.#options = options
    }

    async init(): Promise<void> {
        const database = new Database(this.#options.path, { timeout: this.#options.busyTimeoutMs } as object)
        // WAL with synchronous=NORMAL: a commit is in the operating system's hands when it returns,
        // so it survives the death of this process; only a power cut may take the last ones.
        for (const pragma of ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-16000"])
            database.pragma(pragma)
        this.#connection = new LibsqlConnection(database)
    }

    async acquireConnection(): Promise<DatabaseConnection> {
        const before = this.#tail
        let release: () => void = () => {}
        this.#tail = new Promise(resolve => {
            release = resolve
        })
        await before
        if (this.#connection === undefined) {
            release()
            throw new Error("the database is closed")
        }
        this.#release = release
        return this.#connection
    }

    async releaseConnection(): Promise<void> {
        this.#release?.()
    }

    async beginTransaction(): Promise<void> {
        // IMMEDIATE takes the write lock at once: a transaction never fails half-way for a lock.
        this.#connection?.run("begin immediate")
    }

    async commitTransaction(): Promise<void> {
        this.#connection?.run("commit")
    }

    /** A full disk undoes the transaction by itself: that there is none left would hide why. */
    async rollbackTransaction(): Promise<void> {
        if (this.#connection?.inTransaction) this.#connection.run("rollback")
    }

    /** Whoever has begun a transaction ends it; who comes later is told. */
    async destroy(): Promise<void> {
        await this.#tail
        this.#connection?.close()
        this.#connection = undefined
    }
}

class LibsqlConnection implements DatabaseConnection {
    readonly #database: Handle
    readonly #statements = new Map<string, Statement>()

    constructor(database: Handle) {
        this.#database = database
    }

    get inTransaction(): boolean {
        return this.#database.inTransaction
    }

    run(sql: string): void {
        this.#prepare(sql).run([])
    }

    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
        const statement = this.#prepare(query.sql)
        const parameters = query.parameters.map(bindable)
        if (statement.reader) return { rows: statement.all(parameters) as R[] }
        const { changes, lastInsertRowid } = statement.run(parameters)
        return { rows: [], numAffectedRows: BigInt(changes ?? 0), insertId: BigInt(lastInsertRowid ?? 0) }
    }

    // biome-ignore lint/correctness/useYield: the interface asks for a generator
    async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
        throw new Error("read in pages: a stream would hold the only connection")
    }

    close(): void {
        this.#statements.clear()
        this.#database.close()
    }

    #prepare(sql: string): Statement {
        let statement = this.#statements.get(sql)
        if (statement !== undefined) return statement
        if (this.#statements.size >= STATEMENTS_KEPT) {
            const oldest = this.#statements.keys().next().value
            if (oldest !== undefined) this.#statements.delete(oldest)
        }
        statement = this.#database.prepare(sql)
        this.#statements.set(sql, statement)
        return statement
    }
}

function bindable(value: unknown): unknown {
    switch (typeof value) {
        case "string":
        case "number":
        case "bigint":
            return value
        case "boolean":
            return value ? 1 : 0
        default:
            if (value === null || value instanceof Uint8Array) return value
            throw new TypeError(`a ${typeof value} cannot be stored`)
    }
}
