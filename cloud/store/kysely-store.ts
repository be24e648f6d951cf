/** The store over any database that Kysely speaks; `openSqliteStore` is the embedded one. */
import type { Kysely } from "kysely"
import { Kysely as KyselyDatabase } from "kysely"
import { AuditRepo } from "./audit.ts"
import { CommandRepo } from "./commands.ts"
import { DesiredRepo } from "./desired.ts"
import { DeviceRepo } from "./devices.ts"
import type { DialectName } from "./dialect-name.ts"
import type { NewEvent, StoredEvent } from "./events.ts"
import { EventRepo } from "./events.ts"
import { GroupRepo } from "./groups.ts"
import { LibsqlDialect } from "./libsql-dialect.ts"
import { migrateToLatest } from "./migrations/index.ts"
import { ReleaseRepo } from "./releases.ts"
import { RolloutRepo } from "./rollouts.ts"
import type { Schema } from "./schema.ts"
import type { Repos, Store } from "./store.ts"
import { TokenRepo } from "./tokens.ts"
import { ViewRepo } from "./views.ts"
import { WebhookRepo } from "./webhooks.ts"

const BUSY_TIMEOUT_MS = 5_000

/** Opens (or creates) the database file and brings it up to the newest migration. */
export async function openSqliteStore(path: string): Promise<Store> {
    const db = new KyselyDatabase<Schema>({ dialect: new LibsqlDialect({ path, busyTimeoutMs: BUSY_TIMEOUT_MS }) })
    try {
        await migrateToLatest(db, "sqlite")
    } catch (error) {
        await db.destroy()
        throw error
    }
    return new KyselyStore(db, "sqlite")
}

class KyselyStore implements Store {
    readonly read: Repos
    readonly #db: Kysely<Schema>
    readonly #dialect: DialectName
    readonly #listeners = new Set<(events: readonly StoredEvent[]) => void>()

    constructor(db: Kysely<Schema>, dialect: DialectName) {
        this.#db = db
        this.#dialect = dialect
        this.read = repos(db, dialect, [])
    }

    async write<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        const noted: NewEvent[] = []
        let stored: readonly StoredEvent[] = []
        const result = await this.#db.transaction().execute(async transaction => {
            const inside = repos(transaction, this.#dialect, noted)
            const value = await work(inside)
            stored = await inside.events.store(noted)
            return value
        })
        if (stored.length > 0) for (const listener of this.#listeners) listener(stored)
        return result
    }

    onEvents(listener: (events: readonly StoredEvent[]) => void): () => void {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
    }

    async close(): Promise<void> {
        this.#listeners.clear()
        await this.#db.destroy()
    }
}

function repos(db: Kysely<Schema>, dialect: DialectName, noted: NewEvent[]): Repos {
    return {
        devices: new DeviceRepo(db, dialect),
        desired: new DesiredRepo(db),
        releases: new ReleaseRepo(db),
        commands: new CommandRepo(db),
        tokens: new TokenRepo(db),
        events: new EventRepo(db, noted),
        audit: new AuditRepo(db),
        views: new ViewRepo(db),
        groups: new GroupRepo(db),
        rollouts: new RolloutRepo(db),
        webhooks: new WebhookRepo(db),
    }
}
