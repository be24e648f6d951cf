import { readFile, rm, utimes, writeFile } from "node:fs/promises"
import { type AddressInfo, connect, createServer } from "node:net"
import path from "node:path"
import { Kysely, sql } from "kysely"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { CachedBlobs } from "../cloud/store/blobs.ts"
import { isDiskFull } from "../cloud/store/disk-full.ts"
import { DiskBlobs } from "../cloud/store/disk-blobs.ts"
import { LibsqlDialect } from "../cloud/store/libsql-dialect.ts"
import { openSqliteStore } from "../cloud/store/sqlite-store.ts"
import type { Repos, Store } from "../cloud/store/store.ts"
import { createPool } from "../cloud/store/postgres-client.ts"
import { openPostgresStore } from "../cloud/store/postgres-store.ts"
import { sha256, temporaryFolder } from "./support/cloud.ts"
import { databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"

const open = async (folder: string): Promise<Store> => {
    const url = await databaseOf(folder)
    return url === undefined ? openSqliteStore(path.join(folder, "test.db")) : openPostgresStore({ url, onError: () => {} })
}

const test = suite<{ folder: string; store: Store }>("cloud: store")
test.before.each(async context => {
    context.folder = await temporaryFolder()
    context.store = await open(context.folder)
})
test.after.each(async context => {
    await context.store.close()
    await dropDatabaseOf(context.folder)
    await rm(context.folder, { recursive: true, force: true })
})

const device = (id: string) => ({ id, app: null, attributes: "{}", createdAtMs: 1, createdBy: "test" })

test("a transaction that throws leaves nothing, and its events are not announced", async ({ store }) => {
    const heard: string[] = []
    store.onEvents(events => heard.push(...events.map(event => event.type)))
    try {
        await store.write(async repos => {
            await repos.devices.insert(device("a"))
            repos.events.note("device.created", "a", 1, {})
            throw new Error("no")
        })
        assert.unreachable()
    } catch (error) {
        assert.is((error as Error).message, "no")
    }
    assert.is(await store.read.devices.get("a"), undefined)
    assert.equal(heard, [])
    await store.write(async repos => {
        await repos.devices.insert(device("a"))
        repos.events.note("device.created", "a", 1, {})
    })
    assert.equal(heard, ["device.created"])
})

if (!onPostgres) test("embedded: of transactions that begin together each is whole or not there at all, and none reaches into another", async ({ store }) => {
    const heard: string[] = []
    store.onEvents(events => heard.push(...events.map(event => event.deviceId ?? "")))
    const leaked: Repos[] = []
    const late: unknown[] = []
    const write = (n: number): Promise<void> =>
        store.write(async repos => {
            await repos.devices.insert(device(`d${n}`))
            repos.events.note("device.created", `d${n}`, 1, {})
            // One that is over, under the same commit or not.
            for (const other of leaked.splice(0)) await other.devices.insert(device(`late${n}`)).catch(error => late.push(error))
            leaked.push(repos)
            if (n % 3 === 1) throw new Error(`no ${n}`)
            // A rule of the database, which undoes the statement and not more.
            if (n % 3 === 2) await repos.devices.insert(device("d0"))
        })
    const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => write(n)))
    const good = [0, 3, 6, 9, 12, 15, 18].map(n => `d${n}`)
    assert.equal(settled.map(({ status }) => status === "fulfilled"), Array.from({ length: 20 }, (_, n) => n % 3 === 0))
    assert.equal((await store.read.devices.list({ after: null, limit: 50 })).map(({ id }) => id).sort(), good.slice().sort())
    assert.equal(heard, good)
    assert.is(late.length, 19)
})

