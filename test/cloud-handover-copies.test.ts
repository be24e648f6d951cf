import assert from "node:assert/strict"
import { createServer } from "node:http"
import path from "node:path"
import Database from "libsql"
import type { AddressInfo } from "node:net"
import { suite } from "./support/suite.ts"
import { SeededRandom } from "../sim/seeded-random.ts"
import { Home } from "../cloud/handover/home.ts"
import { Leaving } from "../cloud/handover/leaving.ts"
import type { HandoverMessage } from "../cloud/handover/messages.ts"
import type { SessionStore } from "../cloud/handover/store.ts"
import { KeptCopies, SentCopies } from "../cloud/handover/server/device-copies.ts"
import { DIGEST_HEADER, digestOf, exchange } from "../cloud/handover/server/exchange.ts"
import { printsOf, putTogether, restOf } from "../cloud/handover/server/device-rest.ts"
import { type DeviceBody, snapshotOf } from "../cloud/handover/server/device-sessions.ts"
import type { DeviceRows } from "../cloud/store/handover.ts"
import { RunningWork } from "../cloud/running-work.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { TestDevice, until, withClouds } from "./support/cloud.ts"

const test = suite("cloud-handover-copies")
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

const TABLES = ["devices", "actual", "statuses", "logLines", "commands"]

/** Rows come, go at the beginning, change, and tables appear and disappear. */
function changed({ rows }: DeviceBody, random: SeededRandom): DeviceBody {
    const now: DeviceRows = {}
    for (const table of TABLES) {
        let list = [...(rows[table] ?? [])]
        const row = (): DeviceRows[string][number] => ({ seq: random.integer(1, 6), text: `é"\\${random.integer(1, 4)}`, none: null })
        if (random.chance(0.3)) list = list.slice(random.integer(0, list.length))
        if (random.chance(0.2) && list.length > 0) list[random.integer(0, list.length - 1)] = row()
        while (random.chance(0.5)) list.push(row())
        if (list.length > 0) now[table] = list
    }
    return { rows: now, sealKey: random.chance(0.5) ? null : `k${random.integer(1, 2)}` }
}

const overTheLink = <T>(value: T): T => JSON.parse(JSON.stringify(value))

test("a copy and the rest make the whole, whatever rows came, went or changed", () => {
    const random = new SeededRandom(seed)
    let before: DeviceBody = { rows: {}, sealKey: null }
    for (let n = 0; n < 2_000; n++) {
        const after = changed(before, random)
        const made = putTogether(overTheLink(before), overTheLink(restOf(printsOf(before), after)))
        assert.equal(JSON.stringify(made), JSON.stringify(after), `SEED=${seed}, change ${n}`)
        before = after
    }
})

test("what was appended is all that is sent of a history", () => {
    const row = (seq: number): DeviceRows[string][number] => ({ seq, text: "x".repeat(100) })
    const history = Array.from({ length: 50 }, (_, seq) => row(seq))
    const rest = restOf(printsOf({ rows: { devices: [{ id: "b1" }], statuses: history }, sealKey: null }), { rows: { devices: [{ id: "b1" }], statuses: [...history.slice(2), row(50)] }, sealKey: null })
    assert.deepEqual(rest, { tables: ["devices", "statuses"], changed: { statuses: { from: 2, count: 48, added: [row(50)] } }, sealKey: null })
})

test("a copy that is not what was sent is not kept, and one of another version stands for nothing", () => {
    const errors: unknown[] = []
    const kept = new KeptCopies(error => errors.push(error))
    const body: DeviceBody = { rows: { devices: [{ id: "b1" }], statuses: [{ seq: 1 }] }, sealKey: null }
    const later: DeviceBody = { rows: { devices: [{ id: "b1" }], statuses: [{ seq: 1 }, { seq: 2 }] }, sealKey: null }
    const { version } = snapshotOf(body)
    kept.keep("b1", { version: version + 1, body })
    assert.equal(kept.version("b1"), null)
    assert.match(String(errors[0]), /HOV_HANDOVER_DIGEST/)
    kept.keep("b1", { version, body })
    assert.deepEqual(kept.complete("b1", { version }), body)
    const rest = restOf(printsOf(body), later)
    assert.deepEqual(kept.complete("b1", { version: snapshotOf(later).version, since: { version, rest } }), later)
    // Put together it does not have the digest that it should have.
    assert.equal(kept.complete("b1", { version: snapshotOf(later).version + 1, since: { version, rest } }), undefined)
    assert.equal(kept.complete("b1", { version: snapshotOf(later).version, since: { version: version + 1, rest } }), undefined)
    assert.equal(kept.complete("b2", { version }), undefined)
    kept.clear()
    assert.equal(kept.version("b1"), null)
})

/** A device with so many characters in its rows. */
const bodyOf = (device: string, chars: number): DeviceBody => ({ rows: { devices: [{ id: device }], statuses: [{ seq: 1, diagnostics: "x".repeat(chars) }] }, sealKey: null })

