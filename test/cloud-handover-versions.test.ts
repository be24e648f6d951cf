/** Rolling forward and back: a server of this version and one of an earlier commit hand each other over. */
import { createHmac } from "node:crypto"
import { rm } from "node:fs/promises"
import * as assert from "uvu/assert"
import { stepCurrent } from "../cloud/handover/current.ts"
import { stepNext } from "../cloud/handover/next.ts"
import { common, introduce } from "../cloud/handover/server/introduction.ts"
import { SESSION_TIMINGS } from "../cloud/handover/session.ts"
import { hashToken } from "../cloud/tokens.ts"
import { call, operator, publish, TestDevice, temporaryFolder, until, withClouds } from "./support/cloud.ts"
import { databaseOf, dropDatabaseOf, onPostgres } from "./support/cloud-database.ts"
import { phase } from "./support/handover.ts"
import { olderServer } from "./support/older-server.ts"
import { beginProcess, type ServerProcess } from "./support/server-process.ts"
import { suite } from "./support/suite.ts"

const test = suite("a handover between versions")

/** Commits of servers that could be handed over, and what they lack. */
const EARLIER = {
    "980c542": "no connection of their own between the servers, no ledger, no copy of the logs",
    a9496a0: "no introduction: the token is sent along",
}

const hand = (from: ServerProcess, to: ServerProcess, isNewer: boolean): Promise<any> =>
    operator(from.url, from.adminToken).must(202, "POST", "/server/handover", { to: to.url, token: to.adminToken, pacePerS: 200, ...(isNewer ? { tellToken: true } : {}) })
const codes = async (server: ServerProcess): Promise<string[]> => {
    const { items } = await operator(server.url, server.adminToken).must(200, "GET", "/devices/b0/history?limit=50")
    return items.map((item: any) => item.code).reverse()
}

if (!onPostgres)
    for (const [commit, lacks] of Object.entries(EARLIER))
        test(`forward and back, with a server of ${commit} (${lacks})`, async () => {
            const older = await olderServer(commit)
            if (older === undefined) return console.log(`skipped: ${commit} is not in this clone`)
            const folders = [older.folder, await temporaryFolder(), await temporaryFolder()]
            const [now, before] = await Promise.all([beginProcess(folders[1]).listening, beginProcess(folders[2], { command: older.command }).listening])
            try {
                const device = await TestDevice.add(now, "b0")
                await device.poll()
                await publish(now, "1.1.0")
                const report = async (at: TestDevice, code: string): Promise<void> => assert.is((await at.status({ id: "", state: "failed", v: "1.0.0", code })).status, 200)
                await report(device, "HOV_1")
                // Back to the version before.
                await hand(now, before, true)
                await phase(now, "done")
                const there = device.at(before.url)
                assert.is((await there.poll()).status, 202)
                await report(there, "HOV_2")
                assert.equal(await codes(before), ["HOV_1", "HOV_2"])
                assert.is((await operator(before.url, before.adminToken).must(200, "GET", "/releases/app@1.1.0")).version, "1.1.0")
                // And forward again.
                await hand(before, now, false)
                await phase(before, "done")
                assert.is((await until("it at the newer one", () => device.poll(), ({ status }) => status === 202, 5_000)).status, 202)
                await report(device, "HOV_3")
                assert.equal(await codes(now), ["HOV_1", "HOV_2", "HOV_3"])
                await operator(now.url, now.adminToken).must(202, "POST", "/devices/b0/update", { version: "1.1.0" })
                assert.is((await device.poll(5)).body.cmd, "update")
                assert.is((await call(`${now.url}/healthz`)).status, 200)
                for (const each of [device, there]) each.close()
            } finally {
                await Promise.all([now.kill(), before.kill()])
                for (const folder of folders) await rm(folder, { recursive: true, force: true })
            }
        })
