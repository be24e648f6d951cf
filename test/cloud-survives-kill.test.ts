import { rm } from "node:fs/promises"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { SeededRandom } from "../sim/seeded-random.ts"
import { operator, publish, TestDevice, temporaryFolder, until } from "./support/cloud.ts"
import { dropDatabaseOf } from "./support/cloud-database.ts"
import { startProcess } from "./support/server-process.ts"

test("what a device reported, and a command under way, survive kill -9", async () => {
    const dataDir = await temporaryFolder()
    const first = await startProcess(dataDir)
    await publish(first, "1.1.0")
    const device = await TestDevice.add(first, "survivor")
    device.actual.v = "1.0.7"
    await device.poll()
    const { must } = operator(first.url, first.adminToken)
    // News of a poll is on disk in the next turn of the event loop; ask until it shows.
    await until("the report", () => must(200, "GET", "/devices/survivor"), shown => shown.actual !== null)
    const { command } = await must(202, "POST", "/devices/survivor/update", { version: "1.1.0" })
    const offered = await device.poll(5)
    assert.is(offered.body.id, command.id)
    assert.is((await device.status({ id: command.id, state: "downloading", done: 128, of: 300 })).status, 200)
    // No pause: the 200 alone must be enough.
    await first.kill()

    const second = await startProcess(dataDir)
    const again = operator(second.url, second.adminToken)
    const shown = await again.must(200, "GET", "/devices/survivor")
    assert.is(shown.actual.version, "1.0.7")
    assert.is(shown.actual.state, "downloading")
    assert.is(shown.command.id, command.id)
    assert.is(shown.command.state, "running")
    assert.is(shown.command.doneBytes, 128)

    // The board lost its memory too (a power cut): it is given the same command, not a second one.
    const rebooted = device.at(second.url)
    rebooted.actual = { ...rebooted.actual, state: "idle", boot: 2 }
    const repeated = await rebooted.poll(5)
    assert.is(repeated.body.id, command.id)
    await rebooted.install(repeated.body)
    await second.kill()

    const third = await startProcess(dataDir)
    const last = await operator(third.url, third.adminToken).must(200, "GET", "/devices/survivor")
    assert.is(last.actual.version, "1.1.0")
    assert.is(last.commands.length, 1)
    assert.is(last.commands[0].state, "succeeded")
    await third.kill()
    device.close()
    rebooted.close()
    await dropDatabaseOf(dataDir)
    await rm(dataDir, { recursive: true, force: true })
})

test("killed at random moments under load, the server grants nothing twice and loses no confirmed status", async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
    console.log(`seed ${seed}`)
    const random = new SeededRandom(seed)
    const dataDir = await temporaryFolder()
    let server = await startProcess(dataDir)
    await publish(server, "1.1.0")
    const devices: TestDevice[] = []
    for (let n = 0; n < 20; n++) devices.push(await TestDevice.add(server, `d${n}`))
    for (const device of devices) await operator(server.url, server.adminToken).must(200, "PUT", `/devices/${device.id}/desired`, { release: "1.1.0" })

    const commandsSeen = new Map<string, Set<string>>()
    const confirmed = new Set<string>()
    for (let round = 0; round < 4; round++) {
        const work = devices.map(async original => {
            const device = original.at(server.url)
            try {
                for (;;) {
                    const answer = await device.poll(1)
                    if (answer.status !== 200) continue
                    const seen = commandsSeen.get(device.id) ?? new Set()
                    commandsSeen.set(device.id, seen.add(answer.body.id))
                    for (const state of ["checking", "downloading"]) await device.status({ id: answer.body.id, state })
                    // From here on the board runs it, whether or not it hears that the server knows.
                    device.actual = original.actual = { ...original.actual, v: answer.body.v, state: "confirmed" }
                    const ended = await device.status({ id: answer.body.id, state: "confirmed", v: answer.body.v })
                    if (ended.status !== 200) continue
                    confirmed.add(device.id)
                    return
                }
            } catch {
                // The server was killed in the middle: this board goes on in the next round.
            } finally {
                device.close()
            }
        })
        await new Promise(resolve => setTimeout(resolve, 20 + random.integer(0, 120)))
        await server.kill()
        await Promise.all(work)
        server = await startProcess(dataDir)
        for (const id of confirmed) {
            const shown = await operator(server.url, server.adminToken).must(200, "GET", `/devices/${id}`)
            assert.is(shown.commands[0].state, "succeeded", id)
        }
    }
    for (const [id, seen] of commandsSeen) assert.is(seen.size, 1, `device ${id} was granted ${[...seen].join(", ")}`)
    for (const { id } of devices) {
        const shown = await operator(server.url, server.adminToken).must(200, "GET", `/devices/${id}`)
        assert.ok(shown.commands.length <= 1)
    }
    await server.kill()
    await dropDatabaseOf(dataDir)
    await rm(dataDir, { recursive: true, force: true })
})

test.run()
