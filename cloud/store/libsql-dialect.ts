/**
 * Kysely over libsql, one connection, with its prepared statements kept.
 *
 * Kysely's own SQLite driver prepares every statement anew; keeping them halves the
 * cost of a query. What it does to find a connection for a statement, and for a
 * transaction, costs as much again: `open` and `transaction` go past it. libsql aborts
 * the whole process when it is handed a boolean, so parameters are checked here, at the
 * last moment.
 */
import type {
    CompiledQuery,
    DatabaseConnection,
    DatabaseIntrospector,
    Dialect,
    DialectAdapter,
    Driver,
    QueryCompiler,
    QueryResult,
} from "kysely"
import { DefaultQueryExecutor, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely"
import Database from "libsql"

type Handle = InstanceType<typeof Database>
type Statement = ReturnType<Handle["prepare"]>
/** What is done in one transaction. */
export type Work<DB, T> = (db: Kysely<DB>) => Promise<T>
type Run = <R>(query: CompiledQuery) => Promise<QueryResult<R>>

const STATEMENTS_KEPT = 400

export interface LibsqlOptions {
    readonly path: string
    /** How long a statement waits for another process's lock. */
    readonly busyTimeoutMs: number
}

export class LibsqlDialect implements Dialect {
    readonly #driver: LibsqlDriver

    constructor(options: LibsqlOptions) {
        this.#driver = new LibsqlDriver(options)
    }

    /** Single statements over the connection, once it is there. */
    open<DB>(): Kysely<DB> {
        const driver = this.#driver
        return this.#over(async query => {
            const connection = await driver.acquireConnection()
            try {
                return await connection.executeQuery(query)
            } finally {
                await driver.releaseConnection()
            }
        })
    }

    /** One transaction, as Kysely's; what it works with is of no use after its end. */
    async transaction<DB, T>(work: (db: Kysely<DB>) => Promise<T>): Promise<T> {
        const [settled] = await this.transactions<DB, T>([work])
        if (settled.status === "rejected") throw settled.reason
        return settled.value
    }

    /**
     * Several transactions, one after the other, under one commit, which is most of a small one's price: each is whole or
     * not there at all, whatever becomes of the others. @throws when the commit fails, or a full disk ends the transaction on
     * the way: then none of them was done
     */
    async transactions<DB, T>(works: readonly Work<DB, T>[]): Promise<PromiseSettledResult<T>[]> {
        const driver = this.#driver
        const connection = await driver.acquireConnection()
        try {
            await driver.beginTransaction()
            try {
                const settled: PromiseSettledResult<T>[] = []
                for (const work of works) settled.push(await this.#oneOf(works.length, connection, work))
                if (works.length === 1 && settled[0].status === "rejected") await driver.rollbackTransaction()
                else await driver.commitTransaction()
                return settled
            } catch (error) {
                await driver.rollbackTransaction()
                throw error
            }
        } finally {
            await driver.releaseConnection()
        }
    }

    async #oneOf<DB, T>(count: number, connection: LibsqlConnection, work: Work<DB, T>): Promise<PromiseSettledResult<T>> {
        let isOver = false
        /** What ended the transaction: a full disk does, and a work that goes on after it would write outside of any. */
        let ended: unknown
        if (count > 1) connection.run("savepoint one")
        try {
            const value = await work(
                this.#over(async query => {
                    if (isOver) throw new Error("the transaction of this statement is over")
                    if (ended !== undefined) throw ended
                    try {
                        return await connection.executeQuery(query)
                    } catch (error) {
                        if (!connection.inTransaction) ended = error
                        throw error
                    }
                }),
            )
            if (ended !== undefined) throw ended
            // What comes now would be written outside of it.
            isOver = true
            if (count > 1) connection.run("release one")
            return { status: "fulfilled", value }
        } catch (error) {
            isOver = true
            if (count > 1) {
                // A full disk has undone the others as well.
                if (ended !== undefined) throw ended
                connection.run("rollback to one")
                connection.run("release one")
            }
            return { status: "rejected", reason: error }
        }
    }

    #over<DB>(run: Run): Kysely<DB> {
        return new Kysely<DB>({ config: { dialect: this }, driver: this.#driver, executor: new Executor(run), dialect: this } as never)
    }

    createDriver(): Driver {
        return this.#driver
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

const COMPILER = new SqliteQueryCompiler()
const ADAPTER = new SqliteAdapter()
const NO_POOL = {
    provideConnection: (): never => {
        throw new Error("statements go one by one, or in the store's own transaction")
    },
}

/** Runs statements where they are to run, and nothing else. */
class Executor extends DefaultQueryExecutor {
    readonly #run: Run

    constructor(run: Run) {
        super(COMPILER, ADAPTER, NO_POOL)
        this.#run = run
    }

    override executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
        return this.#run(query)
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

    async acquireConnection(): Promise<LibsqlConnection> {
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
    readonly #statements = new Map<string, { readonly statement: Statement; readonly isReader: boolean }>()

    constructor(database: Handle) {
        this.#database = database
    }

    get inTransaction(): boolean {
        return this.#database.inTransaction
    }

    run(sql: string): void {
        this.#prepare(sql).statement.run([])
    }

    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
        const { statement, isReader } = this.#prepare(query.sql)
        const parameters = query.parameters.map(bindable)
        if (isReader) return { rows: statement.all(parameters) as R[] }
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

    #prepare(sql: string): { readonly statement: Statement; readonly isReader: boolean } {
        const known = this.#statements.get(sql)
        if (known !== undefined) return known
        if (this.#statements.size >= STATEMENTS_KEPT) {
            const oldest = this.#statements.keys().next().value
            if (oldest !== undefined) this.#statements.delete(oldest)
        }
        const statement = this.#database.prepare(sql)
        const made = { statement, isReader: statement.reader }
        this.#statements.set(sql, made)
        return made
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
