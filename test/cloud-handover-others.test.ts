/** Servers of one PostgreSQL beside a handover, and those that are left of one. Skipped on the embedded database. */
import { rm } from "node:fs/promises"
import * as assert from "uvu/assert"
import { operator, TestDevice, temporaryFolder, until } from "./support/cloud.ts"
import { ask, databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"
import { begin, phase } from "./support/handover.ts"
import { startProcess, type ServerProcess } from "./support/server-process.ts"
import { suite } from "./support/suite.ts"

const TIMINGS = { rolloutTickMs: 50, enrolMs: 200, sweepMs: 50, lazyWriteMs: 50 }
const suiteOfOthers = suite("servers of one database beside a handover")
const test = onPostgres ? suiteOfOthers : suiteOfOthers.skip

/** `start` starts one more server of the database. */
async function withDatabase(work: (start: () => Promise<ServerProcess>, url: string) => Promise<void>): Promise<void> {
    const dataDir = await temporaryFolder()
    const url = (await databaseOf(dataDir)) ?? ""
    const servers: ServerProcess[] = []
    const start = async (): Promise<ServerProcess> => {
        const server = await startProcess(dataDir, TIMINGS)
        servers.push(server)
        return server
    }
    try {
        await work(start, url)
    } finally {
        await Promise.all(servers.map(server => server.kill()))
        await dropDatabaseOf(dataDir)
        await rm(dataDir, { recursive: true, force: true })
    }
}

const step = (device: TestDevice, done: number) => device.status({ id: "", state: "downloading", v: "1.0.0", done })
const seatAt = (server: ServerProcess, { id, token }: TestDevice): TestDevice => new TestDevice(server.url, id, token)
/** Follows the device's move to next; returns its seat there. */
async function moved(device: TestDevice): Promise<TestDevice> {
    const { body } = await until("a move", () => device.poll(1), answer => answer.body?.move !== undefined, 15_000)
    const there = device.at(body.move)
    await until("it at next", () => there.poll(), ({ status }) => status === 202, 10_000)
    return there
}
/** A fleet of which one, that polls, is among the first to be offered. */
async function fleet(server: ServerProcess, count: number): Promise<TestDevice> {
    const device = await TestDevice.add(server, "z0")
    await operator(server.url, server.adminToken).must(201, "POST", "/devices/batch", { devices: Array.from({ length: count - 1 }, (_, n) => ({ id: `b${n + 1}` })) })
    await device.poll()
    return device
}

for (const when of ["before it began", "in its middle"])
    test(`a third server that was started ${when} writes nothing for a device that it does not have, serves it when it comes, and goes on when the handover has ended`, () =>
        withDatabase(async (start, url) => {
            const [current, next] = [await start(), await start()]
            let third = when === "in its middle" ? undefined : await start()
            const device = await fleet(current, 30)
            await begin(current, next, 1)
            const there = await moved(device)
            assert.is((await step(there, 1)).status, 200)
            third ??= await start()
            const seat = seatAt(third, device)
            const ownerOf = async (): Promise<string> => (await ask(url, `select "owner" from "handoverOwners" where "session" = 'z0'`))[0]?.owner
            const before = await ownerOf()
            const answer = await step(seat, 2)
            if (when === "before it began") {
                // It did not know of the handover.
                assert.equal([answer.status, answer.body.code], [503, "HOV_API_DEVICE_ELSEWHERE"])
                assert.is(await ownerOf(), before)
                assert.is((await step(seat, 2)).status, 200)
            } else assert.is(answer.status, 200)
            // It has it now, and next has not.
            assert.is.not(await ownerOf(), before)
            const late = await step(there, 3)
            assert.equal([late.status, late.body?.code], [503, "HOV_API_DEVICE_ELSEWHERE"])
            await operator(current.url, current.adminToken).must(200, "POST", "/server/handover/pace", { pacePerS: 200 })
            await phase(next, "done", 20_000)
            await until("the end of the owners", () => ask(url, `select 1 from "handoverOwners"`), rows => rows.length === 0, 5_000)
            await current.kill()
            for (const id of ["z0", "b1"]) {
                const attributes = { seen: when }
                assert.is((await operator(third.url, third.adminToken).api("PATCH", `/devices/${id}`, { attributes })).status, 200, id)
            }
            assert.is((await seat.poll()).status, 202)
            assert.is((await step(seat, 4)).status, 200)
            const { items } = await operator(next.url, next.adminToken).must(200, "GET", "/devices/z0/history?limit=50")
            assert.equal(items.map((item: any) => item.doneBytes).reverse(), [1, 2, 4])
            for (const each of [device, there, seat]) each.close()
        }))

test("when current is gone after an abort, next serves by itself", () =>
    withDatabase(async start => {
        const [current, next] = [await start(), await start()]
        const device = await fleet(current, 15)
        await begin(current, next, 1)
        const there = await moved(device)
        await operator(current.url, current.adminToken).must(200, "POST", "/server/handover/abort")
        await phase(current, "aborted")
        const seat = seatAt(next, device)
        await until("it handed on", () => step(seat, 1), ({ status }) => status === 200, 5_000)
        await current.kill()
        assert.is((await until("it at next", () => step(seat, 2), ({ status }) => status === 200, 15_000)).status, 200)
        assert.is((await seat.poll()).status, 202)
        assert.is((await operator(next.url, next.adminToken).api("PATCH", "/devices/b1", { attributes: { seen: "1" } })).status, 200)
        for (const each of [device, there, seat]) each.close()
    }))

test("an abort ends when next was started anew and knows of no handover", () =>
    withDatabase(async start => {
        const [current, next] = [await start(), await start()]
        const device = await fleet(current, 15)
        await begin(current, next, 1)
        const there = await moved(device)
        await next.kill()
        const again = await start()
        await operator(current.url, current.adminToken).must(200, "POST", "/server/handover/abort")
        await phase(current, "aborted", 20_000)
        const seat = seatAt(again, device)
        assert.is((await until("it at next", () => step(seat, 1), ({ status }) => status === 200, 5_000)).status, 200)
        assert.is((await step(seatAt(current, device), 2)).status, 200)
        for (const each of [device, there, seat]) each.close()
    }))

suiteOfOthers.run()
