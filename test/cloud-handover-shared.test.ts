/** A handover between two processes on one PostgreSQL: only sessions move. Skipped on the embedded database. */
import { rm } from "node:fs/promises"
import pg from "pg"
import { LOCKS } from "../cloud/store/postgres-channel.ts"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"
import { call, operator, publish, TestDevice, temporaryFolder, until } from "./support/cloud.ts"
import { begin, Follower, healthOf, listen, numbersOf, phase } from "./support/handover.ts"
import { beginProcess, startProcess, type ServerProcess } from "./support/server-process.ts"

const FLEET = 16
const TIMINGS = { rolloutTickMs: 50, enrolMs: 200, sweepMs: 50, lazyWriteMs: 50 }
const suiteOfTwo = suite("a handover with one database")
const test = onPostgres ? suiteOfTwo : suiteOfTwo.skip

async function withTwo(work: (current: ServerProcess, next: ServerProcess, where: { dataDir: string; url: string }) => Promise<void>): Promise<void> {
    const dataDir = await temporaryFolder()
    const url = (await databaseOf(dataDir)) ?? ""
    const current = await startProcess(dataDir, TIMINGS)
    const next = await startProcess(dataDir, TIMINGS)
    try {
        await work(current, next, { dataDir, url })
    } finally {
        await Promise.all([current.kill(), next.kill()])
        await dropDatabaseOf(dataDir)
        await rm(dataDir, { recursive: true, force: true })
    }
}
async function fleet(server: ServerProcess): Promise<Follower[]> {
    const { items } = await operator(server.url, server.adminToken).must(201, "POST", "/devices/batch", { devices: Array.from({ length: FLEET }, (_, n) => ({ id: `b${n}` })) })
    const boards = items.map((item: any) => new Follower(new TestDevice(server.url, item.id, item.token)))
    await until("held polls", () => healthOf(server), shown => shown.heldPolls >= FLEET / 2, 15_000)
    return boards
}

test("every device moves once, statuses and events are there once and in order, a rollout goes on, and next leads", () =>
    withTwo(async (current, next) => {
        const { must } = operator(current.url, current.adminToken)
        await publish(current, "1.1.0")
        const boards = await fleet(current)
        const listener = await listen(current, 0)
        const rollout = await must(201, "POST", "/rollouts", { release: "app@1.1.0", filter: "id != b0 and id != b1 and id != b2", phases: [{ percent: 100 }], ratePerMinute: 240 })
        let open = true
        const failures: string[] = []
        const posted = new Map<string, number>()
        const posts = boards.slice(0, 3).map(async board => {
            for (let done = 1; open; done++) {
                const { status, bytes } = await board.device.status({ id: "", state: "downloading", v: "1.0.0", done })
                if (status !== 200) failures.push(`${status} ${bytes}`)
                posted.set(board.device.id, done)
                await new Promise(resolve => setTimeout(resolve, 50))
            }
        })
        await begin(current, next, 10)
        const progress = await phase(current, "done", 20_000)
        assert.is(progress.moved, FLEET)
        assert.is((await until("the lead of next", () => healthOf(next), shown => shown.leads)).leads, true)
        assert.is((await healthOf(current)).leads, false)
        const shown = await until("the end of the rollout", () => must(200, "GET", `/rollouts/${rollout.id}`), r => r.state === "completed", 20_000)
        assert.is(shown.devices.succeeded, FLEET - 3)
        open = false
        await Promise.all(posts)
        await Promise.all(boards.map(board => board.stop()))
        assert.equal(failures, [])
        assert.equal(boards.flatMap(board => board.failures), [])
        assert.equal(boards.map(board => board.moves), boards.map(() => 1))
        assert.equal(boards.map(board => board.commands.length), boards.map((_, n) => (n < 3 ? 0 : 1)))
        for (const [id, count] of posted) {
            const page = await must(200, "GET", `/devices/${id}/history?limit=500`)
            const steps = page.items.map((item: any) => item.doneBytes).filter((done: unknown) => done !== null).reverse()
            assert.equal(steps, Array.from({ length: count }, (_, n) => n + 1), id)
        }
        await listener.ended
        const heard = numbersOf(listener.events)
        const whole = await listen(next, 0)
        await until("the log", async () => whole.events.length, length => length >= listener.events.length)
        whole.close()
        assert.equal(heard, numbersOf(whole.events).slice(0, heard.length))
    }))

test("when next dies in the middle, an abort brings every device back to current", () =>
    withTwo(async (current, next) => {
        const boards = await fleet(current)
        await begin(current, next, 4)
        const { must } = operator(current.url, current.adminToken)
        await until("some devices at next", () => must(200, "GET", "/server/handover"), progress => progress.moved >= 3, 15_000)
        await next.kill()
        await must(200, "POST", "/server/handover/abort")
        const seats = boards.map(({ device }) => new TestDevice(current.url, device.id, device.token))
        await Promise.all(boards.map(board => board.stop()))
        for (const seat of seats) {
            const answer = await until(`${seat.id} at current`, () => seat.poll(), ({ status }) => status === 202, 20_000)
            assert.is(answer.status, 202)
            assert.is((await seat.status({ id: "", state: "idle", v: "1.0.0" })).status, 200)
            seat.close()
        }
        assert.is((await call(`${current.url}/healthz`)).status, 200)
    }))

