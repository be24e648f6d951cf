/** The embedded store: one file, one connection, one process. */
import { Kysely, sql } from "kysely"
import { turn } from "../turn.ts"
import { Checkpointer, PAGES_MAX, PAGES_USUAL } from "./checkpointer.ts"
import { isDiskFull } from "./disk-full.ts"
import type { NewEvent, StoredEvent } from "./events.ts"
import { LibsqlDialect, type Work } from "./libsql-dialect.ts"
import { migrateToLatest } from "./migrations/index.ts"
import { newKnownTables, reposOver } from "./repos.ts"
import type { Schema } from "./schema.ts"
import type { EventListener, LeadershipListener, Repos, Store } from "./store.ts"

const BUSY_TIMEOUT_MS = 5_000
/** How often it is looked whether a full disk has room again. */
const LOOK_MS = 1_000
/** Few: who waits for something else is answered between two commits. */
const WRITES_PER_COMMIT = 8

/** Opens (or creates) the database file and brings it up to the newest migration. */
export async function openSqliteStore(path: string): Promise<Store> {
    const dialect = new LibsqlDialect({ path, busyTimeoutMs: BUSY_TIMEOUT_MS })
    const db = new Kysely<Schema>({ dialect })
    try {
        await migrateToLatest(db, "sqlite")
    } catch (error) {
        await db.destroy()
        throw error
    }
    return new SqliteStore(db, dialect, path)
}

interface Write {
    readonly run: Work<Schema, unknown>
    settle(settled: PromiseSettledResult<unknown>): void
}

class SqliteStore implements Store {
    readonly kind = "sqlite"
    readonly read: Repos
    /** There is nobody to share the work with. */
    readonly leads = true
    readonly holdsLead = async (): Promise<boolean> => true
    readonly #db: Kysely<Schema>
    readonly #dialect: LibsqlDialect
    readonly #known = newKnownTables()
    readonly #listeners = new Set<EventListener>()
    readonly #path: string
    #checkpointer: Checkpointer | undefined
    /** Beginnings and ends of the thread, one after the other. */
    #hurrying: Promise<void> = Promise.resolve()
    #waiting: Write[] = []
    #committing: Promise<void> | undefined
    #isClosed = false
    #isFull = false
    #looking: NodeJS.Timeout | undefined

    constructor(db: Kysely<Schema>, dialect: LibsqlDialect, path: string) {
        this.#db = db
        this.#dialect = dialect
        this.#path = path
        this.read = reposOver(dialect.open(), "sqlite", [], this.#known)
    }

    /** False from a write that found the disk full to the next one that found room. */
    get reachable(): boolean {
        return !this.#isFull
    }

    snapshot<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        return this.#dialect.transaction<Schema, T>(transaction => work(reposOver(transaction, "sqlite", [], this.#known)))
    }

    /** What comes in one turn of the event loop goes in one commit. */
    write<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        return new Promise<T>((resolve, reject) => {
            let stored: readonly StoredEvent[] = []
            this.#waiting.push({
                run: async transaction => {
                    const noted: NewEvent[] = []
                    const inside = reposOver(transaction, "sqlite", noted, this.#known)
                    const value = await work(inside)
                    stored = await inside.events.store(noted)
                    return value
                },
                settle: settled => {
                    if (settled.status === "rejected") return reject(settled.reason)
                    try {
                        if (stored.length > 0) for (const listener of this.#listeners) listener(stored, false)
                        resolve(settled.value as T)
                    } catch (error) {
                        // A listener's mistake is told to who wrote, and keeps no other write from its answer.
                        reject(error)
                    }
                },
            })
            this.#committing ??= this.#commitAll()
        })
    }

    async #commitAll(): Promise<void> {
        while (this.#waiting.length > 0) {
            // Others that came with it are here by then, and reads are answered in between.
            await turn()
            await this.#commit(this.#waiting.splice(0, WRITES_PER_COMMIT))
        }
        this.#committing = undefined
    }

    async #commit(writes: readonly Write[]): Promise<void> {
        let settled: readonly PromiseSettledResult<unknown>[]
        try {
            settled = await this.#dialect.transactions<Schema, unknown>(writes.map(({ run }) => run))
            this.#isFull = false
        } catch (reason) {
            settled = writes.map(() => ({ status: "rejected", reason }))
        }
        writes.forEach(({ settle }, n) => {
            const result = settled[n]
            if (result.status === "rejected" && isDiskFull(result.reason)) this.#lookForRoom()
            settle(result)
        })
    }

    /** A balancer may keep everybody away meanwhile: nobody else would write. */
    #lookForRoom(): void {
        this.#isFull = true
        this.#looking ??= setInterval(async () => {
            try {
                // Changes nothing, and is written all the same.
                await sql.raw("pragma user_version=0").execute(this.#db)
                this.#isFull = false
            } catch {
                // The next look may find room.
            }
            if (this.#isFull && !this.#isClosed) return
            clearInterval(this.#looking)
            this.#looking = undefined
        }, LOOK_MS).unref()
    }

    onEvents(listener: EventListener): () => void {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
    }

    onLeadership(listener: LeadershipListener): () => void {
        listener(true)
        return () => {}
    }

    hurry(on: boolean): Promise<void> {
        const hurrying = this.#hurrying.then(() => this.#hurry(on))
        this.#hurrying = hurrying.catch(() => {})
        return hurrying
    }

    /** A thread that ended later would still have the file open when its folder is removed. */
    async close(): Promise<void> {
        this.#isClosed = true
        clearInterval(this.#looking)
        await this.#hurrying
        await this.#checkpointer?.close()
        await this.#committing
        this.#listeners.clear()
        await this.#db.destroy()
    }

    async #hurry(on: boolean): Promise<void> {
        if (this.#isClosed || on === (this.#checkpointer !== undefined)) return
        if (on) {
            await this.#copyFrom(PAGES_MAX)
            this.#checkpointer = new Checkpointer(this.#path, () => this.#beginLogAnew())
            return
        }
        await this.#checkpointer?.close()
        this.#checkpointer = undefined
        await this.#beginLogAnew()
        await this.#copyFrom(PAGES_USUAL)
    }

    /** From so many pages of the log on a commit copies them by itself. */
    async #copyFrom(pages: number): Promise<void> {
        await sql.raw(`pragma wal_autocheckpoint=${pages}`).execute(this.#db)
    }

    async #beginLogAnew(): Promise<void> {
        try {
            await sql.raw("pragma wal_checkpoint(PASSIVE)").execute(this.#db)
        } catch {
            // Busy, full or closed: the log stays as long as it is, and its end is tried again.
        }
    }
}
