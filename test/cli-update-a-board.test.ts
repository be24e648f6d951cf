import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { type Board, createBoard } from "../sim/index.ts"
import { runCli, sampleProject, serve } from "./support/cli.ts"

const test = suite("a board updated from the command line")
const project = sampleProject()
const file = (path: string) => join(project.path, path)
const edit = (path: string, change: (text: string) => string) => writeFileSync(file(path), change(readFileSync(file(path), "utf8")))

let server: Awaited<ReturnType<typeof serve>>
let board: Board
let env: Record<string, string>
const log: string[] = []
const cli = (...args: string[]) => runCli([...args, "--project", project.path, "--json"], { env })
const device = ["--device", "bench-1"]

test.before(async () => {
    server = await serve(project.path)
    env = { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: server.tokenFile, HANDOVER_KEY_PASSPHRASE: "only for this test" }
    await cli("keys", "new", "keys/1.key", "--height", "5")
    const built = await cli("build", "--release", "1.0.0")
    if (built.code !== 0) throw new Error(`build ended with ${built.code}: ${built.stdout}${built.stderr}`)
})

test("a device's token is written for its owner only and not shown", async () => {
    const { code, json, stdout } = await cli("devices", "add", "bench-1", "--attribute", "site=lab", "--env", file("board.env"))
    assert.equal([code, json.id], [0, "bench-1"])
    const settings = Object.fromEntries(readFileSync(file("board.env"), "utf8").trim().split("\n").map(line => line.split("=", 2)))
    assert.equal([settings.hUrl, settings.hId], [server.url, "bench-1"])
    assert.ok(settings.hToken.length >= 16)
    assert.not.match(stdout, new RegExp(settings.hToken))
    assert.is(statSync(file("board.env")).mode & 0o077, 0)
    const early = await cli("updater", "check", ...device)
    assert.is(early.json.code, "HOV_CLI_NOT_REPORTED")

    board = await createBoard({ deviceId: "12abdd2289421234", program: readFileSync(file("built/base.devs")), settings: { ...settings, hPoll: 20, hTrialMs: 1000, hJitter: 0 } })
    board.onLine(line => log.push(line))
    await board.powerOn()
    await board.waitForLine(/HOV start .*online=true/, 20_000)
})

test("a board takes a release: up to date, available, updated, up to date", async () => {
    let before = await cli("updater", "check", ...device)
    // the first poll may be on its way still
    for (let i = 0; i < 40 && before.json.code === "HOV_CLI_NOT_REPORTED"; ++i) before = await cli("updater", "check", ...device)
    assert.equal([before.code, before.json.current, before.json.available], [0, "1.0.0", null])

    edit("src/app/controller.ts", text => text.replace("return limitPower(", "return limitPower(0.9 * "))
    const published = await cli("publish", "1.1.0")
    assert.is(published.code, 0, published.stderr)
    const again = await cli("publish", "1.1.0")
    assert.is(again.code, 0, "publishing the same again is harmless")
    const release = await cli("releases", "show", "1.1.0")
    assert.equal([release.json.artifacts.length, release.json.maps.length], [1, 1])

    const available = await cli("updater", "check", ...device)
    assert.equal([available.code, available.json.available.version], [10, "1.1.0"])
    const updated = await cli("updater", "update", ...device, "--wait", "--timeout", "60")
    assert.equal([updated.code, updated.json.command.state], [0, "succeeded"])
    const [after, current] = await Promise.all([cli("updater", "check", ...device), cli("updater", "current", ...device)])
    assert.is(after.code, 0)
    assert.equal([current.json.version, current.json.bank], ["1.1.0", "A"])
})

test("a release that throws ends with exit code 12 and names the line", async () => {
    edit("src/app/heater.ts", text => text.replace("const cooling = ", "const cooling = (this as any).missing.field + "))
    const line = readFileSync(file("src/app/heater.ts"), "utf8").split("\n").findIndex(l => l.includes("missing.field")) + 1
    assert.is((await cli("publish", "1.2.0")).code, 0)
    const { code, json } = await cli("trigger", "bench-1", "1.2.0", "--wait", "--timeout", "60")
    assert.equal([code, json.command.state], [12, "rolledBack"])
    assert.equal([json.fault.functionName, json.fault.location], ["advance", `src/app/heater.ts:${line}`])

    const [status, check, logs, path] = await Promise.all([cli("updater", "status", ...device), cli("updater", "check", ...device), cli("logs", ...device), cli("updater", "path", ...device)])
    assert.equal([path.json.now, path.json.next], ["A", "A"])
    assert.equal([status.code, status.json.version, status.json.busy], [12, "1.1.0", false])
    assert.is(check.code, 0, "a release that failed here is not offered again")
    const last = logs.json
    assert.equal([last.state, last.code, last.fault.location], ["rolledBack", "HOV_TRIAL_FAULT", `src/app/heater.ts:${line}`])

    const { stdout } = await runCli(["symbolize", "--project", project.path], { env, input: `${log.join("\n")}\n` })
    assert.match(stdout, new RegExp(`HOV fault.*\\n.*\\n    at advance \\(src/app/heater\\.ts:${line}\\) \\[image\\]`))
})

test("a release can be signed once more as a way back", async () => {
    const back = await cli("publish", "1.1.0", "--allow-downgrade")
    assert.is(back.code, 0, back.stderr)
    const release = await cli("releases", "show", "1.1.0")
    assert.equal(release.json.artifacts.map((a: { sequence: number; downgradeAllowed: boolean }) => [a.sequence, a.downgradeAllowed]), [[1, true]])
})

test("the server stops when it is told to", async () => {
    await board.close()
    assert.is(await server.stop(), 0)
})

test.after(() => project.remove())
test.run()
