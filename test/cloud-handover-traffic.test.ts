/** Every kind of traffic goes on while one server process is replaced by another that shares nothing with it. */
import { createHash, randomBytes } from "node:crypto"
import { createServer, type Server } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { rm } from "node:fs/promises"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { ApiClient } from "../cli/api-client.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { type Answer, artifactFile, call, operator, PATIENCE, publish, TestDevice, temporaryFolder, until } from "./support/cloud.ts"
import { begin, Follower, healthOf, listen, type Listening, numbersOf, phase } from "./support/handover.ts"
import { beginProcess, type ServerProcess } from "./support/server-process.ts"

const GATEWAY = "gateway-token-of-the-linux-tenant"
const TIMINGS = { rolloutTickMs: 50, enrolMs: 200, sweepMs: 50, webhookRetryMs: 50, retryDelayMs: 300, lazyWriteMs: 50 }
const FLEET = 24
/** Half as often as a device may ask. */
const STATUS_PAUSE_MS = 100

interface Pair {
    readonly folders: string[]
    readonly current: ServerProcess
    readonly next: ServerProcess
}

const test = suite("every kind of traffic in a handover")

async function pair(more: Record<string, number>): Promise<Pair> {
    const folders = [await temporaryFolder(), await temporaryFolder()]
    const ddi = { tenants: [{ name: "linux", gatewayToken: GATEWAY }], pollS: 60 }
    const [current, next] = await Promise.all(folders.map(folder => beginProcess(folder, { timings: { ...TIMINGS, ...more }, ddi }).listening))
    return { folders, current, next }
}
/** What goes on by itself while a pair of servers is there: ends with it, also when the test has failed. */
const boardsOfPair = new Set<Follower>()
let pairs = 0

async function end({ folders, current, next }: Pair): Promise<void> {
    pairs++
    await Promise.all([current.kill(), next.kill()])
    await Promise.all([...boardsOfPair].map(board => board.stop()))
    boardsOfPair.clear()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
}
const withPair = (work: (servers: Pair) => Promise<void>, timings: Record<string, number> = {}) => async (): Promise<void> => {
    const servers = await pair(timings)
    try {
        await work(servers)
    } finally {
        await end(servers)
    }
}
const as = (server: ServerProcess) => operator(server.url, server.adminToken)
/** The operator's token of current is known at next as well. */
const asAt = (next: ServerProcess, current: ServerProcess) => operator(next.url, current.adminToken)

async function fleet(server: ServerProcess, count: number): Promise<Follower[]> {
    const { items } = await as(server).must(201, "POST", "/devices/batch", { devices: Array.from({ length: count }, (_, n) => ({ id: `b${n}` })) })
    const boards: Follower[] = items.map((item: any) => new Follower(new TestDevice(server.url, item.id, item.token)))
    for (const board of boards) boardsOfPair.add(board)
    return boards
}
async function held(server: ServerProcess, count: number): Promise<void> {
    await until(`${count} held polls`, () => healthOf(server), shown => shown.heldPolls >= count, 15_000)
}

