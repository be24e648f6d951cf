/** What is written for a device carries since when it is this server's, and the store compares. */
import { rm } from "node:fs/promises"
import path from "node:path"
import * as assert from "uvu/assert"
import { ActualWriter } from "../cloud/device-api/actual-writer.ts"
import { noExtras } from "../cloud/device-api/extras.ts"
import type { Session } from "../cloud/device-api/sessions.ts"
import { recordStatus } from "../cloud/device-api/status.ts"
import { Home } from "../cloud/handover/home.ts"
import { OwnerChanges } from "../cloud/handover/server/owner-changes.ts"
import { SharedSessions } from "../cloud/handover/server/shared-sessions.ts"
import { RunningWork } from "../cloud/running-work.ts"
import { openPostgresStore } from "../cloud/store/postgres-store.ts"
import { openSqliteStore } from "../cloud/store/sqlite-store.ts"
import type { Store } from "../cloud/store/store.ts"
import { Tenure } from "../cloud/tenure.ts"
import { operator, TestDevice, temporaryFolder, until, withClouds } from "./support/cloud.ts"
import { ask, databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"
import { suite } from "./support/suite.ts"

const test = suite("cloud: tenure")

const ACTUAL = { version: "1.0.0", sequence: 1, baseId: "b".repeat(64), bank: "a", state: "idle", bootCount: null, channel: null, uptimeMs: null, ledger: null }
const sessionOf = (deviceId: string, since: number | null): Session => ({
    deviceId,
    since,
    actual: null,
    reportedAtMs: 0,
    changedAtMs: 0,
    offer: null,
    reading: 0,
    allowance: 1,
    allowanceAtMs: 0,
    extras: noExtras(),
    sealKey: null,
})

interface Side {
    readonly home: Home<any>
    readonly sessions: SharedSessions
    readonly tenure: Tenure
}

/** Two servers' views of one store, as they are in a handover. */
async function withSides(work: (store: Store, one: Side, other: Side) => Promise<void>): Promise<void> {
    const folder = await temporaryFolder()
    const url = await databaseOf(folder)
    const running = new RunningWork()
    const onError = (error: unknown): void => console.error(error)
    const store = url === undefined ? await openSqliteStore(path.join(folder, "test.db")) : await openPostgresStore({ url, onError })
    const side = (me: string, them: string): Side => {
        const sessions = new SharedSessions({ store, me, work: running, other: () => them, handover: () => "h1", notesOwners: () => true, onError })
        const home: Home<any> = new Home<any>({ me, store: sessions as never, shared: true, now: Date.now, send: () => {}, capture: (_session, done) => done({ version: 1 }) })
        const tenure = new Tenure()
        tenure.know({ me, since: device => home.since(device), onLost: device => home.look(device), mayBeFree: () => false, hasBegunElsewhere: async () => false })
        tenure.isAsked = true
        return { home, sessions, tenure }
    }
    try {
        await store.write(async repos => {
            await repos.handover.ensure()
            for (const id of ["a", "b"]) await repos.devices.insert({ id, app: null, attributes: "{}", createdAtMs: 1, createdBy: "test" })
        })
        await work(store, side("one", "other"), side("other", "one"))
    } finally {
        await running.close()
        await store.close()
        await dropDatabaseOf(folder)
        await rm(folder, { recursive: true, force: true })
    }
}

const dependencies = (store: Store, tenure: Tenure) => ({ store, tenure, commandTimeoutMs: 1_000, retryDelayMs: 1_000, now: Date.now })
const posted = (store: Store, tenure: Tenure, session: Session, done: number): Promise<string> =>
    recordStatus(dependencies(store, tenure), session, { id: "", state: "downloading", done }).then(() => "written", (error: { code?: string }) => error.code ?? String(error))
const history = async (store: Store): Promise<unknown[]> => (await store.read.devices.history("a", null, 10)).map(({ doneBytes }) => Number(doneBytes)).reverse()

test("a status is written by the server that has the device, at the epoch at which it was begun, and by no other", () =>
    withSides(async (store, one, other) => {
        const epoch = await one.sessions.begin()
        for (const id of ["a", "b"]) one.home.load(id, { owner: "one", epoch, snapshot: null })
        assert.is(await posted(store, one.tenure, sessionOf("a", null), 1), "written")
        assert.is(await posted(store, other.tenure, sessionOf("a", null), 2), "HOV_API_DEVICE_ELSEWHERE")
        // The other one takes it, which this one does not hear of: a request that it has let in is under way.
        const late = sessionOf("a", one.home.since("a") ?? null)
        other.home.taking = true
        const seized = await new Promise<any>(resolve => other.sessions.seize("a", resolve))
        other.home.arrive("a", seized)
        assert.is(one.home.isHere("a"), true)
        assert.is(await posted(store, one.tenure, late, 3), "HOV_API_DEVICE_ELSEWHERE")
        await until("that it knows", async () => one.home.isHere("a"), here => !here, 2_000)
        assert.is(await posted(store, other.tenure, sessionOf("a", seized.epoch), 4), "written")
        // And back: what was begun before it left is still of no use.
        const back = await one.sessions.claim("a")
        if (back !== undefined) one.home.arrive("a", back)
        assert.is(one.home.since("a"), back?.epoch)
        assert.is(await posted(store, one.tenure, late, 5), "HOV_API_DEVICE_ELSEWHERE")
        assert.is(await posted(store, one.tenure, sessionOf("a", back?.epoch ?? null), 6), "written")
        assert.equal(await history(store), [1, 4, 6])
    }))

test("of what polls reported, what is of devices that have left is not written, and the rest is", () =>
    withSides(async (store, one, other) => {
        const epoch = await one.sessions.begin()
        for (const id of ["a", "b"]) one.home.load(id, { owner: "one", epoch, snapshot: null })
        const writer = new ActualWriter({ store, tenure: one.tenure, lazyMs: 60_000, commandTimeoutMs: 1_000, now: Date.now, onError: error => console.error(error) })
        await store.write(async repos => {
            for (const id of ["a", "b"])
                await repos.commands.insert({ id: `k${id}`, deviceId: id, kind: "check", generation: 0, attempt: 1, state: "queued", queuedAtMs: 1, deliveries: 0 })
        })
        await new Promise(resolve => other.sessions.seize("a", resolve))
        for (const id of ["a", "b"]) {
            const session = sessionOf(id, null)
            writer.report(session, ACTUAL)
            writer.noteDelivery({ session, commandId: `k${id}`, deliveries: 1, atMs: 5 })
        }
        await writer.close()
        assert.is(await store.read.devices.getActual("a"), undefined)
        assert.is((await store.read.devices.getActual("b"))?.version, "1.0.0")
        assert.equal([(await store.read.commands.get("ka"))?.state, (await store.read.commands.get("kb"))?.state], ["queued", "delivered"])
    }))

test("a server of an earlier handover takes nothing in a later one, and epochs do not come again", () =>
    withSides(async (_store, one, other) => {
        const first = await one.sessions.begin()
        const bumped = await new Promise<unknown>(resolve => one.sessions.bump("a", first, resolve))
        assert.is(bumped, null)
        one.sessions.end()
        await until("the end", () => new Promise<any>(resolve => one.sessions.look("a", resolve)), record => record === undefined, 2_000)
        const stale = await new Promise<any>(resolve => other.sessions.seize("a", resolve))
        assert.is(stale, undefined)
        assert.ok((await one.sessions.begin()) > first + 1)
    }))

if (onPostgres)
    test("what happens by itself is written by the process that leads, as the database has it", async () => {
        const folder = await temporaryFolder()
        const url = (await databaseOf(folder)) as string
        const stores = [await openPostgresStore({ url, onError: () => {} }), await openPostgresStore({ url, onError: () => {} })]
        const leads = (): Promise<boolean[]> => Promise.all(stores.map(store => store.write(repos => store.holdsLead(repos))))
        try {
            assert.equal(await leads(), [true, false])
            // Its connection breaks, of which it has not heard yet when it writes.
            const held = stores[0].write(async repos => {
                await ask(url, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 2 and granted and database = (select oid from pg_database where datname = current_database())")
                await until("the end of its connection", () => ask(url, "select 1 from pg_locks where locktype = 'advisory' and objid = 2 and granted and database = (select oid from pg_database where datname = current_database())"), rows => rows.length === 0 || stores[1].leads, 5_000)
                return stores[0].holdsLead(repos)
            })
            assert.is(await held, false)
            await until("another one that leads", leads, each => each.filter(Boolean).length === 1, 5_000)
        } finally {
            for (const store of stores) await store.close()
            await dropDatabaseOf(folder)
            await rm(folder, { recursive: true, force: true })
        }
    })

test("a change of an owner that the store does not take keeps no other of the same transaction, and is made when it does", () =>
    withSides(async store => {
        const work = new RunningWork()
        const told: string[] = []
        const changes = new OwnerChanges<never>({ store, work, toRecord: ({ owner, epoch }) => ({ owner, epoch: Number(epoch), snapshot: null }), onError: () => {} })
        let isTaken = false
        const done: string[] = []
        // In one turn, so in one transaction.
        for (const id of ["a", "b", "c", "d"])
            changes.add(id, () => void done.push(id), async repos => {
                if (id === "b" && !isTaken) throw new Error("not now")
                await repos.handover.setOwner({ session: id, owner: "one", epoch: 1, kept: null })
                return true
            }, () => void told.push(id))
        await until("the others", async () => done.length, count => count === 3, 10_000)
        await until("a second try", async () => changes.failures, count => count > 1, 10_000)
        assert.equal([...done].sort(), ["a", "c", "d"])
        assert.is(await store.read.handover.owner("b"), undefined)
        isTaken = true
        await until("the last", async () => done.length, count => count === 4, 10_000)
        assert.equal([told.length, (await store.read.handover.owner("b"))?.owner], [4, "one"])
        await work.close()
    }))

if (!onPostgres)
    for (const when of ["while others move", "when it is over"])
        test(`a device that is added ${when} is served where it was added, before anybody asks about it`, () =>
            withClouds(2, async (current, next) => {
                const first = await TestDevice.add(current, "b0")
                await first.poll()
                await operator(current.url, current.adminToken).must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: when === "when it is over" ? 100 : 1 })
                if (when === "when it is over") await until("the end", () => next.must(200, "GET", "/server/handover"), ({ phase }) => phase === "done", 10_000)
                const added = await TestDevice.add(next, "b9")
                assert.is((await added.poll()).status, 202)
                assert.is((await added.status({ id: "", state: "idle", v: "1.0.0" })).status, 200)
                for (const device of [first, added]) device.close()
            }))

test.run()