if (!onPostgres) test("embedded: a listener that throws is told to who wrote, and others are written all the same", async ({ store }) => {
    const end = store.onEvents(events => {
        if (events.some(({ deviceId }) => deviceId === "b")) throw new Error("deaf")
    })
    const write = (id: string): Promise<void> =>
        store.write(async repos => {
            await repos.devices.insert(device(id))
            repos.events.note("device.created", id, 1, {})
        })
    const settled = await Promise.allSettled(["a", "b", "c"].map(write))
    assert.equal(settled.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"])
    end()
    await write("d")
    assert.equal((await store.read.devices.list({ after: null, limit: 9 })).map(({ id }) => id), ["a", "b", "c", "d"])
})

if (!onPostgres)
    test("embedded: what a work does after a full disk has ended its transaction is refused, and so are the others of its commit", async () => {
        const file = path.join(await temporaryFolder(), "full.db")
        const dialect = new LibsqlDialect({ path: file, busyTimeoutMs: 500 })
        const db = new Kysely<{ t: { text: string } }>({ dialect })
        try {
            await sql`create table t(text)`.execute(db)
            await sql`pragma max_page_count = 4`.execute(db)
            const insert = (text: string) => (inside: typeof db) => inside.insertInto("t").values({ text }).execute()
            const goesOn = async (inside: typeof db) => {
                await insert("x".repeat(100_000))(inside).catch(() => {})
                await insert("after")(inside)
            }
            for (const works of [[goesOn], [insert("before"), goesOn, insert("behind")]]) {
                const [settled] = await Promise.allSettled([dialect.transactions<{ t: { text: string } }, unknown>(works)])
                const reason = settled.status === "rejected" ? settled.reason : settled.value.map(one => (one.status === "rejected" ? one.reason : undefined)).find(Boolean)
                assert.ok(isDiskFull(reason), String(reason))
                assert.equal(await db.selectFrom("t").selectAll().execute(), [])
            }
            await dialect.transaction(insert("small"))
            assert.equal(await db.selectFrom("t").selectAll().execute(), [{ text: "small" }])
        } finally {
            await db.destroy()
            await rm(path.dirname(file), { recursive: true, force: true })
        }
    })

test("transactions do not mix, and a reader does not see half of one", async ({ store }) => {
    const order: string[] = []
    const write = (id: string) =>
        store.write(async repos => {
            order.push(`${id}+`)
            await repos.devices.insert(device(id))
            await new Promise(resolve => setImmediate(resolve))
            await repos.devices.insert(device(`${id}-twin`))
            order.push(`${id}-`)
        })
    const seen = store.read.devices.list({ after: null, limit: 10 })
    await Promise.all([write("a"), write("b"), seen])
    assert.equal(order, ["a+", "a-", "b+", "b-"])
    assert.is((await seen).length % 2, 0)
    assert.is((await store.read.devices.list({ after: null, limit: 10 })).length, 4)
})

test("a broken rule of the database rejects, and the connection goes on", async ({ store }) => {
    await store.write(repos => repos.devices.insert(device("a")))
    for (let n = 0; n < 3; n++) {
        try {
            await store.write(repos => repos.devices.insert(device("a")))
            assert.unreachable()
        } catch (error) {
            assert.match((error as Error).message, /unique/i)
        }
    }
    await store.write(repos => repos.devices.insert(device("b")))
})

test("the database itself refuses a second open command, and the same grant twice", async ({ store }) => {
    await store.write(repos => repos.devices.insert(device("a")))
    const command = { deviceId: "a", kind: "update", generation: 1, state: "queued", queuedAtMs: 1, deliveries: 0 }
    await store.write(repos => repos.commands.insert({ ...command, id: "c1", attempt: 1 }))
    const refused = async (id: string, attempt: number): Promise<boolean> =>
        store.write(repos => repos.commands.insert({ ...command, id, attempt })).then(() => false, () => true)
    assert.ok(await refused("c2", 2), "while one is open")
    await store.write(repos => repos.commands.patch("c1", { state: "expired", finishedAtMs: 2 }))
    assert.ok(await refused("c3", 1), "the same attempt again")
    assert.not.ok(await refused("c4", 2))
})

test("a database is brought up once and opened again as it was", async ({ store, folder }) => {
    await store.write(repos => repos.devices.insert(device("a")))
    const again = await open(folder)
    assert.is((await again.read.devices.get("a"))?.id, "a")
    await again.close()
})

if (!onPostgres) test("a file that is not a database is refused, not overwritten", async ({ folder }) => {
    const file = path.join(folder, "not.db")
    await writeFile(file, "this is a letter to a friend, not a database. ".repeat(100))
    let failed = false
    await openSqliteStore(file).catch(() => (failed = true))
    assert.ok(failed)
    assert.match(await readFile(file, "utf8"), "letter to a friend")
})

if (!onPostgres) test("a database that a newer server has brought up is refused", async ({ folder }) => {
    const file = path.join(folder, "newer.db")
    await (await openSqliteStore(file)).close()
    const db = new Kysely<any>({ dialect: new LibsqlDialect({ path: file, busyTimeoutMs: 1_000 }) })
    await db.insertInto("kysely_migration").values({ name: "9999-future", timestamp: "2100-01-01T00:00:00Z" }).execute()
    await db.destroy()
    const error = await openSqliteStore(file).then(() => undefined, (error: Error & { code?: string }) => error)
    assert.is(error?.code, "HOV_CLOUD_SCHEMA")
    assert.match(error?.message ?? "it opens", /a newer server has brought the database up \(9999-future\)/)
})

for (const end of ["committed", "undone"])
    test(`embedded: a statement that comes when its transaction is ${end} is refused, and changes nothing`, async ({ folder }) => {
        const store = await openSqliteStore(path.join(folder, "over.db"))
        try {
            let kept: Repos | undefined
            let late: Promise<unknown> | undefined
            const told = (work: Promise<unknown> | undefined): Promise<string> => work?.then(() => "done", (error: Error) => error.message) ?? Promise.resolve("never begun")
            const ended = await told(
                store.write(async repos => {
                    kept = repos
                    await repos.devices.insert(device("within"))
                    // When the transaction's end is on its way already.
                    late = Promise.resolve().then(() => Promise.resolve()).then(() => Promise.resolve()).then(() => repos.devices.insert(device("meanwhile")))
                    late.catch(() => {})
                    if (end === "undone") throw new Error("no")
                }),
            )
            assert.is(ended, end === "undone" ? "no" : "done")
            assert.is(await told(late), "the transaction of this statement is over")
            assert.is(await told(kept?.devices.insert(device("after"))), "the transaction of this statement is over")
            const stored = await store.read.devices.list({ after: null, limit: 10 })
            assert.equal(stored.map(({ id }) => id), end === "undone" ? [] : ["within"])
        } finally {
            await store.close()
        }
    })

/** What PgBouncer lets through at the begin of a connection without being told to; all else ends it. */
const STARTUP = new Set(["user", "database", "application_name", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"])

if (onPostgres)
    test("connections begin with nothing that a proxy would refuse, and the database will end a transaction that stands still", async ({ folder }) => {
        const url = new URL((await databaseOf(folder)) ?? "")
        const refused: string[] = []
        const proxy = createServer(client => {
            client.on("error", () => {})
            client.once("data", first => {
                const names = first.subarray(8).toString().split("\0").filter((_, n) => n % 2 === 0)
                refused.push(...names.filter(name => name !== "" && !STARTUP.has(name.toLowerCase())))
                if (refused.length > 0) return void client.destroy()
                const server = connect(Number(url.port), url.hostname)
                server.on("error", () => client.destroy())
                server.write(first)
                client.pipe(server).pipe(client)
            })
        })
        await new Promise<void>(resolve => proxy.listen(0, "127.0.0.1", resolve))
        const there = new URL(url)
        there.port = String((proxy.address() as AddressInfo).port)
        const errors: unknown[] = []
        const pool = createPool(there.href, 1, error => errors.push(error))
        try {
            const store = await openPostgresStore({ url: there.href, onError: error => errors.push(error) })
            await store.write(repos => repos.devices.insert(device("through")))
            await store.close()
            const { rows } = await pool.query("show idle_in_transaction_session_timeout")
            assert.equal([rows, refused, errors], [[{ idle_in_transaction_session_timeout: "5s" }], [], []])
        } finally {
            await pool.end()
            await new Promise(resolve => proxy.close(resolve))
        }
    })

test("a blob is stored once under its digest, and leftovers of a crash are swept", async ({ folder }) => {
    const blobs = new CachedBlobs(await DiskBlobs.open(path.join(folder, "blobs")), 1024)
    const bytes = Buffer.from("some image")
    const digest = await blobs.put(bytes)
    assert.is(digest, sha256(bytes))
    assert.is(await blobs.put(bytes), digest)
    const leftover = path.join(folder, "blobs", "tmp", "half-written")
    await writeFile(leftover, "x")
    await utimes(leftover, 1, 1)
    const later = new CachedBlobs(await DiskBlobs.open(path.join(folder, "blobs")), 1024)
    assert.is(await readFile(path.join(folder, "blobs", "tmp", "half-written")).catch(() => null), null)
    const reads = await Promise.all(Array.from({ length: 50 }, () => later.get(digest)))
    assert.ok(reads.every(read => read !== undefined && bytes.equals(read)))
    assert.is(later.reads, 1)
    assert.is(await later.get("0".repeat(64)), undefined)
    assert.is(await later.get("../../etc/passwd"), undefined)
})

test.run()
