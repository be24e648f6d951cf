/** Real boards, two real servers that share nothing, and the command: one server takes the other's place. */
import { rm } from "node:fs/promises"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { Board } from "../sim/index.ts"
import { runCli } from "./support/cli.ts"
import { operator, PATIENCE, temporaryFolder, until, upload } from "./support/cloud.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { benchFor, DeviceBench } from "./support/device-bench.ts"
import { beginProcess, type ServerProcess } from "./support/server-process.ts"

const test = suite("boards whose server is replaced")
const TICK_MS = 50
/** A tick that the machine of the test, busy with three boards and two servers, may be late. */
const LATE_MS = 150 * PATIENCE
const IDS = ["north", "south", "east"]

/** Tells each tick's number, and the board's time. */
const app = (step: string): Record<string, string> => ({
    "src/main.ts": `import * as ds from "@devicescript/core"
import { startResident } from "./resident"
let n = 0
function work() {
    return ${step}
}
setInterval(() => { n++; console.log("tick " + n + " " + Math.round(ds.millis()) + " " + work()) }, ${TICK_MS})
await startResident()
`,
})

let bench: DeviceBench
let image: Buffer
benchFor(test, async () => {
    bench = await DeviceBench.openLinked(app("1"), async imageOf => {
        image = await imageOf(app("2 * 1"), 5)
    })
    return bench
})

const as = (server: ServerProcess, token: string) => operator(server.url, token)

if (!onPostgres)
    test("they miss no tick and no request, are updated by either server, and know the new one after a restart", async () => {
        const folders = [await temporaryFolder(), await temporaryFolder()]
        const [current, next] = await Promise.all(folders.map(folder => beginProcess(folder).listening))
        const { adminToken } = current
        try {
            await as(current, adminToken).must(201, "POST", "/releases", { app: "app", version: "1.5.0" })
            const artifact = bench.artifact(image, { sequence: 5, version: "1.5.0" })
            assert.is((await upload(current, "app@1.5.0/artifacts", artifact)).status, 201)
            const boards: Board[] = []
            for (const [n, id] of IDS.entries()) {
                const { token } = await as(current, adminToken).must(201, "POST", "/devices", { id, app: "app" })
                boards.push(await bench.started({ deviceId: `12abdd228942123${n}`, settings: { hUrl: current.url, hId: id, hToken: token } }))
            }
            const runs = (server: ServerProcess, id: string) =>
                until(`${id} runs 1.5.0`, () => as(server, adminToken).must(200, "GET", `/devices/${id}`), ({ actual, sync }) => actual?.version === "1.5.0" && sync.state === "converged", 20_000)
            const update = (server: ServerProcess, id: string) => as(server, adminToken).must(202, "POST", `/devices/${id}/update`, { version: "1.5.0" })
            await update(current, "north")
            await runs(current, "north")
            // South is in the middle of its update when everything moves.
            await update(current, "south")
            const env = { HANDOVER_URL: current.url, HANDOVER_TOKEN: adminToken, HANDOVER_NEXT_TOKEN: next.adminToken }
            const done = await runCli(["server", "handover", "--to", next.url, "--json"], { env })
            assert.equal([done.code, done.json.phase, done.json.moved], [0, "done", IDS.length], done.stdout)
            for (const board of boards) await board.waitForLine(new RegExp(`HOV home url=${next.url} kept=true$`), 15_000)
            await runs(next, "south")
            await update(next, "east")
            await runs(next, "east")
            for (const board of boards) {
                const texts = board.lines().map(line => line.text)
                assert.equal(texts.filter(isRetry), [])
                assert.ok(texts.some(text => / tick \d+ \d+ 2$/.test(` ${text}`)), "the new code runs")
                noneMissed(texts)
            }
            await current.kill()
            const polls = async (): Promise<number> => Date.parse((await as(next, adminToken).must(200, "GET", "/devices/north")).actual.reportedAt)
            const before = await polls()
            await boards[0].powerCycle()
            await until("a poll after the restart", polls, at => at > before, 15_000)
            await runs(next, "north")
            assert.equal(boards[0].lines().filter(({ text }) => isRetry(text)), [])
        } finally {
            await Promise.all([current.kill(), next.kill()])
            for (const folder of folders) await rm(folder, { recursive: true, force: true })
        }
    })

/** One connection that a busy machine does not make in time is made again, and nothing is lost by it; two in a row are a fault. */
const isRetry = (text: string): boolean => text.includes("HOV retry") && !/code=HOV_NET_CONNECT failures=1 /.test(text)

function noneMissed(texts: readonly string[]): void {
    const ticks = texts.flatMap(text => {
        const found = /tick (\d+) (\d+)/.exec(text)
        return found === null ? [] : [{ n: Number(found[1]), ms: Number(found[2]) }]
    })
    assert.ok(ticks.length > 20, `${ticks.length} ticks`)
    ticks.forEach(({ n, ms }, index) => {
        if (index === 0) return
        assert.is(n, ticks[index - 1].n + 1, "the state of the app went on")
        assert.ok(ms - ticks[index - 1].ms < TICK_MS + LATE_MS, `tick ${n} came ${ms - ticks[index - 1].ms} ms after the one before`)
    })
}

test.run()
