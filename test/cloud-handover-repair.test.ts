/** What goes wrong around a handover, and has to come right by itself or by an admin's word. */
import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { createServer as createHttpServer, request as httpRequest } from "node:http"
import { type AddressInfo, connect, createServer } from "node:net"
import path from "node:path"
import Database from "libsql"
import { isKnownTo } from "../cloud/handover/server/asking.ts"
import { Inheritance } from "../cloud/handover/server/inheritance.ts"
import { introduce, Introductions } from "../cloud/handover/server/introduction.ts"
import { RunningWork } from "../cloud/running-work.ts"
import { ServerSecret } from "../cloud/server-secret.ts"
import type { TokenRow } from "../cloud/store/schema.ts"
import { hashToken } from "../cloud/tokens.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { call, openCloud, TestDevice, temporaryFolder, type TestCloud, until, withClouds } from "./support/cloud.ts"
import { suite } from "./support/suite.ts"

const test = suite("cloud-handover-repair")

const begin = (current: TestCloud, to: string, token: string, pacePerS = 200) => current.api("POST", "/server/handover", { to, token, pacePerS })
const progressOf = (cloud: TestCloud) => cloud.must(200, "GET", "/server/handover")
const phaseOf = (cloud: TestCloud, wanted: string) => until(`phase ${wanted}`, () => progressOf(cloud), progress => progress.phase === wanted, 10_000)

/** Another program at the server's database. */
function withDatabase<T>({ dataDir }: TestCloud, work: (db: InstanceType<typeof Database>) => T): T {
    const db = new Database(path.join(dataDir, "handover.db"), { timeout: 5_000 } as object)
    try {
        return work(db)
    } finally {
        db.close()
    }
}

/** Before a server; loses what goes either way as it is told. */
async function withGateTo(url: string | (() => string), loses: (text: string, way: "there" | "back", asked: string) => boolean, work: (url: string) => Promise<void>): Promise<void> {
    const gate = createServer(socket => {
        const to = connect(Number(new URL(typeof url === "string" ? url : url()).port), "127.0.0.1")
        let asked = ""
        socket.on("data", data => {
            asked = data.toString("latin1")
            if (!loses(asked, "there", asked)) to.write(data)
        })
        to.on("data", data => {
            if (!loses(data.toString("latin1"), "back", asked)) socket.write(data)
        })
        for (const [one, other] of [[socket, to], [to, socket]]) {
            one.on("error", () => other.destroy())
            one.on("close", () => other.destroy())
        }
    })
    await new Promise<void>(resolve => gate.listen(0, "127.0.0.1", resolve))
    try {
        await work(`http://127.0.0.1:${(gate.address() as AddressInfo).port}`)
    } finally {
        gate.close()
    }
}

async function devicesOf(cloud: TestCloud, count: number): Promise<TestDevice[]> {
    const devices = await Promise.all(Array.from({ length: count }, (_, n) => TestDevice.add(cloud, `b${n}`)))
    for (const device of devices) {
        await device.poll()
        device.close()
    }
    return devices
}

/** The two reach each other through gates; next cannot ask current, or current's word does not reach next, while that is so. */
async function withGates(devices: number, loses: { asking: boolean; telling: RegExp | null }, work: (current: TestCloud, next: TestCloud) => Promise<void>): Promise<void> {
    await withClouds(1, next =>
        withGateTo(next.url, (text, way) => way === "there" && loses.telling?.test(text) === true, async nextUrl => {
            let current: TestCloud | undefined
            const isAsked = (text: string): boolean => loses.asking && text.startsWith("GET /handover/v1/phase")
            await withGateTo(() => current?.url ?? "", (text, way) => way === "there" && isAsked(text), async publicUrl => {
                current = await openCloud({ publicUrl })
                try {
                    await devicesOf(current, devices)
                    assert.equal((await begin(current, nextUrl, next.adminToken)).status, 202)
                    await work(current, next)
                } finally {
                    await current.done()
                }
            })
        }),
    )
}