test("a message with copies ends before it is too long, and a device that is too large for one is left for the freeze", async () => {
    const chars: Record<string, number> = { b1: 600_000, b2: 3_000_000, b3: 600_000, b4: 10 }
    const sent = new SentCopies({ work: new RunningWork(), read: async device => bodyOf(device, chars[device]), onError: assert.ifError })
    const read = (devices: string[]) => new Promise<string[][]>(resolve => sent.read(devices, (copies, unread) => resolve([copies.map(({ session }) => session), [...unread]])))
    assert.deepEqual(await read(["b1", "b2", "b3", "b4"]), [["b1", "b3"], ["b4"]])
    assert.deepEqual(await read(["b4"]), [["b4"], []])
})

test("reading for a copy is awaited by a close, and what goes wrong after it is told", async () => {
    const errors: unknown[] = []
    const work = new RunningWork()
    let isRead = false
    const read = async (device: string): Promise<DeviceBody> => {
        await new Promise(resolve => setTimeout(resolve, 20))
        isRead = true
        return bodyOf(device, 1)
    }
    const sent = new SentCopies({ work, read, onError: error => errors.push(error) })
    await new Promise<void>(resolve =>
        sent.read(["b1"], () => {
            setImmediate(resolve)
            throw new Error("done")
        }),
    )
    assert.deepEqual(errors.map(String), ["Error: done"])
    isRead = false
    sent.read(["b1"], () => {})
    await work.close()
    assert.equal(isRead, true)
})

/** Current's plan over one session that nothing is written of; `answer`: what next says to a copy. */
function leavingWith(answer: (copy: Extract<HandoverMessage<number>, { kind: "copy" }>) => HandoverMessage<number> | undefined, sessions: readonly string[] = ["s1"]) {
    let nowMs = 0
    const said: HandoverMessage<number>[] = []
    const store = { savePlan: (_plan: unknown, done: () => void) => done() } as unknown as SessionStore<number>
    const now = () => nowMs
    const home = new Home<number>({ me: "a", store, shared: false, now, send: () => {}, capture: () => {} })
    for (const session of sessions) home.load(session, { owner: "a", epoch: 1, snapshot: null })
    const leaving = new Leaving<number>({
        ...{ handover: "h", key: "k", phase: "preparing", home, store, offersPerS: 1, offerMs: 1, retryMs: 100, now },
        copying: { roundsMax: 2, sessionsPerCopy: 1, dirtyMax: 0, perS: () => 1_000, read: (asked, done) => done(asked.map(session => ({ session, snapshot: { version: 1, body: 1 } }))), changed: () => [] },
        send: message => {
            said.push(message)
            const answered = message.kind === "copy" ? answer(message) : undefined
            if (answered !== undefined) setImmediate(() => leaving.receive(answered))
        },
        tellClient: () => {},
        isConnected: () => false,
        mayOffer: () => false,
        rest: () => {},
    })
    leaving.receive({ kind: "ready", handover: "h" })
    const run = async (ms: number): Promise<void> => {
        for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 10) {
            leaving.tick()
            await new Promise(setImmediate)
        }
    }
    return { leaving, run, said }
}

test("copies that do not get through are given up: devices go whole", async () => {
    const { leaving, run, said } = leavingWith(() => undefined)
    await run(300)
    assert.equal(leaving.phase, "copying")
    await run(4_000)
    assert.equal(leaving.phase, "moving")
    assert.equal(said.filter(({ kind }) => kind === "copy").length, 6)
})

test("only what next has kept counts as copied, and current stops when next is full", async () => {
    const { leaving, run, said } = leavingWith(({ handover, part, copies }) => ({ kind: "copied", handover, part, kept: part <= 2 ? copies.map(({ session }) => session) : [] }), ["s1", "s2", "s3", "s4", "s5"])
    await run(1_000)
    assert.deepEqual([leaving.phase, leaving.progress.copied, said.filter(({ kind }) => kind === "copy").length], ["moving", 2, 3])
    const kept = new KeptCopies(assert.ifError, 1_000)
    assert.deepEqual(["b1", "b2"].map(device => kept.keep(device, snapshotOf(bodyOf(device, 600)))), [true, false])
    assert.deepEqual(["b1", "b2"].map(device => kept.version(device) === null), [false, true])
})

test("current remembers so many rows of copies and no more; what next does not have is forgotten", async () => {
    const body = (device: string): DeviceBody => ({ rows: { devices: [{ id: device }], statuses: [1, 2, 3].map(seq => ({ seq })) }, sealKey: null })
    const sent = new SentCopies({ work: new RunningWork(), read: async device => body(device), onError: assert.ifError }, 10)
    const read = (devices: string[]) => new Promise<string[]>(resolve => sent.read(devices, copies => resolve(copies.map(({ session }) => session))))
    assert.deepEqual(await read(["b1", "b2", "b3"]), ["b1", "b2"])
    // Once more is no more.
    assert.deepEqual(await read(["b1", "b2", "b3"]), ["b1", "b2"])
    sent.forget("b1")
    assert.deepEqual(await read(["b3"]), ["b3"])
    assert.equal(sent.rest("b1", snapshotOf(body("b1")).version, snapshotOf(body("b1"))), undefined)
    sent.clear()
    assert.deepEqual(await read(["b4", "b5"]), ["b4", "b5"])
})

