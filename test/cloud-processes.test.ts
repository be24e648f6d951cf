/** Several server processes on one PostgreSQL; all but one are skipped where the tests run on the embedded database. */
import { get } from "node:http"
import { rm } from "node:fs/promises"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { call, openCloud, operator, PATIENCE, publish, TestDevice, temporaryFolder, until } from "./support/cloud.ts"
import { ask, databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"
import type { ServerProcess } from "./support/server-process.ts"
import { startProcess } from "./support/server-process.ts"

const TIMINGS = { rolloutTickMs: 50, enrolMs: 300, sweepMs: 50, lazyWriteMs: 50 }

const suiteOfTwo = suite<{ dataDir: string; a: ServerProcess; b: ServerProcess }>("cloud: two processes")
suiteOfTwo.before(async context => {
    if (!onPostgres) return
    context.dataDir = await temporaryFolder()
    await databaseOf(context.dataDir)
    // Together, so that both bring the database up at the same moment.
    const [a, b] = await Promise.all([startProcess(context.dataDir, TIMINGS), startProcess(context.dataDir, TIMINGS)])
    Object.assign(context, { a, b })
    await publish(a, "1.1.0")
    await publish(a, "1.2.0")
})
suiteOfTwo.after(async ({ dataDir, a, b }) => {
    if (!onPostgres) return
    await Promise.all([a.kill(), b.kill()])
    await dropDatabaseOf(dataDir)
    await rm(dataDir, { recursive: true, force: true })
})
const test = onPostgres ? suiteOfTwo : suiteOfTwo.skip

const health = async (server: ServerProcess): Promise<any> => (await call(`${server.url}/healthz`)).body
const waits = (server: ServerProcess, count: number) => until(`${count} held polls`, () => health(server), shown => shown.heldPolls === count)

test("exactly one of them leads", async ({ a, b }) => {
    const shown = [await health(a), await health(b)]
    assert.is(shown.filter(({ leads }) => leads).length, 1)
})

test("a command issued at one process wakes the poll that waits at the other", async ({ a, b }) => {
    const device = await TestDevice.add(a, "far")
    await device.poll()
    for (const [here, there, version] of [[a, b, "1.1.0"], [b, a, "1.2.0"]] as const) {
        const seat = device.at(here.url)
        const waiting = seat.poll(30)
        await waits(here, 1)
        const sentMs = performance.now()
        const { command } = await operator(there.url, there.adminToken).must(202, "POST", "/devices/far/update", { version })
        const answer = await waiting
        const tookMs = performance.now() - sentMs
        assert.is(answer.body?.id, command.id)
        assert.ok(tookMs < 1_000 * PATIENCE, `${tookMs} ms`)
        await seat.install(answer.body)
        device.actual = seat.actual
        seat.close()
        const shown = await operator(there.url, there.adminToken).must(200, "GET", "/devices/far")
        assert.is(shown.actual.version, version)
    }
    device.close()
})

test("a device that goes back and forth is what it said last", async ({ a, b }) => {
    const device = await TestDevice.add(a, "nomad")
    const other = device.at(b.url)
    const { must } = operator(a.url, a.adminToken)
    const shows = (version: string) => until(version, () => must(200, "GET", "/devices/nomad"), shown => shown.actual?.version === version)
    for (const [seat, version] of [[device, "0.1"], [other, "0.2"], [device, "0.1"], [other, "0.1"], [device, "0.3"], [other, "0.2"]] as const) {
        seat.actual = { ...seat.actual, v: version }
        await seat.poll()
        await shows(version)
    }
    // Nothing that the first process remembered comes back with its next lazy write.
    await until("some lazy writes", () => must(200, "GET", "/devices/nomad"), (() => { let n = 0; return () => ++n > 30 })())
    assert.is((await must(200, "GET", "/devices/nomad")).actual.version, "0.2")
    device.close()
    other.close()
})

test("a token that is revoked at one process ends at the other", async ({ a, b }) => {
    const { id, token } = await operator(a.url, a.adminToken).must(201, "POST", "/tokens", { name: "short", role: "viewer" })
    assert.is((await call(`${b.url}/api/v1/devices`, { token })).status, 200)
    await operator(a.url, a.adminToken).must(204, "DELETE", `/tokens/${id}`)
    await until("the end of the token", () => call(`${b.url}/api/v1/devices`, { token }).then(answer => answer.status), status => status === 401, 1_000)
})

test("operators who ask at both at once make one command, and both tell the same events in the same order", async ({ a, b }) => {
    const device = await TestDevice.add(a, "popular")
    await device.poll()
    const heard = [listen(a, "popular"), listen(b, "popular")]
    const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) => operator([a, b][n % 2].url, a.adminToken).must(202, "POST", "/devices/popular/update", { version: "1.1.0" })),
    )
    assert.is(new Set(answers.map(answer => answer.command.id)).size, 1)
    await device.install((await device.poll(5)).body)
    const [atA, atB] = await Promise.all(heard)
    assert.equal(atA, atB)
    assert.equal(atA, [...atA].sort((x, y) => x - y))
    assert.ok(atA.length > 60)
    device.close()
})