if (onPostgres) test.skip("the servers share a database", () => {})
else {
    for (const side of ["current", "next"] as const)
        test(`what the store of ${side} does not take is written when it does, and keeps no other device`, () =>
            withClouds(2, async (current, next) => {
                await devicesOf(current, 4)
                const failing = side === "current" ? current : next
                for (const event of ["insert", "update"])
                    withDatabase(failing, db => db.exec(`create trigger "bad ${event}" before ${event} on "handoverOwners" when new."session" = 'b1' and new."epoch" > 1 begin select raise(abort, 'not now'); end`))
                assert.equal((await begin(current, next.url, next.adminToken)).status, 202)
                await until("the others", () => progressOf(current), ({ moved }) => moved >= 3, 10_000)
                await until("a failure that is told", () => progressOf(failing), ({ storeFailures }) => storeFailures > 1, 10_000)
                for (const event of ["insert", "update"]) withDatabase(failing, db => db.exec(`drop trigger "bad ${event}"`))
                await phaseOf(current, "done")
                assert.equal((await next.must(200, "GET", "/devices?limit=10")).items.length, 4)
            }))

    test("a phase that the store does not take down at first is only late", () =>
        withClouds(2, async (current, next) => {
            await devicesOf(current, 1)
            withDatabase(current, db => db.exec(`create trigger "bad" before insert on "handoverNotes" when new."name" = 'plan' and new."value" like '%"moving"%' begin select raise(abort, 'not now'); end`))
            assert.equal((await begin(current, next.url, next.adminToken)).status, 202)
            await until("a failure that is told", () => progressOf(current), ({ storeFailures }) => storeFailures > 0, 10_000)
            withDatabase(current, db => db.exec(`drop trigger "bad"`))
            await phaseOf(current, "done")
        }))

    test("a server closes, though a request that it has handed on is not answered", () =>
        withClouds(2, (current, next) =>
            withGateTo(next.url, text => /^POST \/api\/v1\/devices\/b\d\/check/.test(text), async url => {
                const devices = await devicesOf(current, 2)
                assert.equal((await begin(current, url, next.adminToken, 1)).status, 202)
                await until("the first", () => progressOf(current), ({ moved }) => moved === 1, 10_000)
                const hanging = devices.map(({ id }) => current.api("POST", `/devices/${id}/check`).catch(() => null))
                await phaseOf(current, "finishing")
                await new Promise(resolve => setTimeout(resolve, 200))
                let isClosed = false
                void current.close().then(() => (isClosed = true))
                await until("the end", async () => isClosed, closed => closed, 5_000)
                await Promise.all(hanging)
            }),
        ))

    test("a current that ended before it had noted the handover begins it anew, or next is told to end it", async () => {
        const dataDir = await temporaryFolder()
        await withClouds(1, async next => {
            await withGateTo(next.url, (_text, way, asked) => way === "back" && asked.startsWith("POST /handover/v1/accept"), async lossy => {
                let current = await openCloud({ dataDir })
                const port = Number(new URL(current.url).port)
                try {
                    await devicesOf(current, 1)
                    /** Next has taken it on, and current ends without knowing. */
                    const lose = async (): Promise<void> => {
                        const begun = begin(current, lossy, next.adminToken).catch(() => null)
                        await phaseOf(next, "moving")
                        assert.equal((await next.api("POST", "/server/handover/abort")).status, 409)
                        await current.close()
                        await begun
                        current = await openCloud({ dataDir, port })
                    }
                    await lose()
                    assert.equal((await next.must(200, "POST", "/server/handover/abort")).phase, "aborted")
                    await lose()
                    assert.equal((await begin(current, next.url, next.adminToken)).status, 202)
                    await phaseOf(current, "done")
                    assert.equal((await next.must(200, "GET", "/devices?limit=10")).items.length, 1)
                    assert.equal((await next.api("POST", "/server/handover/abort")).status, 409)
                } finally {
                    await current.done()
                }
            })
        })
    })

    for (const answer of ["that it is of an earlier version", "something that it does not know", "what the real one says to somebody else"] as const)
        test(`whoever listens where next should be, and answers ${answer}, is told nothing`, () =>
            withClouds(2, async (current, next) => {
                const token = next.adminToken
                const heard: { url?: string; headers: unknown; text: string }[] = []
                const stranger = createHttpServer((request, response) => {
                    let text = ""
                    request.on("data", data => (text += data))
                    request.on("end", async () => {
                        heard.push({ url: request.url, headers: request.headers, text })
                        if (answer === "that it is of an earlier version" || request.url !== "/handover/v1/hello") return response.writeHead(404).end()
                        const { hint, nonce, to } = JSON.parse(text)
                        const other = answer === "something that it does not know" ? null : await call(`${next.url}/handover/v1/hello`, { method: "POST", json: { hint, nonce: `A${nonce.slice(1)}`, to }, headers: { host: new URL(to).host } })
                        response.writeHead(200).end(JSON.stringify(other?.body ?? { nonce, proofs: [nonce, "x".repeat(43)] }))
                    })
                })
                await new Promise<void>(resolve => stranger.listen(0, "127.0.0.1", resolve))
                try {
                    const { port } = stranger.address() as AddressInfo
                    const { status, body } = await begin(current, `http://127.0.0.1:${port}`, token)
                    assert.deepEqual([status, body.code], answer === "that it is of an earlier version" ? [409, "HOV_API_HANDOVER_TOKEN"] : [502, "HOV_API_HANDOVER_NEXT"])
                    assert.deepEqual(heard.map(({ url }) => url), ["/handover/v1/hello"])
                    assert.deepEqual(Object.keys(JSON.parse(heard[0].text)).sort(), ["hint", "nonce", "protocols", "to"])
                    const hash = createHash("sha256").update(token).digest()
                    for (const secret of [token, hash.toString("hex"), hash.toString("base64url")]) assert.equal(JSON.stringify(heard).includes(secret), false)
                } finally {
                    stranger.close()
                }
            }))

    for (const isPublic of [true, false])
        test(`somebody in between who hands on what the two say gets nothing of a next that knows ${isPublic ? "its public address" : "what it was asked by"}`, async () => {
            const probe = createServer()
            await new Promise<void>(resolve => probe.listen(0, "127.0.0.1", resolve))
            const { port } = probe.address() as AddressInfo
            await new Promise(resolve => probe.close(resolve))
            const own = `http://127.0.0.1:${port}`
            const next = await openCloud({ port, ...(isPublic ? { publicUrl: own } : {}) })
            const shown = new Set<string>()
            const between = createHttpServer((request, response) => {
                if (request.headers.authorization !== undefined) shown.add(request.headers.authorization)
                const headers = { ...request.headers, ...(isPublic ? {} : { host: new URL(own).host }) }
                request.pipe(httpRequest(`${own}${request.url}`, { method: request.method, headers }, answer => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers))))
            })
            await new Promise<void>(resolve => between.listen(0, "127.0.0.1", resolve))
            try {
                await withClouds(1, async current => {
                    const { status, body } = await begin(current, `http://127.0.0.1:${(between.address() as AddressInfo).port}`, next.adminToken)
                    assert.deepEqual([status, body.code], [502, "HOV_API_HANDOVER_NEXT"])
                    assert.match(body.detail, /HOV_API_HANDOVER_ADDRESS/)
                    assert.deepEqual([...shown], [])
                    assert.equal((await begin(current, own, next.adminToken)).status, 202)
                    await phaseOf(current, "done")
                })
            } finally {
                between.closeAllConnections()
                between.close()
                await next.done()
            }
        })

    test("an address, or versions, other than were said to next prove nothing", async () => {
        const token = { hash: hashToken("t".repeat(32)) } as TokenRow
        for (const lie of [{ to: "http://127.0.0.1:2" }, { protocols: { oldest: 1, newest: 7 } }]) {
            const next = createHttpServer((request, response) => {
                let text = ""
                request.on("data", data => (text += data))
                request.on("end", () => response.end(JSON.stringify(new Introductions(Date.now).welcome({ ...JSON.parse(text), ...lie }, [token]))))
            })
            await new Promise<void>(resolve => next.listen(0, "127.0.0.1", resolve))
            const url = `http://127.0.0.1:${(next.address() as AddressInfo).port}`
            await assert.rejects(introduce(url, "t".repeat(32), { handover: "h1", from: "http://127.0.0.1:1", id: "s1" }, new AbortController().signal), /does not know the token/)
            next.closeAllConnections()
            next.close()
        }
    })

    test("an offer is taken once, from whoever has proven to know an admin's token of next", () =>
        withClouds(1, async next => {
            const { token: viewer } = await next.must(201, "POST", "/tokens", { name: "v", role: "viewer" })
            const terms = { handover: "h1", from: "http://127.0.0.1:1", id: "s1" }
            const offer = (json: object) => call(`${next.url}/handover/v1/accept`, { method: "POST", json })
            const { signal } = new AbortController()
            for (const token of [viewer, "t".repeat(32)]) await assert.rejects(introduce(next.url, token, terms, signal), /HTTP 401/)
            const { proof } = (await introduce(next.url, next.adminToken, terms, signal))!
            // Of other terms than were proven.
            assert.equal((await offer({ ...terms, from: "http://127.0.0.1:2", proof })).status, 401)
            const again = (await introduce(next.url, next.adminToken, terms, signal))!
            const first = await offer({ ...terms, proof: again.proof })
            // It is asked for its rows then, at an address where nobody listens.
            assert.equal([401, 403].includes(first.status), false)
            assert.equal((await offer({ ...terms, proof: again.proof })).status, 401)
        }))

    test("servers that would talk over plain http, but for one host, are not handed over without a word", () =>
        withClouds(1, async current => {
            for (const to of ["http://next.example.org", "http://10.0.0.1:8070", "http://127.0.0.1.example.org"]) {
                const { status, body } = await begin(current, to, "t".repeat(32))
                assert.deepEqual([status, body.code], [400, "HOV_API_HANDOVER_INSECURE"], to)
            }
            const said = await current.api("POST", "/server/handover", { to: "http://127.0.0.1:1", token: "t".repeat(32), insecure: true })
            assert.deepEqual([said.status, said.body.code], [502, "HOV_API_HANDOVER_NEXT"])
        }))

    test("after an abort next makes devices' secrets of its own again", () =>
        withClouds(2, async (current, next) => {
            const inherited = () => withDatabase(next, db => (db.prepare(`select "name" from "handoverNotes" where "name" like 'secret%'`).all() as { name: string }[]).map(({ name }) => name).sort())
            await devicesOf(current, 5)
            assert.equal((await begin(current, next.url, next.adminToken, 1)).status, 202)
            assert.deepEqual(inherited(), ["secret", "secretBefore"])
            await current.must(200, "POST", "/server/handover/abort")
            await phaseOf(current, "aborted")
            await until("its own", async () => inherited(), names => names.length === 0)
            // And once more, to the end: then it stays.
            assert.equal((await begin(current, next.url, next.adminToken)).status, 202)
            await phaseOf(next, "done")
            await until("the other's", async () => inherited(), names => names.join() === "secret")
        }))

    test("that current cannot be asked does not end the handover at next", async () => {
        const loses: { asking: boolean; telling: RegExp | null } = { asking: true, telling: /"kind":"state"/ }
        await withGates(1, loses, async (current, next) => {
            await phaseOf(current, "moving")
            const refused = await next.api("POST", "/server/handover/abort")
            assert.deepEqual([refused.status, refused.body.code], [503, "HOV_API_HANDOVER_AWAY"])
            loses.asking = false
            assert.equal((await next.api("POST", "/server/handover/abort", { force: true })).status, 409)
            loses.telling = null
            await phaseOf(current, "done")
            assert.equal((await next.must(200, "GET", "/devices?limit=10")).items.length, 1)
        })
    })

    test("once a device has come next does not end it, though current has ended for good", () =>
        withClouds(2, async (current, next) => {
            await devicesOf(current, 2)
            assert.equal((await begin(current, next.url, next.adminToken, 1)).status, 202)
            await until("one at next", () => progressOf(current), ({ moved, unsettled }) => moved === 1 && unsettled === 0, 10_000)
            await current.close()
            assert.equal((await next.api("POST", "/server/handover/abort")).body.code, "HOV_API_HANDOVER_AWAY")
            const refused = await next.api("POST", "/server/handover/abort", { force: true })
            assert.deepEqual([refused.status, refused.body.code], [409, "HOV_API_HANDOVER_STATE"])
            assert.match(refused.body.detail, /devices have come already/)
            assert.equal((await progressOf(next)).phase, "moving")
        }))

    test("what current says of a handover is taken at its word, and what is no answer for none", async () => {
        let answer: [number, object] = [200, {}]
        const current = createHttpServer((_request, response) => response.writeHead(answer[0]).end(JSON.stringify(answer[1])))
        await new Promise<void>(resolve => current.listen(0, "127.0.0.1", resolve))
        try {
            const peer = { id: "s1", key: "k", url: `http://127.0.0.1:${(current.address() as AddressInfo).port}` }
            for (const [status, body, known] of [
                [200, { handover: "h1", phase: "moving" }, true],
                [200, { handover: "h1", phase: "aborted" }, false],
                [200, { handover: "h2", phase: "moving" }, false],
                [200, { handover: null, phase: null }, false],
                // While it begins, and of a version that does not name it.
                [200, { phase: "preparing" }, true],
                [401, {}, false],
                [200, {}, null],
                [500, { handover: "h1", phase: "moving" }, null],
            ] as const) {
                answer = [status, body]
                assert.equal(await isKnownTo(peer, "h1", new AbortController().signal).catch(() => null), known, JSON.stringify(answer))
            }
        } finally {
            current.close()
        }
    })

    for (const phase of ["moving", "finishing"])
        test(`next is told to end it, and a current that is there all the same, ${phase}, takes everything back`, async () => {
            const loses: { asking: boolean; telling: RegExp | null } = { asking: true, telling: phase === "moving" ? /"kind":"state"/ : /"kind":"finish"/ }
            // What is not a device's rests at the end: without devices none has come until then.
            await withGates(phase === "moving" ? 1 : 0, loses, async (current, next) => {
                await phaseOf(current, phase)
                if (phase === "moving") await until("a device on its way", () => progressOf(current), ({ moved }) => moved === 1, 5_000)
                assert.equal((await next.must(200, "POST", "/server/handover/abort", { force: true })).phase, "aborted")
                loses.telling = null
                await phaseOf(current, "aborted")
                assert.deepEqual(await Promise.all([current, next].map(async cloud => (await cloud.must(200, "GET", "/devices?limit=10")).items.length)), [phase === "moving" ? 1 : 0, 0])
                await TestDevice.add(current, "b9")
                // And once more, to the end.
                loses.asking = false
                assert.equal((await begin(current, next.url, next.adminToken)).status, 202)
                await phaseOf(current, "done")
            })
        })

    test("while another handover begins, next is not told of the one before", () =>
        withClouds(1, async current => {
            const answers: unknown[] = []
            const introductions = new Introductions(Date.now)
            const next = createHttpServer((request, response) => {
                let text = ""
                request.on("data", data => (text += data))
                request.on("end", async () => {
                    // Not what begins it: current would like to talk.
                    if (text === "") return response.writeHead(404).end()
                    const json = JSON.parse(text)
                    if (request.url === "/handover/v1/hello") return response.writeHead(200).end(JSON.stringify(introductions.welcome(json, [{ hash: hashToken("t".repeat(32)) } as TokenRow])))
                    const { key } = introductions.meet(json.proof, json)!
                    answers.push((await call(`${current.url}/handover/v1/phase`, { headers: { authorization: `Handover ${key}` } })).body)
                    response.writeHead(answers.length === 1 ? 200 : 404).end(JSON.stringify({ id: "s1" }))
                })
            })
            await new Promise<void>(resolve => next.listen(0, "127.0.0.1", resolve))
            try {
                const { port } = next.address() as AddressInfo
                withDatabase(current, db => {
                    const note = db.prepare(`insert into "handoverNotes" ("name", "value") values (?, ?)`)
                    note.run("plan", JSON.stringify({ handover: "h1", role: "current", key: "k", phase: "aborted" }))
                    note.run("peer", JSON.stringify({ id: "s1", url: `http://127.0.0.1:${port}`, key: "k" }))
                })
                await current.close()
                const again = await openCloud({ dataDir: current.dataDir, port: Number(new URL(current.url).port) })
                try {
                    assert.deepEqual((await call(`${current.url}/handover/v1/phase`, { headers: { authorization: "Handover k" } })).body, { handover: "h1", phase: "aborted" })
                    assert.equal((await begin(again, `http://127.0.0.1:${port}`, "t".repeat(32))).status, 202)
                    assert.deepEqual(answers, [{ phase: "preparing" }])
                } finally {
                    await again.close()
                }
            } finally {
                next.closeAllConnections()
                next.close()
            }
        }))

    test("a server that gives up, and whose store does not take it, closes and answers", async () => {
        const dataDir = await temporaryFolder()
        await withClouds(1, async stranger => {
            let next = await openCloud({ dataDir })
            try {
                withDatabase(next, db => {
                    const note = db.prepare(`insert into "handoverNotes" ("name", "value") values (?, ?)`)
                    note.run("plan", JSON.stringify({ handover: "h1", role: "next", key: "k", phase: "moving" }))
                    note.run("peer", JSON.stringify({ id: "s1", url: stranger.url, key: "k" }))
                    for (const event of ["insert", "update"]) db.exec(`create trigger "bad ${event}" before ${event} on "handoverNotes" when new."name" = 'plan' begin select raise(abort, 'not now'); end`)
                })
                await next.close()
                next = await openCloud({ dataDir })
                const abort = next.api("POST", "/server/handover/abort")
                await until("a failure that is told", () => progressOf(next), ({ storeFailures }) => storeFailures > 0, 10_000)
                let isClosed = false
                void next.close().then(() => (isClosed = true))
                assert.equal((await abort).body.code, "HOV_API_CLOSING")
                await until("the end", async () => isClosed, closed => closed, 5_000)
            } finally {
                await next.done()
            }
        })
    })

    test("what is written late of a handover's secrets leaves a later handover's alone", async () => {
        for (const end of ["undo", "keep"] as const) {
            const notes = new Map<string, string>()
            const handover = { note: async (name: string) => notes.get(name), setNote: async (name: string, value: string | null) => void (value === null ? notes.delete(name) : notes.set(name, value)) }
            let isFull = false
            let refused = 0
            const store = {
                read: { handover },
                write: async (work: (repos: unknown) => Promise<unknown>) => {
                    if (isFull && ++refused > 0) throw new Error("full")
                    return work({ handover })
                },
            }
            const work = new RunningWork()
            const inheritance = new Inheritance(store as never, new ServerSecret(randomBytes(32)), work, () => {})
            const peer = { id: "s1", url: "http://127.0.0.1:1", key: "k" }
            await inheritance.take("h1", peer, "11".repeat(32))
            isFull = true
            if (end === "undo") inheritance.undo()
            else inheritance.keep("h1")
            await until("a write that fails", async () => refused, count => count > 0, 5_000)
            isFull = false
            await inheritance.take("h2", peer, "22".repeat(32))
            const before = new Map(notes)
            await new Promise(resolve => setTimeout(resolve, 700))
            assert.deepEqual(notes, before)
            await work.close()
        }
    })
}

test.run()