const doneOf = async (server: ServerProcess, id: string): Promise<number[]> => {
    const { items } = await operator(server.url, server.adminToken).must(200, "GET", `/devices/${id}/history?limit=500`)
    return items.map((item: any) => item.doneBytes).reverse()
}
const step = (device: TestDevice, done: number) => device.status({ id: "", state: "downloading", v: "1.0.0", done })
/** A device's ticket for next: where its poll at current sends it. */
const told = async (device: TestDevice): Promise<TestDevice> =>
    device.at((await until("a move", () => device.poll(1), ({ body }) => body?.move !== undefined, 15_000)).body.move)

test("a server that is stopped in the middle of a write, and goes on when another one has the device, writes nothing", () =>
    withTwo(async (current, next, { url }) => {
        const boards = await Promise.all(["b0", "b1"].map(id => TestDevice.add(current, id)))
        for (const board of boards) await board.poll()
        await begin(current, next)
        const there = await Promise.all(boards.map(told))
        // Nobody's write goes on while this has the lock: one of the two is in its transaction then, the other one before it.
        const lock = new pg.Client({ connectionString: url })
        await lock.connect()
        await lock.query("select pg_advisory_lock($1, $2)", [LOCKS.space, LOCKS.write])
        const written = boards.map(board => step(board, 7))
        const statuses = async (): Promise<string> => (await call(`${current.url}/metrics`, { headers: { authorization: `Bearer ${current.adminToken}` } })).bytes.toString()
        await until("both statuses at current", statuses, text => /^handover_statuses_total(?:\{[^}]*\})? 2$/m.test(text), 5_000)
        process.kill(current.pid, "SIGSTOP")
        await lock.end()
        // Nobody answers at current: next takes them when the database has ended current's transaction.
        await Promise.all(there.map(board => until(`${board.id} at next`, () => board.poll(), ({ status }) => status === 202, 30_000)))
        for (const board of there) assert.is((await step(board, 9)).status, 200)
        process.kill(current.pid, "SIGCONT")
        const answers = await Promise.all(written)
        assert.equal(answers.map(({ status }) => status), [503, 503])
        assert.ok(answers.some(({ body }) => body.code === "HOV_API_DEVICE_ELSEWHERE"))
        for (const board of there) {
            assert.equal(await doneOf(next, board.id), [9])
            // What current is told of them by now it hands on.
            assert.is((await until("handed on", () => step(boards[there.indexOf(board)], 11), ({ status }) => status === 200, 10_000)).status, 200)
            assert.equal(await doneOf(next, board.id), [9, 11])
        }
        assert.is((await phase(current, "done")).moved, 2)
        for (const board of [...boards, ...there]) board.close()
    }))

test("of two servers that both have a device's requests, one of which began in the middle of the handover, the one that it came to last writes", () =>
    withTwo(async (current, next, { dataDir }) => {
        const boards = await Promise.all(["b0", "b1"].map(id => TestDevice.add(current, id)))
        for (const board of boards) await board.poll()
        await begin(current, next, 1)
        const there = await told(boards[1])
        await until("it at next", () => there.poll(), ({ status }) => status === 202, 10_000)
        assert.is((await step(there, 1)).status, 200)
        await current.kill()
        const again = await beginProcess(dataDir, { port: Number(new URL(current.url).port), timings: TIMINGS }).listening
        try {
            // Its old home is there again, and it goes back.
            assert.is((await step(boards[1], 2)).status, 200)
            // Next does not know: what it would write is refused, and then it hands on.
            const late = await step(there, 3)
            assert.equal([late.status, late.body.code], [503, "HOV_API_DEVICE_ELSEWHERE"])
            assert.is((await until("handed on", () => step(there, 4), ({ status }) => status === 200, 10_000)).status, 200)
            assert.equal(await doneOf(again, "b1"), [1, 2, 4])
            assert.is((await step(boards[0], 1)).status, 200)
        } finally {
            await again.kill()
        }
        for (const board of [...boards, there]) board.close()
    }))

test("a server with another database does not take over", async () => {
    const folders = [await temporaryFolder(), await temporaryFolder()]
    for (const folder of folders) await databaseOf(folder)
    const [current, other] = await Promise.all(folders.map(folder => startProcess(folder)))
    const refused = await operator(current.url, current.adminToken).api("POST", "/server/handover", { to: other.url, token: other.adminToken })
    assert.is(refused.body.code, "HOV_API_HANDOVER_NEXT")
    await Promise.all([current.kill(), other.kill()])
    for (const folder of folders) {
        await dropDatabaseOf(folder)
        await rm(folder, { recursive: true, force: true })
    }
})

suiteOfTwo.run()