if (onPostgres) test.skip("the servers share a database", () => {})
else {
    test(
        "held polls, status posts and downloads in the middle: no request fails, and each status is there once and in order",
        withPair(async ({ current, next }) => {
            const image = randomBytes(200_000)
            const published = await publish(current, "1.1.0", { image })
            assert.is(published.image, createHash("sha256").update(image).digest("hex"))
            const boards = await fleet(current, FLEET)
            await held(current, FLEET / 2)
            let open = true
            const failures: string[] = []
            const posted = new Map<string, number>()
            const posts = boards.slice(0, 6).map(board =>
                over(() => open, failures, STATUS_PAUSE_MS, async done => {
                    const { status, bytes } = await board.device.status({ id: "", state: "downloading", v: "1.0.0", done })
                    posted.set(board.device.id, done)
                    return status === 200 ? null : `status: ${status} ${bytes}`
                }),
            )
            let downloads = 0
            const chunks = boards.slice(6, 9).map(board => {
                let parts: Buffer[] = []
                return over(() => open, failures, 2, async () => {
                    const { status, bytes } = await board.device.blob(published.image, parts.length * 4_000, 4_000)
                    if (status !== 200) return `chunk: ${status} ${bytes}`
                    parts.push(bytes)
                    if (parts.length * 4_000 < image.length) return null
                    downloads++
                    const whole = Buffer.concat(parts)
                    parts = []
                    return whole.equals(image) ? null : "the image is not what was published"
                })
            })
            await begin(current, next, 20)
            const progress = await phase(current, "done")
            const before = downloads
            await until("downloads at next", async () => downloads, count => count >= before + 3)
            open = false
            await Promise.all([...posts, ...chunks])
            await Promise.all(boards.map(board => board.stop()))
            assert.equal(failures, [])
            assert.equal(boards.flatMap(board => board.failures), [])
            assert.equal(boards.map(board => board.moves), boards.map(() => 1))
            assert.is(progress.moved, FLEET)
            for (const [id, count] of posted) {
                const steps: number[] = []
                for (let after = ""; ; ) {
                    const page = await asAt(next, current).must(200, "GET", `/devices/${id}/history?limit=500${after}`)
                    steps.push(...page.items.map((item: any) => item.doneBytes).filter((done: unknown) => done !== null))
                    if (page.next === null) break
                    after = `&after=${page.next}`
                }
                assert.equal(steps.reverse(), Array.from({ length: count }, (_, n) => n + 1), id)
            }
        }),
    )

    test(
        "an upload that began at current and ends after the handover is at next",
        withPair(async ({ current, next }) => {
            await as(current).must(201, "POST", "/releases", { app: "app", version: "1.1.0" })
            const image = randomBytes(60_000)
            const file = artifactFile("1.1.0", { image })
            const upload = inParts(current, "/api/v1/releases/app@1.1.0/artifacts", file)
            await upload.send(0.5)
            await begin(current, next)
            await phase(current, "done")
            await upload.send(1)
            assert.is(await upload.status, 201)
            const shown = await asAt(next, current).must(200, "GET", "/releases/app@1.1.0")
            assert.is(shown.artifacts.length, 1)
            const bytes = await call(`${next.url}/v1/blobs/${createHash("sha256").update(image).digest("hex")}`, { token: current.adminToken })
            assert.ok(bytes.bytes.equals(image))
        }),
    )

    test(
        "listeners lose nothing and hear nothing twice: one that comes back, and one that connects to next while current tells it events",
        withPair(async ({ current, next }) => {
            const boards = await fleet(current, FLEET)
            await held(current, FLEET / 2)
            const heard: Listening[] = [await listen(current, 0)]
            let open = true
            const faithful = (async () => {
                while (open) {
                    const last = heard[heard.length - 1]
                    await last.ended
                    if (open) heard.push(await listen(current, numbersOf(heard.flatMap(each => each.events)).at(-1) ?? 0))
                }
            })()
            const followed: unknown[] = []
            const stop = new AbortController()
            const following = (async () => {
                for await (const event of new ApiClient(current.url, current.adminToken, () => {}).events("?after=0", stop.signal)) followed.push(event)
            })().catch(error => {
                if (!stop.signal.aborted) throw error
            })
            const failures: string[] = []
            const talk = boards.slice(0, 4).map(board => over(() => open, failures, STATUS_PAUSE_MS, async done => wrongOf(await board.device.status({ id: "", state: "downloading", v: "1.0.0", done }))))
            await begin(current, next, 20)
            await phase(current, "done")
            await until("events of next", async () => heard.length, count => count > 1)
            await new Promise(resolve => setTimeout(resolve, 200))
            open = false
            await Promise.all(talk)
            await Promise.all(boards.map(board => board.stop()))
            // The log as it is now, from its beginning.
            const whole = await listen({ url: next.url, adminToken: current.adminToken }, 0)
            const last = await asAt(next, current).must(201, "POST", "/releases", { app: "last", version: "1.0.0" })
            assert.ok(last)
            const isLast = (events: readonly { data: any }[]) => events.some(({ data }) => data.release === "last@1.0.0")
            await until("the last event", async () => [isLast(whole.events), isLast(heard.flatMap(each => each.events)), isLast(followed.map(data => ({ data })))], all => all.every(Boolean))
            whole.close()
            stop.abort()
            await following
            heard[heard.length - 1].close()
            await faithful
            const log = whole.events.filter(({ id }) => id !== null)
            assert.equal(failures, [])
            const ids = numbersOf(whole.events)
            assert.equal(numbersOf(heard.flatMap(each => each.events)), ids)
            assert.equal(followed, log.map(({ data }) => data))
            // In the order of the idea: told where next is, and let go of later.
            const words = heard[0].events.filter(({ id }) => id === null).map(({ data }) => data.type)
            assert.equal(words, ["server.move", "server.go"])
        }),
    )

    test(
        "webhooks get every event once and in order, though the receiver is slow and one is always on its way",
        withPair(async ({ current, next }) => {
            const receiver = await slowReceiver(15)
            const boards = await fleet(current, 8)
            await held(current, 4)
            await as(current).must(201, "POST", "/webhooks", { url: receiver.url, types: ["device.status", "release."] })
            let open = true
            const failures: string[] = []
            const talk = boards.slice(0, 2).map(board => over(() => open, failures, 20, async done => wrongOf(await board.device.status({ id: "", state: "downloading", v: "1.0.0", done }))))
            await until("the first messages", async () => receiver.taken.length, count => count > 3)
            await begin(current, next, 10)
            await phase(current, "done")
            const atDone = receiver.taken.length
            await until("messages of next", async () => receiver.taken.length, count => count > atDone + 5)
            open = false
            await Promise.all(talk)
            await Promise.all(boards.map(board => board.stop()))
            await asAt(next, current).must(201, "POST", "/releases", { app: "last", version: "1.0.0" })
            await until("the last one", async () => receiver.taken, taken => taken.some(event => event.type === "handover.release.created"), 20_000)
            const whole = await listen({ url: next.url, adminToken: current.adminToken }, 0)
            await until("the log", async () => whole.events, events => events.some(({ data }) => data.release === "last@1.0.0"))
            whole.close()
            assert.equal(failures, [])
            const first = Number(receiver.taken[0].id)
            const wanted = whole.events.filter(({ id, data }) => id !== null && id >= first && /^(device\.status|release\.)/.test(String(data.type))).map(({ id }) => id)
            assert.equal(receiver.taken.map(({ id }) => Number(id)), wanted)
            receiver.close()
        }),
    )

    test(
        "a rollout goes on at next, where the controller leads: each device is told once, and what nobody answers is tried again there",
        withPair(async ({ current, next }) => {
            await publish(current, "1.1.0")
            const boards = await fleet(current, FLEET)
            await held(current, FLEET / 2)
            const silent = await TestDevice.add(current, "silent")
            await silent.poll()
            const rollout = await as(current).must(201, "POST", "/rollouts", { release: "app@1.1.0", filter: "id != silent", phases: [{ percent: 25 }, { percent: 100 }], ratePerMinute: 240 })
            await as(current).must(202, "POST", "/devices/silent/update", { version: "1.1.0" })
            assert.is((await silent.poll(5)).body.cmd, "update")
            await until("a device of the rollout", () => as(current).must(200, "GET", `/rollouts/${rollout.id}`), shown => (shown.devices.succeeded ?? 0) > 0)
            await begin(current, next, 20)
            await phase(current, "done")
            // It is completed as soon as enough have succeeded; the last ones may be on their way still.
            const isDone = (r: any): boolean => r.state === "completed" && (r.devices.granted ?? 0) === 0
            const shown = await until("the end of the rollout", () => asAt(next, current).must(200, "GET", `/rollouts/${rollout.id}`), isDone, 20_000)
            assert.equal(shown.devices, { succeeded: FLEET })
            // The time-out and the second attempt are the controller's own work.
            const again = await until("the second attempt", () => asAt(next, current).must(200, "GET", "/devices/silent"), shown => shown.commands.length > 1, 15_000)
            assert.is(again.commands[again.commands.length - 1].state, "expired")
            await Promise.all(boards.map(board => board.stop()))
            assert.equal(boards.map(board => board.commands.length), boards.map(() => 1))
            assert.equal(boards.flatMap(board => board.failures), [])
            silent.close()
        }, { commandTimeoutMs: 1_000 * PATIENCE }),
    )

    test(
        "DDI devices stay with the address that they know: polls, downloads and feedback go on, and new ones are taken up",
        withPair(async ({ current, next }) => {
            const root = `${current.url}/linux/controller/v1`
            const gateway = { headers: { authorization: `GatewayToken ${GATEWAY}` } }
            const file = randomBytes(50_000)
            await as(current).must(201, "POST", "/releases", { app: "os", version: "2.0.0" })
            assert.is((await call(`${current.url}/api/v1/releases/os@2.0.0/files?filename=a.swu`, { token: current.adminToken, raw: file, headers: { "content-type": "application/octet-stream" } })).status, 201)
            const failures: string[] = []
            let open = true
            const devices = Array.from({ length: 4 }, (_, n) => `gw-${n}`)
            for (const id of devices) await call(`${root}/${id}`, gateway)
            const polls = devices.map(id => over(() => open, failures, 50, async () => wrongOf(await call(`${root}/${id}`, gateway))))
            await as(current).must(200, "PUT", "/devices/gw-0/desired", { release: "os@2.0.0" })
            const linkOf = async (name: string): Promise<string> =>
                (await until(`a link ${name}`, () => call(`${root}/gw-0`, gateway), ({ body }) => body?._links?.[name] !== undefined)).body._links[name].href
            const deployment = await linkOf("deploymentBase")
            const [artifact] = (await call(deployment, gateway)).body.deployment.chunks[0].artifacts
            const href = artifact._links["download-http"].href
            await begin(current, next, 10)
            const parts: Buffer[] = []
            for (let from = 0; from < file.length; from += 1_000) {
                const { status, bytes } = await call(href, { headers: { ...gateway.headers, range: `bytes=${from}-${from + 999}` } })
                if (status !== 206) failures.push(`range: ${status} ${bytes}`)
                parts.push(bytes)
                await new Promise(resolve => setTimeout(resolve, 60))
            }
            assert.ok(Buffer.concat(parts).equals(file))
            await phase(current, "done")
            assert.is((await call(`${deployment}/feedback`, { ...gateway, json: { status: { execution: "closed", result: { finished: "success" } } } })).status, 200)
            assert.is((await call(`${root}/gw-new`, gateway)).status, 200)
            open = false
            await Promise.all(polls)
            assert.equal(failures, [])
            const shown = await asAt(next, current).must(200, "GET", "/devices/gw-0")
            assert.is(shown.commands[0].state, "succeeded")
            assert.is((await asAt(next, current).must(200, "GET", "/devices/gw-new")).attributes.ddiTenant, "linux")
        }),
    )
}