else
    for (const first of ["before", "now"] as const)
        test(`on one database an earlier server and this one replace each other, beginning at the ${first === "before" ? "earlier" : "later"} one`, async () => {
            const commit = "a9496a0"
            const older = await olderServer(commit)
            if (older === undefined) return console.log(`skipped: ${commit} is not in this clone`)
            const dataDir = await temporaryFolder()
            await databaseOf(dataDir)
            const before = await beginProcess(dataDir, { command: older.command }).listening
            const now = await beginProcess(dataDir).listening
            try {
                const servers = { before, now }
                const device = await TestDevice.add(servers[first], "b0")
                await device.poll()
                const seats = { before: device.at(before.url), now: device.at(now.url) }
                const [forward, back] = [[before, now, seats.now], [now, before, seats.before]] as const
                // Epochs go on: what one way leaves behind may only show the second time.
                const turns = first === "before" ? [forward, back, forward, back] : [back, forward, back, forward]
                for (const [from, to, seat] of turns) {
                    await hand(from, to, from === now)
                    await phase(from, "done")
                    assert.is((await until("it there", () => seat.poll(), ({ status }) => status === 202, 10_000)).status, 202)
                    assert.is((await seat.status({ id: "", state: "failed", v: "1.0.0", code: `HOV_${(await codes(to)).length}` })).status, 200)
                }
                assert.equal(await codes(now), turns.map((_, n) => `HOV_${n}`))
                for (const seat of [device, ...Object.values(seats)]) seat.close()
            } finally {
                await Promise.all([now.kill(), before.kill()])
                await dropDatabaseOf(dataDir)
                for (const folder of [older.folder, dataDir]) await rm(folder, { recursive: true, force: true })
            }
        })

test("two servers that have no version in common say so, and what one does not know it passes over", async () => {
    assert.is(common({ oldest: 1, newest: 3 }, { oldest: 2, newest: 2 }), 2)
    for (const [theirs, ours] of [[{ oldest: 3, newest: 4 }, { oldest: 1, newest: 2 }], [{ oldest: 1, newest: 2 }, { oldest: 3, newest: 4 }]])
        assert.throws(() => common(theirs, ours), (error: { code?: string }) => error.code === "HOV_API_HANDOVER_VERSION")
    await withClouds(1, async next => {
        const hash = hashToken(next.adminToken)
        const hint = createHmac("sha256", hash).update(JSON.stringify(["hint"])).digest("hex").slice(0, 4)
        const hello = (more: object) => call(`${next.url}/handover/v1/hello`, { method: "POST", json: { hint, nonce: "n".repeat(32), to: next.url, ...more } })
        const refused = await hello({ protocols: { oldest: 98, newest: 99 } })
        assert.equal([refused.status, refused.body.code], [409, "HOV_API_HANDOVER_VERSION"])
        for (const more of [{}, { later: { field: 1 } }, { protocols: { oldest: 1, newest: 99, later: true } }]) assert.is((await hello(more)).status, 200)
    })
})

test("a message of a later version, or a field of an offer, that this one does not know changes nothing", () =>
    withClouds(1, async next => {
        const context = { nowMs: 0, timings: SESSION_TIMINGS, shared: false, session: "b0", giving: true }
        const event = { kind: "message", message: { kind: "later", session: "b0", epoch: 1 } as never } as const
        const serving = { at: "serving", epoch: 1 } as const
        assert.equal(stepCurrent(serving, event, context), [serving, []])
        assert.equal(stepNext({ at: "absent" }, event, context), [{ at: "absent" }, []])
        const terms = { handover: "h1", from: "http://127.0.0.1:1", id: "s1" }
        const offer = async (more: object): Promise<number> => {
            const introduced = await introduce(next.url, next.adminToken, terms, new AbortController().signal)
            return (await call(`${next.url}/handover/v1/accept`, { method: "POST", json: { ...terms, proof: introduced?.proof, ...more } })).status
        }
        assert.is(await offer({ later: { field: 1 } }), await offer({}))
    }))

test.run()