test("when the database drops every connection of theirs, both come back and miss nothing", async ({ dataDir, a, b }) => {
    const device = await TestDevice.add(a, "patient")
    await device.poll()
    const waiting = device.poll(30)
    await waits(a, 1)
    await ask((await databaseOf(dataDir))!, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'handover' and datname = current_database()")
    const { api } = operator(b.url, b.adminToken)
    await until("the other process to be back", () => api("POST", "/devices/patient/update", { version: "1.1.0" }), answer => answer.status === 202)
    assert.is((await waiting).body?.v, "1.1.0")
    await until("a leader", async () => [await health(a), await health(b)].filter(({ leads }) => leads).length, leaders => leaders === 1)
    device.close()
})

test("while the database takes no connections a server says that it is degraded, refuses with 503, and comes back by itself", async ({ dataDir, a, b }) => {
    const url = (await databaseOf(dataDir))!
    const name = new URL(url).pathname.slice(1)
    const beside = new URL(url)
    beside.pathname = "/postgres"
    const device = await TestDevice.add(a, "stranded")
    await device.poll()
    const waiting = device.poll(30)
    await waits(a, 1)
    await ask(beside.href, `alter database ${name} allow_connections false`)
    await ask(beside.href, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
    const shown = await until("the word that it is degraded", () => call(`${a.url}/healthz`), answer => answer.status === 503)
    assert.is(shown.body.ok, false)
    assert.is(shown.body.degraded, "database")
    assert.is(shown.body.heldPolls, 1)
    const refused = await operator(b.url, b.adminToken).api("PUT", "/devices/stranded/desired", { release: "app@1.1.0" })
    assert.is(refused.status, 503)
    assert.is(refused.body.code, "HOV_API_DATABASE")
    assert.is(refused.headers["retry-after"], "1")
    await ask(beside.href, `alter database ${name} allow_connections true`)
    await until("the database to be back", () => call(`${a.url}/healthz`), answer => answer.body.ok, 5_000)
    const { api } = operator(b.url, b.adminToken)
    await until("commands to be taken again", () => api("POST", "/devices/stranded/update", { version: "1.1.0" }), answer => answer.status === 202)
    assert.is((await waiting).body?.v, "1.1.0")
    device.close()
})

test("connections that are ended over and over, under load, end no server", async ({ dataDir, a, b }) => {
    const url = (await databaseOf(dataDir))!
    const devices = await Promise.all(Array.from({ length: 6 }, (_, n) => TestDevice.add([a, b][n % 2], `storm-${n}`)))
    let open = true
    const strange = new Set<string>()
    const loads = devices.map(async (device, n) => {
        const seat = device.at([a, b][n % 2].url)
        for (let round = 0; open; round++) {
            // A new boot each time, and a status: both are written at once.
            seat.actual = { ...seat.actual, boot: round + 2 }
            for (const answer of [await seat.poll(), await seat.status({ id: "", state: "downloading", done: round })])
                if (answer.status >= 300 && answer.status !== 503 && answer.status !== 429) strange.add(`${answer.status} ${answer.bytes}`)
        }
        seat.close()
        device.close()
    })
    for (let round = 0; round < 25; round++) {
        await ask(url, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'handover' and datname = current_database()")
        await new Promise(resolve => setTimeout(resolve, 40))
    }
    open = false
    await Promise.all(loads)
    assert.equal([...strange], [])
    for (const server of [a, b]) await until("the server to be well", () => call(`${server.url}/healthz`), answer => answer.body.ok === true, 5_000)
    await until("a leader", async () => [await health(a), await health(b)].filter(({ leads }) => leads).length, leaders => leaders === 1)
})

test("when the process that leads is killed, the other finishes the rollout and tells nobody twice", async context => {
    const { dataDir } = context
    const leader = (await health(context.a)).leads ? "a" : "b"
    const survivor = context[leader === "a" ? "b" : "a"]
    const { must } = operator(survivor.url, survivor.adminToken)
    const { items } = await must(201, "POST", "/devices/batch", { devices: Array.from({ length: 60 }, (_, n) => ({ id: `r${n}` })) })
    const told = new Map<string, string[]>()
    let open = true
    const boards = items.map(async ({ id, token }: { id: string; token: string }) => {
        const device = new TestDevice(survivor.url, id, token)
        await device.poll()
        while (open) {
            const { status, body } = await device.poll(2)
            if (status !== 200) continue
            told.set(id, [...(told.get(id) ?? []), body.id])
            await device.install(body)
        }
        device.close()
    })
    const living = Promise.all(boards)
    // When something else fails first, that is what is shown.
    living.catch(() => {})
    const { id } = await must(201, "POST", "/rollouts", { release: "1.1.0", filter: "id ~ r*", ratePerMinute: 1200, phases: [{ percent: 50 }, { percent: 100 }] })
    await until("some to be told", async () => told.size, size => size >= 5)
    const killedAt = told.size
    await context[leader].kill()
    await until("the other to lead", () => health(survivor), shown => shown.leads)
    const done = await until("the rollout to end", () => must(200, "GET", `/rollouts/${id}`), rollout => rollout.state === "completed", 60_000)
    open = false
    await living
    assert.ok(killedAt < 60, "the leader was killed too late to show anything")
    assert.equal(done.devices, { succeeded: 60 })
    for (const [device, commands] of told) assert.is(new Set(commands).size, 1, `${device} was told ${commands.join(", ")}`)
    context[leader] = await startProcess(dataDir, TIMINGS)
    assert.not.ok((await health(context[leader])).leads)
})

/** Numbers of a device's events up to the end of its command. */
function listen(server: ServerProcess, device: string): Promise<number[]> {
    return new Promise(resolve => {
        const request = get(`${server.url}/api/v1/events?device=${device}&after=0`, { headers: { authorization: `Bearer ${server.adminToken}` } }, response => {
            let text = ""
            response.setEncoding("utf8")
            response.on("error", () => {})
            response.on("data", part => {
                text += part
                if (!/event: command.finished\n[\s\S]*\n\n/.test(text)) return
                request.destroy()
                resolve([...text.matchAll(/^id: (\d+)$/gm)].map(match => Number(match[1])))
            })
        })
        request.on("error", () => {})
    })
}

suiteOfTwo.run()

const alone = suite("cloud: one process")

alone("a process that has its database for itself leads as soon as it listens", async () => {
    const cloud = await openCloud()
    assert.is((await call(`${cloud.url}/healthz`)).body.leads, true)
    await cloud.done()
})

alone.run()