const wrongOf = ({ status, bytes }: Answer): string | null => (status === 200 ? null : `${status} ${bytes}`)

/** Does the work over and over while it may; a request that breaks is a failure, not the end. */
async function over(isOpen: () => boolean, failures: string[], pauseMs: number, work: (round: number) => Promise<string | null>): Promise<void> {
    const pair = pairs
    for (let round = 1; isOpen() && pair === pairs; round++) {
        try {
            const wrong = await work(round)
            if (wrong !== null) failures.push(wrong)
        } catch (error) {
            failures.push((error as Error).message)
        }
        await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
}

/** A POST whose body is sent bit by bit. */
function inParts(server: ServerProcess, route: string, body: Buffer) {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.write(
        `POST ${route} HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer ${server.adminToken}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
    )
    let answer = ""
    socket.on("error", () => {})
    socket.on("data", part => (answer += part))
    const status = new Promise<number>(resolve => socket.once("close", () => resolve(Number(answer.slice(9, 12)))))
    let sent = 0
    return {
        status,
        send: async (share: number): Promise<void> => {
            while (sent < body.length * share) {
                socket.write(body.subarray(sent, sent + 1_000))
                sent += 1_000
                await new Promise(resolve => setTimeout(resolve, 5))
            }
        },
    }
}

async function slowReceiver(ms: number): Promise<{ url: string; taken: any[]; close(): void }> {
    const taken: any[] = []
    const server: Server = createServer((request, response) => {
        let body = ""
        request.on("data", part => (body += part))
        request.on("end", () => {
            taken.push(JSON.parse(body))
            setTimeout(() => response.writeHead(204).end(), ms)
        })
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    server.unref()
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, taken, close: () => void server.close() }
}

test.run()
