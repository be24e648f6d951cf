/**
 * The store of several server processes: PostgreSQL.
 *
 * Writes queue for one advisory lock, so they happen one after the other as in the
 * embedded store: what one transaction read is still true when it commits, and event
 * numbers are in the order of the commits. A process runs its own writes over one
 * connection, so at most one of each process waits at the lock.
 */
import { randomBytes } from "node:crypto"
import { Kysely, PostgresDialect, sql } from "kysely"
import { isDatabaseAway } from "./database-away.ts"
import type { NewEvent, StoredEvent } from "./events.ts"
import { migrateToLatest } from "./migrations/index.ts"
import { LOCKS, PostgresChannel } from "./postgres-channel.ts"
import { createPool } from "./postgres-client.ts"
import { reposOver } from "./repos.ts"
import type { Schema } from "./schema.ts"
import type { EventListener, LeadershipListener, Repos, Store } from "./store.ts"

const READERS = 8
const PAGE = 500
/** After a read that failed. */
const AGAIN_MS = 500

export interface PostgresOptions {
    /** `postgres://user:password@host:port/database` */
    readonly url: string
    readonly onError: (error: unknown) => void
}

/** Opens the database and brings it up to the newest migration; processes that start together wait for each other. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
    const open = (connectionsMax: number): Kysely<Schema> =>
        new Kysely<Schema>({ dialect: new PostgresDialect({ pool: createPool(options.url, connectionsMax, options.onError) }) })
    const writer = open(1)
    const reader = open(READERS)
    try {
        await migrateToLatest(writer, "postgres")
        return await PostgresStore.open(writer, reader, options)
    } catch (error) {
        await Promise.all([writer.destroy(), reader.destroy()])
        throw error
    }
}

class PostgresStore implements Store {
    readonly kind = "postgres"
    readonly read: Repos
    readonly #id = randomBytes(8).toString("hex")
    readonly #writer: Kysely<Schema>
    readonly #reader: Kysely<Schema>
    readonly #onError: (error: unknown) => void
    readonly #listeners = new Set<EventListener>()
    readonly #leadership = new Set<LeadershipListener>()
    /** Events of this process that are not announced yet. */
    readonly #own = new Set<number>()
    #channel: PostgresChannel | undefined
    /** The last event that was announced here. */
    #announced = 0
    #catching: Promise<void> | undefined
    #more = false
    #closed = false

    private constructor(writer: Kysely<Schema>, reader: Kysely<Schema>, onError: (error: unknown) => void) {
        this.#writer = writer
        this.#reader = reader
        this.#onError = onError
        this.read = reposOver(reader, "postgres", [])
    }

    static async open(writer: Kysely<Schema>, reader: Kysely<Schema>, options: PostgresOptions): Promise<PostgresStore> {
        const store = new PostgresStore(writer, reader, options.onError)
        store.#channel = await PostgresChannel.open({
            url: options.url,
            id: store.#id,
            onNews: () => void store.#news(),
            onLeads: leads => {
                for (const listener of store.#leadership) listener(leads)
            },
            onError: options.onError,
        })
        store.#announced = Math.max(store.#announced, await store.read.events.lastSeq())
        return store
    }

    get leads(): boolean {
        return this.#channel?.leads ?? false
    }

    async holdsLead(repos: Repos): Promise<boolean> {
        const backend = this.#channel?.backend
        return backend !== undefined && repos.handover.holdsLock(LOCKS.space, LOCKS.leader, backend)
    }

    get reachable(): boolean {
        return this.#channel?.isConnected ?? false
    }

    snapshot<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        return this.#reader
            .transaction()
            .setIsolationLevel("repeatable read")
            .setAccessMode("read only")
            .execute(transaction => work(reposOver(transaction, "postgres", [])))
    }

    /** Once more when the connection turns out to be dead before any of the work was done. */
    async write<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        let begun = false
        const noticed = (repos: Repos): Promise<T> => {
            begun = true
            return work(repos)
        }
        try {
            return await this.#write(noticed)
        } catch (error) {
            if (begun || !isDatabaseAway(error)) throw error
            return this.#write(work)
        }
    }

    async #write<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        const noted: NewEvent[] = []
        let stored: readonly StoredEvent[] = []
        let before = 0
        let result: T
        try {
            result = await this.#writer.transaction().execute(async transaction => {
                await sql`select pg_advisory_xact_lock(${LOCKS.space}, ${LOCKS.write})`.execute(transaction)
                const inside = reposOver(transaction, "postgres", noted)
                const value = await work(inside)
                if (noted.length > 0) {
                    before = await inside.events.lastSeq()
                    stored = await inside.events.store(noted)
                    for (const { seq } of stored) this.#own.add(seq)
                    const { channel, payload } = PostgresChannel.notification(this.#id)
                    await sql`select pg_notify(${channel}, ${payload})`.execute(transaction)
                }
                return value
            })
        } catch (error) {
            for (const { seq } of stored) this.#own.delete(seq)
            throw error
        }
        // Whoever awaits a write finds its effects in this process.
        if (stored.length > 0)
            if (this.#announced === before) this.#announce(stored)
            else await this.#news()
        return result
    }

    onEvents(listener: EventListener): () => void {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
    }

    onLeadership(listener: LeadershipListener): () => void {
        this.#leadership.add(listener)
        if (this.leads) listener(true)
        return () => this.#leadership.delete(listener)
    }

    async resign(): Promise<void> {
        await this.#channel?.resign()
    }

    async close(): Promise<void> {
        this.#closed = true
        await this.#channel?.close()
        await this.#catching?.catch(() => {})
        this.#listeners.clear()
        this.#leadership.clear()
        await Promise.all([this.#writer.destroy(), this.#reader.destroy()])
    }

    /** What is committed is announced, now or when the database can be read again: a write that is done does not fail for it. */
    async #news(): Promise<void> {
        try {
            await this.#catchUp()
        } catch (error) {
            if (this.#closed) return
            this.#onError(error)
            setTimeout(() => void this.#news(), AGAIN_MS).unref()
        }
    }

    /** Announces what is committed and not announced yet; resolves when all that was committed before is. */
    #catchUp(): Promise<void> {
        this.#more = true
        this.#catching ??= this.#pull().finally(() => {
            this.#catching = undefined
        })
        return this.#catching
    }

    async #pull(): Promise<void> {
        while (this.#more && !this.#closed) {
            this.#more = false
            for (;;) {
                const events = await this.read.events.after(this.#announced, PAGE)
                // A commit of this process may have announced some of them meanwhile.
                this.#announce(events.filter(event => event.seq > this.#announced))
                if (events.length < PAGE || this.#closed) break
            }
        }
    }

    /** In runs of own and others' events, so that each listener is told which they are. */
    #announce(events: readonly StoredEvent[]): void {
        let from = 0
        while (from < events.length) {
            const own = this.#own.delete(events[from].seq)
            let to = from + 1
            while (to < events.length && this.#own.has(events[to].seq) === own) this.#own.delete(events[to++].seq)
            const run = events.slice(from, to)
            this.#announced = run[run.length - 1].seq
            for (const listener of this.#listeners)
                try {
                    listener(run, !own)
                } catch (error) {
                    this.#onError(error)
                }
            from = to
        }
    }
}