test("an answer of the other server that is not what was sent is refused", async () => {
    const text = '{"tables":{}}'
    const server = createServer((request, response) => response.writeHead(200, { [DIGEST_HEADER]: digestOf(request.url === "/good" ? text : `${text} `) }).end(text))
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    assert.equal((await exchange({ url }, "GET", "/good")).toString(), text)
    await assert.rejects(exchange({ url }, "GET", "/bad"), /HOV_HANDOVER_DIGEST/)
    server.closeAllConnections()
    server.close()
})

if (onPostgres) test.skip("the servers share a database: nothing is copied", () => {})
else {
    test("devices are copied before they are offered, next does not show them, and what changes after that is all that is sent", () =>
        withClouds(2, async (current, next) => {
            const devices = await Promise.all(["b1", "b2", "b3"].map(id => TestDevice.add(current, id)))
            for (const device of devices) {
                await device.poll()
                for (const n of [1, 2, 3]) await device.status({ id: "", state: "failed", v: "1.0.0", code: `HOV_${n}` })
            }
            const waiting = devices.map(device => device.poll(20))
            void Promise.allSettled(waiting)
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 3 })
            const told = await Promise.race(waiting.map(async (poll, n) => ({ n, move: (await poll).body.move as string })))
            const progress = await current.must(200, "GET", "/server/handover")
            assert.equal(progress.copied, 3)
            // Copies are nobody's devices there.
            assert.deepEqual((await next.must(200, "GET", "/devices?limit=10")).items, [])
            const late = devices.find((_, n) => n !== told.n) as TestDevice
            assert.equal((await late.status({ id: "", state: "failed", v: "1.0.0", code: "HOV_LATE" })).status, 200)
            const moved = await devices[told.n].at(told.move)
            assert.equal((await moved.poll()).status, 202)
            const done = await until("the end", () => current.must(200, "GET", "/server/handover"), ({ phase }) => phase === "done", 20_000)
            assert.equal(done.fromCopies, 3, "none of them was sent whole")
            for (const device of devices) {
                const codes = (await next.must(200, "GET", `/devices/${device.id}`)).history.map((entry: { code: string }) => entry.code)
                assert.deepEqual(codes, [...(device === late ? ["HOV_LATE"] : []), "HOV_3", "HOV_2", "HOV_1"])
            }
            for (const device of [...devices, moved]) device.close()
        }))

    test("devices with long histories are copied and moved, also one that no message of an earlier version would hold", () =>
        withClouds(2, async (current, next) => {
            const sizes = [...Array<number>(24).fill(100), 2_200]
            await current.must(201, "POST", "/devices/batch", { devices: sizes.map((_, n) => ({ id: `b${n}` })) })
            const db = new Database(path.join(current.dataDir, "handover.db"), { timeout: 5_000 } as object)
            const insert = db.prepare(`insert into "statuses" ("deviceId", "atMs", "state", "diagnostics") values (?, ?, 'failed', ?)`)
            db.exec("begin immediate")
            for (const [n, count] of sizes.entries()) for (let row = 0; row < count; row++) insert.run([`b${n}`, row, JSON.stringify("d".repeat(8_000))])
            db.exec("commit")
            db.close()
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 10_000 })
            const done = await until("the end", () => current.must(200, "GET", "/server/handover"), ({ phase }) => phase === "done", 25_000)
            assert.deepEqual([done.copied, done.fromCopies], [24, 24])
            assert.equal((await next.must(200, "GET", "/devices?limit=100")).items.length, 25)
            assert.equal((await next.must(200, "GET", "/devices/b24/history?limit=100")).items.length, 100)
        }))

    test("an abort leaves nothing of a copy behind", () =>
        withClouds(2, async (current, next) => {
            const devices = await Promise.all(["b1", "b2", "b3", "b4"].map(id => TestDevice.add(current, id)))
            for (const device of devices) await device.poll()
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 1 })
            await until("copies", () => current.must(200, "GET", "/server/handover"), ({ copied }) => copied === 4, 10_000)
            await current.must(200, "POST", "/server/handover/abort")
            await until("the end", () => current.must(200, "GET", "/server/handover"), ({ phase }) => phase === "aborted", 20_000)
            assert.deepEqual((await next.must(200, "GET", "/devices?limit=10")).items, [])
            for (const device of devices) assert.equal((await device.poll()).status, 202)
            // Once more, to the end.
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 200 })
            await until("the end", () => current.must(200, "GET", "/server/handover"), ({ phase }) => phase === "done", 20_000)
            assert.equal((await next.must(200, "GET", "/devices?limit=10")).items.length, 4)
            for (const device of devices) device.close()
        }))
}

test.run()
