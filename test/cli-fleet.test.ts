import { readFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runCli, startCli, temporaryFolder } from "./support/cli.ts"
import { onPostgres } from "./support/cloud-database.ts"
import { openCloud, publish, type TestCloud, until } from "./support/cloud.ts"

const test = suite("a simulated fleet from the command line")
const folder = temporaryFolder()
const envOf = (cloud: TestCloud) => ({ HANDOVER_URL: cloud.url, HANDOVER_TOKEN: cloud.adminToken })
const cli = (cloud: TestCloud, ...args: string[]) => runCli([...args, "--project", folder.path], { env: envOf(cloud) })
const fleetArgs = (boards: number, ...more: string[]) =>
    ["fleet", "--boards", `${boards}`, "--name", "f-", "--hold", "20", "--trial-ms", "20", ...more, "--project", folder.path, "--json"]

/** The command goes on until it is stopped, as at a terminal. */
async function withFleet(cloud: TestCloud, args: string[], work: () => Promise<void>): Promise<any> {
    const child = startCli(args, { env: envOf(cloud) })
    let output = ""
    child.stdout!.on("data", chunk => (output += chunk))
    const closed = new Promise(resolve => child.on("close", resolve))
    try {
        await work()
    } finally {
        child.kill("SIGTERM")
        await closed
    }
    return JSON.parse(output)
}
const held = (cloud: TestCloud, boards: number) => until("held polls", async () => ((await (await fetch(`${cloud.url}/healthz`)).json()) as { heldPolls: number }).heldPolls, n => n === boards, 20_000)

test("boards take a rollout, a fifth of them fails, and the export says so", async () => {
    const cloud = await openCloud({ timings: { rolloutTickMs: 50, sweepMs: 50 } })
    await publish(cloud, "1.1.0", { sizeBytes: 3000 })
    const figures = await withFleet(cloud, fleetArgs(60, "--fail", "20", "--seed", "3"), async () => {
        await held(cloud, 60)
        const { json } = await cli(cloud, "rollout", "start", "1.1.0", "--phase", "100%", "--json")
        const devices = (await until("every board's end", () => cloud.must(200, "GET", `/rollouts/${json.rollout.id}`), r => (r.devices.succeeded ?? 0) + (r.devices.rolledBack ?? 0) === 60 || r.state === "paused", 20_000)).devices
        assert.ok(devices.rolledBack > 0, JSON.stringify(devices))
    })
    assert.is(figures.polling, 60)
    assert.ok(figures.updated > 0 && figures.rolledBack > 0, JSON.stringify(figures))
    const file = join(folder.path, "devices.csv")
    const { code, stderr } = await cli(cloud, "export", "devices", "--format", "csv", "--to", file)
    assert.is(code, 0, stderr)
    const lines = readFileSync(file, "utf8").trim().split("\n")
    assert.is(lines.length, 61)
    const { stdout } = await cli(cloud, "export", "commands")
    assert.is(JSON.parse(stdout).length, 60)
    await cloud.done()
})

if (!onPostgres)
    test("boards follow a handover of the server, each with its second connection open before the first ends", async () => {
        const [current, next] = [await openCloud(), await openCloud()]
        const figures = await withFleet(current, fleetArgs(40), async () => {
            await held(current, 40)
            await current.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: 100 })
            await held(next, 40)
            await until("the end", () => current.must(200, "GET", "/server/handover"), progress => progress.phase === "done", 15_000)
        })
        assert.is(figures.moved, 40)
        assert.is(figures.trouble, 0)
        await current.done()
        await next.done()
    })

test("a wrong number of boards is refused", async () => {
    const cloud = await openCloud()
    const { code, json } = await cli(cloud, "fleet", "--boards", "100", "--real", "--json")
    assert.is(code, 2)
    assert.is(json.code, "HOV_CLI_USAGE")
    await cloud.done()
})

test.after(() => folder.remove())
test.run()
