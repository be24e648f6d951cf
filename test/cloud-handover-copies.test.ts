import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { suite } from "./support/suite.ts"
import { SeededRandom } from "../sim/seeded-random.ts"
import { KeptCopies } from "../cloud/handover/server/device-copies.ts"
import { DIGEST_HEADER, digestOf, exchange } from "../cloud/handover/server/exchange.ts"
import { printsOf, putTogether, restOf } from "../cloud/handover/server/device-rest.ts"
import { type DeviceBody, snapshotOf } from "../cloud/handover/server/device-sessions.ts"
import type { DeviceRows } from "../cloud/store/handover.ts"
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
