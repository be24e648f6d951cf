/** Either server, or both, die by SIGKILL in the middle of a handover and come back: nothing is lost, doubled or out of order. */
import { rm } from "node:fs/promises"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli } from "./support/cli.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { type Answer, operator, TestDevice, temporaryFolder, until, withClouds } from "./support/cloud.ts"
import { begin, phase } from "./support/handover.ts"
import { beginProcess, type ServerProcess } from "./support/server-process.ts"

const test = suite("a handover whose servers die")
const TIMINGS = { sweepMs: 50, lazyWriteMs: 50 }
const BOARDS = 12
const MANY = 200

/** A board that posts numbered statuses and polls, goes where it is told, and back when nobody is there. */
class Survivor {
    posted = 0
    readonly failures: string[] = []
    readonly #id: string
    readonly #places: readonly string[]
    readonly #token: string
    #home: string
    #before: string
    #stopped = false
    readonly #end: Promise<void>

    constructor(seat: { id: string; token: string }, places: readonly string[]) {
        this.#id = seat.id
        this.#token = seat.token
        this.#places = places
        this.#home = this.#before = places[0]
        this.#end = this.#run()
    }

    async stop(): Promise<void> {
        this.#stopped = true
        await this.#end
    }

    async #run(): Promise<void> {
        for (let n = 1; !this.#stopped; ) {
            const said = await this.#ask(device => device.status({ id: "", state: "downloading", v: "1.0.0", done: n }))
            if (said !== undefined) this.posted = n++
            const { move } = (await this.#ask(device => device.poll()))?.body ?? {}
            if (move !== undefined && move !== this.#home) [this.#before, this.#home] = [this.#home, move]
            await new Promise(resolve => setTimeout(resolve, 20))
        }
    }

    /** Undefined: nobody is there, or not at the moment. */
    async #ask(ask: (device: TestDevice) => Promise<Answer>): Promise<Answer | undefined> {
        const device = new TestDevice(this.#home, this.#id, this.#token)
        try {
            const answer = await ask(device)
            if (answer.status === 200 || answer.status === 202) return answer
            if (answer.status !== 503 && answer.status !== 429) this.failures.push(`${this.#id}: ${answer.status} ${answer.bytes}`)
        } catch {
            // Where it was sent to is nobody: where it came from; else the next of its list.
            const before = this.#before
            this.#before = this.#places[(this.#places.indexOf(before) + 1) % this.#places.length]
            this.#home = before === this.#home ? this.#before : before
        } finally {
            device.close()
        }
        return undefined
    }
}

async function statusesOf(server: { url: string }, token: string, id: string): Promise<number[]> {
    const steps: number[] = []
    for (let after = ""; ; ) {
        const page = await operator(server.url, token).must(200, "GET", `/devices/${id}/history?limit=500${after}`)
        steps.push(...page.items.map((item: any) => item.doneBytes))
        if (page.next === null) return steps.reverse()
        after = `&after=${page.next}`
    }
}

async function died(victims: readonly ("current" | "next")[]): Promise<void> {
    const folders = { current: await temporaryFolder(), next: await temporaryFolder() }
    const servers: { current: ServerProcess; next: ServerProcess } = { current: await beginProcess(folders.current, { timings: TIMINGS }).listening, next: await beginProcess(folders.next, { timings: TIMINGS }).listening }
    const { adminToken } = servers.current
    try {
        const { items } = await operator(servers.current.url, adminToken).must(201, "POST", "/devices/batch", { devices: Array.from({ length: BOARDS }, (_, n) => ({ id: `b${n}` })) })
        const boards: Survivor[] = items.map((seat: any) => new Survivor(seat, [servers.current.url, servers.next.url]))
        await until("statuses", async () => boards, all => all.every(board => board.posted > 2), 15_000)
        await begin(servers.current, servers.next, 4)
        await until("some devices at next", () => operator(servers.current.url, adminToken).must(200, "GET", "/server/handover"), progress => progress.moved >= 3 && progress.moved < BOARDS - 2, 15_000)
        await Promise.all(victims.map(victim => servers[victim].kill()))
        for (const victim of victims) servers[victim] = await beginProcess(folders[victim], { timings: TIMINGS, port: Number(new URL(servers[victim].url).port) }).listening
        await phase(servers.current, "done", 30_000)
        const atDone = boards.map(board => board.posted)
        await until("statuses at next", async () => boards, all => all.every((board, n) => board.posted > atDone[n] + 2), 15_000)
        await Promise.all(boards.map(board => board.stop()))
        assert.equal(boards.flatMap(board => board.failures), [])
        for (const [n, board] of boards.entries()) {
            const told = await statusesOf(servers.next, adminToken, `b${n}`)
            // One more may have been taken, whose answer the board did not hear.
            assert.equal(told.slice(0, board.posted), Array.from({ length: board.posted }, (_, step) => step + 1), `b${n}`)
            assert.ok(told.length <= board.posted + 1)
        }
    } finally {
        await Promise.all([servers.current.kill(), servers.next.kill()])
        for (const folder of Object.values(folders)) await rm(folder, { recursive: true, force: true })
    }
}

if (onPostgres) test.skip("the servers share a database", () => {})
else {
    test("next dies", () => died(["next"]))
    test("current dies", () => died(["current"]))
    test("both die", () => died(["current", "next"]))

    test("the command hands over, shows how far it is, sets the pace, takes everything back, and goes the other way; nobody at the address changes nothing", () => withClouds(2, async (a, b) => {
        // The two hear of each other's messages through a proxy that lets no upgrade pass: as of a version without it.
        const proxy = await plainProxy(b.url)
        const devices = await Promise.all(Array.from({ length: 6 }, (_, n) => TestDevice.add(a, `b${n}`)))
        for (const device of devices) await device.poll()
        // Enough that the commands come in the middle, however long they take to start.
        await a.must(201, "POST", "/devices/batch", { devices: Array.from({ length: MANY }, (_, n) => ({ id: `quiet-${n}` })) })
        const command = (at: { url: string }, token: string, ...args: string[]) =>
            runCli(["server", "handover", "--json", ...args], { env: { HANDOVER_URL: at.url, HANDOVER_TOKEN: a.adminToken, HANDOVER_NEXT_TOKEN: token } })
        const nobody = await command(a, b.adminToken, "--to", "http://127.0.0.1:9")
        assert.is.not(nobody.code, 0)
        assert.is(nobody.json.code, "HOV_API_HANDOVER_NEXT")
        assert.is((await devices[0].poll()).status, 202)
        await begin(a, { url: proxy.url, adminToken: b.adminToken }, 1)
        assert.is((await command(a, "", "--pace", "2")).json.pacePerS, 2)
        const aborted = await command(a, "", "--abort")
        assert.is(aborted.code, 0, aborted.stderr)
        assert.is(aborted.json.phase, "aborted")
        assert.is(aborted.json.moved, 0)
        const there = await command(a, b.adminToken, "--to", proxy.url, "--pace", "1000")
        assert.is(there.code, 0, there.stderr)
        assert.equal([there.json.phase, there.json.moved], ["done", 6 + MANY])
        const shown = await command(b, "")
        assert.equal([shown.json.role, shown.json.phase], ["next", "done"])
        const back = await command(b, a.adminToken, "--to", a.url, "--pace", "1000")
        assert.is(back.code, 0, back.stderr)
        for (const device of devices) assert.is((await device.poll()).status, 202)
        assert.is((await a.must(200, "GET", "/devices?limit=500")).items.length, 6 + MANY)
        for (const device of devices) device.close()
        proxy.close()
    }))
}

async function plainProxy(to: string): Promise<{ url: string; close(): void }> {
    const server = createServer((asked, answer) => {
        const { upgrade: _upgrade, connection: _connection, ...headers } = asked.headers
        const sent = request(`${to}${asked.url}`, { method: asked.method, headers }, got => {
            answer.writeHead(got.statusCode ?? 502, got.headers)
            got.pipe(answer)
        })
        sent.on("error", () => answer.destroy())
        asked.pipe(sent)
    })
    server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        close: () => {
            server.close()
            server.closeAllConnections()
        },
    }
}

test.run()
