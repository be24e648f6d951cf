import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, createBoard } from "../sim/index.ts"
import { runCli, sampleProject, serve } from "./support/cli.ts"

const test = suite("what still runs old code, asked for from the command line")
const project = sampleProject()
const file = (path: string) => join(project.path, path)

let server: Awaited<ReturnType<typeof serve>>
let board: Board
let env: Record<string, string>
const cli = (...args: string[]) => runCli([...args, "--project", project.path, "--json"], { env })

const slow = (factor: number) => `
import * as ds from "@devicescript/core"
async function slowRound(ms: number) {
    await ds.sleep(ms * ${factor})
    console.log("slow " + ${factor})
}
async function slowLoop() {
    while (true) await slowRound(1000000)
}
slowLoop.start()
`

test.before(async () => {
    server = await serve(project.path)
    env = { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: server.tokenFile, HANDOVER_KEY_PASSPHRASE: "only for this test" }
    appendFileSync(file("src/app/index.ts"), slow(1))
    for (const args of [["keys", "new", "keys/1.key", "--height", "5"], ["build", "--release", "1.0.0"], ["devices", "add", "bench-1", "--env", file("board.env")]]) {
        const { code, stdout, stderr } = await cli(...args)
        if (code !== 0) console.error(stdout, stderr)
    }
    const settings = Object.fromEntries(readFileSync(file("board.env"), "utf8").trim().split("\n").map(line => line.split("=", 2)))
    board = await createBoard({ deviceId: "12abdd2289421234", program: readFileSync(file("built/base.devs")), settings: { ...settings, hPoll: 1, hTrialMs: 500, hJitter: 0 } })
    await board.powerOn()
    await board.waitForLine(/HOV start .*online=true/, 20_000)
})

test("a function that waits and began before the update is listed by its name and line", async () => {
    const before = await cli("ledger", "bench-1")
    assert.equal([before.code, before.json.count], [0, 0])
    const text = readFileSync(file("src/app/index.ts"), "utf8")
    writeFileSync(file("src/app/index.ts"), text.replace(slow(1), slow(2)))
    const line = text.split("\n").findIndex(l => l.startsWith("async function slowRound")) + 1
    const published = await cli("publish", "1.1.0")
    assert.is(published.code, 0, published.stderr)
    assert.is((await cli("trigger", "bench-1", "1.1.0", "--wait", "--timeout", "60")).code, 0)

    let listed = await cli("ledger", "bench-1")
    // the report comes with a poll
    for (let i = 0; i < 20 && listed.json.count === 0; i++) listed = await cli("ledger", "bench-1")
    assert.ok(listed.json.count >= 1, listed.stdout)
    const [call] = listed.json.calls
    assert.equal([call.functionName, call.location, call.code], ["slowRound", `src/app/index.ts:${line}`, "base 1.0.0"])
    assert.ok(call.oldForMs > 0)
    const later = await cli("ledger", "bench-1")
    assert.is(later.json.calls[0].fiber, call.fiber)
    const shown = await runCli(["ledger", "bench-1", "--project", project.path], { env })
    assert.match(shown.stdout, /slowRound +src\/app\/index.ts:\d+ +base 1\.0\.0/)
})

test.after(async () => {
    await board?.close()
    await server?.stop()
    project.remove()
})

test.run()
