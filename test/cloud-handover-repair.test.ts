/** What goes wrong around a handover, and has to come right by itself or by an admin's word. */
import assert from "node:assert/strict"
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, connect, createServer } from "node:net"
import path from "node:path"
import Database from "libsql"
import { onPostgres } from "./support/cloud-database.ts"
import { openCloud, TestDevice, temporaryFolder, type TestCloud, until, withClouds } from "./support/cloud.ts"
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
async function withGateTo(url: string, loses: (text: string, way: "there" | "back", asked: string) => boolean, work: (url: string) => Promise<void>): Promise<void> {
    const gate = createServer(socket => {
        const to = connect(Number(new URL(url).port), "127.0.0.1")
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
            await withGateTo(next.url, (_text, way, asked) => way === "back" && asked.startsWith("POST /api/v1/server/handover/accept"), async lossy => {
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

    test("whoever listens where next should be is not told what secrets are made of", () =>
        withClouds(1, async current => {
            const heard: string[] = []
            const stranger = createHttpServer((request, response) => {
                request.on("data", data => heard.push(String(data)))
                request.on("end", () => response.writeHead(404).end())
            })
            await new Promise<void>(resolve => stranger.listen(0, "127.0.0.1", resolve))
            try {
                const { port } = stranger.address() as AddressInfo
                assert.equal((await begin(current, `http://127.0.0.1:${port}`, "t".repeat(32))).status, 502)
                assert.deepEqual(Object.keys(JSON.parse(heard.join(""))).sort(), ["from", "handover", "id", "key"])
            } finally {
                stranger.close()
            }
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
}

test.run()
