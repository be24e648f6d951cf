import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import path from "node:path"
import Database from "libsql"
import { suite } from "./support/suite.ts"
import { MOVED_TABLES } from "../cloud/store/handover.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { artifactFile, call, openCloud, publish, sha256, TestDevice, temporaryFolder, type TestCloud, until, upload, withClouds } from "./support/cloud.ts"

// With a shared database the processes serve side by side: there is nothing to send over.
const test = suite("cloud-handover")
const PACE_PER_S = 200

async function begin(current: TestCloud, next: TestCloud, pacePerS = PACE_PER_S): Promise<void> {
    await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS })
}
const phaseOf = (cloud: TestCloud, wanted: string) =>
    until(`phase ${wanted}`, () => cloud.must(200, "GET", "/server/handover"), progress => progress.phase === wanted, 10_000)

/** Follows `move` as a board does: the address is the first part of every path from then on. */
async function follow(device: TestDevice, poll: Promise<{ status: number; body: any }>): Promise<TestDevice> {
    const { status, body } = await poll
    assert.equal(status, 200)
    assert.match(body.move, /^http:\/\/127\.0\.0\.1:\d+\/~/)
    return device.at(body.move)
}

if (onPostgres) test.skip("the servers share a database", () => {})
else {
    test("every table of the store goes to the next server", () =>
        withClouds(1, async cloud => {
            const db = new Database(path.join(cloud.dataDir, "handover.db"))
            const tables = (db.prepare("select name from sqlite_master where type = 'table'").all() as { name: string }[]).map(row => row.name)
            db.close()
            const left = tables.filter(name => !MOVED_TABLES.has(name) && !/^(kysely|sqlite|handover|hawkbit|libsql)/.test(name))
            assert.deepEqual(left, [])
        }))

    test("a device, its history, experiments, permissions and their blobs are at next, and operators are forwarded", () =>
        withClouds(2, async (current, next) => {
            const device = await TestDevice.add(current, "b1")
            await device.poll()
            const image = randomBytes(300)
            await publish(current, "1.1.0", { image, sequence: 7 })
            const permission = artifactFile("1.1.0", { image, sequence: 7, downgradeAllowed: true })
            assert.equal((await upload(current, "app@1.1.0/artifacts", permission)).status, 201)
            await publish(current, "1.2.0")
            const experiment = await current.must(201, "POST", "/experiments", { name: "two", a: "1.1.0", b: "1.2.0", filter: "id = nobody", phases: [{ percent: 100 }] })
            await device.status({ id: "", state: "failed", v: "1.0.0", code: "HOV_BEFORE" })
            const waiting = device.poll(20)
            await until("the held poll", async () => (await current.api("GET", "/devices/b1")).status, status => status === 200)
            await begin(current, next)
            const moved = await follow(device, waiting)
            assert.equal((await moved.poll()).status, 202)
            assert.equal((await phaseOf(current, "done")).eventsBehind, 0)
            assert.equal((await moved.status({ id: "", state: "failed", v: "1.0.0", code: "HOV_AFTER" })).status, 200)
            const shown = await next.must(200, "GET", "/devices/b1")
            assert.deepEqual(shown.history.map((entry: any) => entry.code).sort(), ["HOV_AFTER", "HOV_BEFORE"])
            assert.equal((await next.must(200, "GET", `/experiments/${experiment.id}`)).id, experiment.id)
            // Current's address goes on working for operators: the answer is next's.
            await current.must(201, "POST", "/devices", { id: "b2" })
            assert.equal((await next.must(200, "GET", "/devices/b2")).id, "b2")
            const command = await next.must(202, "POST", "/devices/b1/update", { version: "1.1.0" })
            assert.ok(command)
            const { body } = await moved.poll(5)
            assert.equal(body.cmd, "update")
            assert.equal(body.img, sha256(image))
            for (const each of [device, moved]) each.close()
        }))

    test("a device that has moved is not added or enrolled where it was, and its claim code stays good", () =>
        withClouds(2, async (current, next) => {
            await current.must(201, "POST", "/devices/batch", { devices: ["b0", "b1", "b2", "b3"].map(id => ({ id })) })
            const { codes: ofAny } = await current.must(201, "POST", "/claims", {})
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 1 })
            const [{ id }] = (await until("a device at next", () => next.must(200, "GET", "/devices?limit=10"), ({ items }) => items.length > 0, 10_000)).items
            const { codes } = await current.must(201, "POST", "/claims", { device: id })
            const enrol = (cloud: TestCloud, device: string, claim: string) => call(`${cloud.url}/v1/enrol`, { method: "POST", json: { id: device, claim } })
            for (const cloud of [current, next]) {
                const { status, body } = await enrol(cloud, id, codes[0])
                assert.deepEqual([status, body.code], [503, "HOV_API_DEVICE_ELSEWHERE"])
            }
            assert.equal((await current.api("POST", "/devices", { id })).body.code, "HOV_API_DEVICE_ELSEWHERE")
            // A new one is current's, whoever it asks, for the claims are.
            assert.equal((await enrol(next, "b9", ofAny[0])).status, 201)
            await phaseOf(next, "done")
            await phaseOf(current, "done")
            assert.deepEqual((await next.must(200, "GET", "/devices?limit=10")).items.map((device: any) => device.id).sort(), ["b0", "b1", "b2", "b3", "b9"])
            const { status, body } = await enrol(current, id, codes[0])
            assert.equal(status, 201)
            const device = new TestDevice(next.url, id, body.token)
            assert.equal((await device.poll()).status, 202)
            device.close()
            assert.equal((await enrol(current, "b10", ofAny[0])).body.code, "HOV_API_CLAIM")
        }))

    test("abort brings every device back", () =>
        withClouds(2, async (current, next) => {
            const devices = await Promise.all([0, 1, 2, 3].map(n => TestDevice.add(current, `b${n}`)))
            for (const device of devices) await device.poll()
            const waiting = devices.map(device => device.poll(20))
            void Promise.allSettled(waiting)
            await begin(current, next, 2)
            const first = await Promise.race(waiting.map((poll, n) => follow(devices[n], poll)))
            assert.equal((await first.poll()).status, 202)
            await current.must(200, "POST", "/server/handover/abort")
            await phaseOf(current, "aborted")
            const progress = await current.must(200, "GET", "/server/handover")
            assert.equal(progress.moved, 0)
            for (const { id } of devices) await current.must(200, "GET", `/devices/${id}`)
            for (const each of [first, ...devices]) each.close()
        }))

    test("a server takes over from a newer version, whose columns and tables it does not know", async () => {
        const dataDir = await temporaryFolder()
        await (await openCloud({ dataDir })).close()
        const db = new Database(path.join(dataDir, "handover.db"))
        db.exec(`alter table "devices" add column "future" text; alter table "releases" add column "future" text`)
        db.close()
        await withClouds(1, next =>
            withClouds(
                1,
                async current => {
                    const device = await TestDevice.add(current, "b1", { attributes: { site: "lab" } })
                    await device.poll()
                    await publish(current, "1.1.0")
                    await begin(current, next)
                    await phaseOf(current, "done")
                    assert.deepEqual((await next.must(200, "GET", "/devices/b1")).attributes, { site: "lab" })
                    assert.equal((await next.must(200, "GET", "/releases")).items.some((release: any) => release.id === "app@1.1.0"), true)
                    assert.equal((await device.at(next.url).poll()).status, 202)
                    device.close()
                },
                { dataDir },
            ),
        )
    })

    test("a device's new token is the same from both servers, though each has a secret of its own", () =>
        withClouds(2, async (current, next) => {
            const device = await TestDevice.add(current, "b1")
            await device.poll()
            await current.must(200, "POST", "/devices/b1/token", { keepOld: true })
            const told = (await device.poll()).body.token
            await begin(current, next)
            await phaseOf(current, "done")
            const moved = device.at(next.url)
            assert.equal((await moved.poll()).body.token, told)
            const fresh = new TestDevice(next.url, "b1", told)
            assert.equal((await fresh.poll()).status, 202)
            assert.equal((await moved.poll()).status, 401)
            for (const each of [device, moved, fresh]) each.close()
        }))

    test("nobody is sent to a server that has gone, and the handover goes on when it is back", async () => {
        const dataDir = await temporaryFolder()
        await withClouds(1, async current => {
            // More than are offered, at one in a second, until the end of next is known.
            const devices = await Promise.all(Array.from({ length: 20 }, (_, n) => TestDevice.add(current, `b${n}`)))
            for (const device of devices) await device.poll()
            let next = await openCloud({ dataDir })
            try {
                const port = Number(new URL(next.url).port)
                const open = new Set(devices)
                const polls = devices.map(async device => {
                    const answer = await device.poll(60)
                    open.delete(device)
                    return answer
                })
                await begin(current, next, 1)
                const first = await Promise.race(polls.map((poll, n) => follow(devices[n], poll)))
                assert.equal((await first.poll()).status, 202)
                await next.close()
                await until("a broken link", () => current.must(200, "GET", "/server/handover"), progress => progress.linkFailures > 0, 10_000)
                await current.must(200, "POST", "/server/handover/pace", { pacePerS: 1_000 })
                const waiting = open.size
                assert.ok(waiting > 0)
                await new Promise(resolve => setTimeout(resolve, 500))
                assert.equal(open.size, waiting)
                next = await openCloud({ dataDir, port })
                for (const { body } of await Promise.all(polls)) assert.match(body.move, /^http/)
                await phaseOf(current, "done")
                for (const each of [first, ...devices]) each.close()
            } finally {
                await next.done()
            }
        })
    })

    test("a server that was closed in the middle of a handover writes nothing any more", async () => {
        const folders: string[] = []
        for (const ms of [0, 5, 20, 60])
            await withClouds(2, async (current, next) => {
                folders.push(current.dataDir, next.dataDir)
                await publish(current, "1.1.0", { sizeBytes: 100_000 })
                const devices = Array.from({ length: 50 }, (_, n) => ({ id: `b${n}` }))
                await current.must(201, "POST", "/devices/batch", { devices })
                const begun = current.api("POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 1_000 }).catch(() => {})
                await new Promise(resolve => setTimeout(resolve, ms))
                await Promise.all([current.close(), next.close()])
                await begun
            })
        // Longer than the store's thread takes to begin.
        await new Promise(resolve => setTimeout(resolve, 300))
        assert.deepEqual(folders.filter(folder => existsSync(folder)), [])
    })
}

test.run()
