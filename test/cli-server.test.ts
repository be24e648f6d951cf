import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { baseBundle, encodeBaseBundle } from "../toolchain/pack/base-bundle.ts"
import { runCli, serve, temporaryFolder } from "./support/cli.ts"
import { artifactFile, TestDevice } from "./support/cloud.ts"
import { patchable } from "./support/replaced-program.ts"

const test = suite("a server from the command line")
const folder = temporaryFolder()
const file = (path: string) => join(folder.path, path)

let server: Awaited<ReturnType<typeof serve>>
let baseId: string
const cli = (...args: string[]) =>
    runCli([...args, "--project", folder.path, "--json"], { env: { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: server.tokenFile } })

test.before(async () => {
    writeFileSync(file("handover.json"), JSON.stringify({ app: "heater", channels: ["stable", "beta"] }))
    const { base } = await patchable(`console.log("v")\n`)
    const bundle = baseBundle(base.program, "1.0.0")
    baseId = bundle.baseId
    mkdirSync(file("built/releases/1.1.0"), { recursive: true })
    writeFileSync(file("built/base.json"), encodeBaseBundle(bundle))
    writeFileSync(file(`built/releases/1.1.0/${baseId}.hoa`), artifactFile("1.1.0", { base: baseId, sequence: 5 }))
    server = await serve(folder.path)
})

test("what is built already is sent without building it, and sending it again is harmless", async () => {
    for (const _ of [1, 2]) {
        const { code, json, stderr } = await cli("publish", "1.1.0")
        assert.is(code, 0, stderr)
        assert.equal([json.release, json.artifacts[0].base, json.artifacts[0].sequence], ["heater@1.1.0", baseId, 5])
    }
    const { json } = await cli("releases", "list")
    assert.equal(json.releases.map((r: { id: string }) => r.id), ["heater@1.1.0"])
})

test("a sequence that boards would refuse is not published", async () => {
    mkdirSync(file("built/releases/1.2.0"))
    writeFileSync(file(`built/releases/1.2.0/${baseId}.hoa`), artifactFile("1.2.0", { base: baseId, sequence: 5 }))
    const { code, json } = await cli("publish", "1.2.0")
    assert.equal([code, json.code], [2, "HOV_CLI_SEQUENCE"])
    assert.match(json.message, /--sequence 6/)
})

test("a base bundle comes back from the server as it went there", async () => {
    const published = await cli("bases", "publish")
    assert.is(published.code, 0, published.stderr)
    rmSync(file("built/bases"), { recursive: true, force: true })
    const fetched = await cli("bases", "fetch", baseId)
    assert.equal([fetched.code, fetched.json.version], [0, "1.0.0"])
    assert.is(readFileSync(file(`built/bases/${baseId}.json`), "utf8"), readFileSync(file("built/base.json"), "utf8"))
})

test("a board's state decides the exit code of the updater's verbs", async () => {
    const added = await cli("devices", "add", "bench-1", "--app", "heater", "--attribute", "site=lab", "--no-seal")
    assert.is(added.code, 0)
    const board = new TestDevice(server.url, "bench-1", added.json.token)
    board.actual = { ...board.actual, base: baseId }
    await board.poll()
    const on = ["--device", "bench-1"]
    const available = await cli("updater", "check", ...on)
    assert.equal([available.code, available.json.available.release], [10, "heater@1.1.0"])
    assert.is((await cli("updater", "update", ...on)).code, 0)
    const offer = await board.poll()
    const busy = await cli("updater", "status", ...on)
    assert.equal([busy.code, busy.json.busy], [11, true])
    const path = await cli("updater", "path", ...on)
    assert.equal([path.json.now, path.json.next, path.json.version], ["R", "A", "1.1.0"])
    await board.install(offer.body)
    board.actual = { ...board.actual, seq: 5 }
    await board.poll()
    const [done, check, listed] = await Promise.all([cli("updater", "status", ...on), cli("updater", "check", ...on), cli("devices", "list")])
    assert.equal([done.code, check.code], [0, 0])
    assert.equal(listed.json.devices.map((d: { id: string; actual: { version: string } }) => [d.id, d.actual.version]), [["bench-1", "1.1.0"]])
    const cancel = await cli("updater", "cancel", ...on)
    assert.equal([cancel.code, cancel.json.code], [4, "HOV_API_NOT_ACTIVE"])
    board.close()
})

test("groups and rollouts are made, shown and steered", async () => {
    const group = await cli("groups", "add", "lab", "--filter", 'attr.site = "lab"')
    assert.is(group.code, 0, group.stdout)
    assert.equal((await cli("groups", "show", "lab")).json.devices, ["bench-1"])
    assert.is((await cli("groups", "add", "none")).code, 2)
    assert.is((await cli("rollouts", "start", "1.1.0", "--channel", "nightly")).code, 2)
    writeFileSync(file("plan.json"), JSON.stringify({ startAt: new Date(Date.now() + 3_600_000).toISOString() }))
    const started = await cli("rollouts", "start", "1.1.0", "--group", "lab", "--phase", "10%", "--phase", "100%", "--rate", "600", "--plan", file("plan.json"))
    assert.is(started.code, 0, started.stdout)
    const { id } = started.json.rollout
    assert.is((await cli("rollouts", "show", id)).json.rollout.plan.ratePerMinute, 600)
    const paused = await cli("rollouts", "pause", id)
    assert.equal([paused.code, paused.json.rollout?.state], [0, "paused"], paused.stdout)
    assert.equal((await cli("rollouts", "list")).json.rollouts.map((r: { id: string }) => r.id), [id])
})

test("experiments are started, shown and ended; webhooks added and removed; the audit log says who did it", async () => {
    const call = (route: string, body: object) => fetch(`${server.url}/api/v1${route}`, { method: "POST", headers: { authorization: `Bearer ${readFileSync(server.tokenFile, "utf8").trim()}`, "content-type": "application/json" }, body: JSON.stringify(body) })
    assert.is((await call("/releases", { app: "heater", version: "1.3.0" })).status, 201)
    const started = await cli("experiments", "start", "1.1.0", "1.3.0", "--name", "warmer", "--split", "30", "--filter", "attr.site = nowhere", "--seed", "s")
    assert.equal([started.code, started.json.experiment?.state, started.json.experiment?.splitPercent], [0, "running", 30], started.stdout)
    const { id } = started.json.experiment
    const human = await runCli(["experiments", "show", id, "--project", folder.path], { env: { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: server.tokenFile } })
    assert.match(human.stdout, /running; undecided\n.*failure rate.*\na\s+heater@1\.1\.0\s+0[\s\S]*\nb\s+heater@1\.3\.0\s+0/)
    const ended = await cli("experiments", "end", id, "b")
    assert.equal([ended.code, ended.json.experiment?.winner], [0, "b"], ended.stdout)
    assert.equal((await cli("experiments", "list")).json.experiments.map((x: { name: string; state: string }) => [x.name, x.state]), [["warmer", "ended"]])
    assert.is((await cli("experiments", "end", id, "c")).code, 2)
    assert.is((await cli("experiments", "start", "1.1.0", "1.3.0", "--split", "100")).code, 2)

    const hook = await cli("webhooks", "add", "http://127.0.0.1:9/hook", "--type", "rollout.", "--type", "command.finished", "--to", file("hook.secret"))
    assert.equal([hook.code, hook.json.types], [0, ["rollout.", "command.finished"]], hook.stdout)
    assert.match(readFileSync(file("hook.secret"), "utf8"), /^whsec_/)
    assert.not.match(hook.stdout, /whsec_/)
    assert.equal((await cli("webhooks", "list")).json.webhooks.map((w: { id: string }) => w.id), [hook.json.id])
    assert.is((await cli("webhooks", "remove", hook.json.id)).code, 0)
    assert.equal((await cli("webhooks", "list")).json.webhooks, [])

    const log = await cli("audit", "--lines", "200")
    const done = log.json.entries.map((entry: { action: string; subject: string }) => `${entry.action} ${entry.subject}`)
    for (const entry of [`experiment.create ${id}`, `experiment.end ${id}`, `webhook.create ${hook.json.id}`, `webhook.remove ${hook.json.id}`]) assert.ok(done.includes(entry), entry)
    const about = await cli("audit", "--subject", id)
    assert.equal(about.json.entries.map((entry: { action: string }) => entry.action), ["experiment.end", "experiment.create"])
    assert.is((await cli("audit", "--lines", "1")).json.entries.length, 1)
})

test("a token of a role may do what its role may, until it is revoked", async () => {
    const made = await cli("tokens", "new", "ci", "viewer", "--to", file("ci.token"))
    assert.not.match(made.stdout, new RegExp(readFileSync(file("ci.token"), "utf8").trim()))
    assert.equal((await cli("tokens", "list")).json.tokens.map((t: { name: string; role: string }) => [t.name, t.role]).at(-1), ["ci", "viewer"])
    const asViewer = (...args: string[]) => runCli([...args, "--project", folder.path, "--json"], { env: { HANDOVER_URL: server.url, HANDOVER_TOKEN_FILE: file("ci.token") } })
    const [list, trigger] = await Promise.all([asViewer("devices", "list"), asViewer("trigger", "bench-1", "1.1.0")])
    assert.equal([list.code, trigger.code, trigger.json.code], [0, 4, "HOV_API_ROLE"])
    assert.is((await cli("tokens", "revoke", made.json.id)).code, 0)
    assert.is((await asViewer("devices", "list")).json.code, "HOV_API_TOKEN_WRONG")
})

test("files that cannot be read or written are named, and a secret that cannot be written down is not made", async () => {
    writeFileSync(file("bad.json"), "{nope")
    writeFileSync(file("list.json"), "[1]")
    writeFileSync(file("open.token"), "for everybody", { mode: 0o644 })
    const before = (await cli("tokens", "list")).json.tokens.length
    const nowhere = join(folder.path, "no", "such", "folder", "x")
    for (const [args, code] of [
        [["rollouts", "start", "1.1.0", "--plan", file("bad.json")], "HOV_CLI_FILE_KIND"],
        [["rollouts", "start", "1.1.0", "--plan", file("list.json")], "HOV_CLI_FILE_KIND"],
        [["rollouts", "start", "1.1.0", "--plan", folder.path], "HOV_CLI_FILE"],
        [["export", "devices", "--to", nowhere], "HOV_CLI_FILE"],
        [["tokens", "new", "lost", "viewer", "--to", nowhere], "HOV_CLI_FILE"],
        [["devices", "add", "lost", "--env", nowhere], "HOV_CLI_FILE"],
    ] as const) {
        const ran = await cli(...args)
        assert.equal([ran.code, ran.json.code], [2, code], args.join(" "))
    }
    assert.is((await cli("tokens", "new", "kept", "viewer", "--expires-s", "3600", "--to", file("open.token"))).code, 0)
    assert.is(statSync(file("open.token")).mode & 0o777, 0o600)
    assert.match(readFileSync(file("open.token"), "utf8"), /^hov_\S+\n$/)
    const { tokens } = (await cli("tokens", "list")).json
    assert.equal([tokens.length, tokens.at(-1).name], [before + 1, "kept"])
    assert.ok(Date.parse(tokens.at(-1).expiresAt) > Date.now())
})

test("a server that cannot start says why, and what to do", async () => {
    const start = (args: readonly string[], env: Record<string, string> = {}) => runCli(["serve", "--json", "--project", folder.path, ...args], { env })
    const { port } = new URL(server.url)
    for (const [ran, code, words] of [
        [await start(["--port", "0", "--data", file("handover-data")]), 2, /runs with the data folder .* already: --takeover/],
        [await start(["--port", port, "--data", file("other")]), 2, /port \d+ of 127\.0\.0\.1 is in use: .*--port/],
        [await start(["--port", "65536"]), 2, /a port from 0 to 65535/],
        [await start(["--port", "0", "--data", file("other")], { DATABASE_URL: "mysql://x" }), 2, /DATABASE_URL must be postgres:/],
        [await start(["--port", "0", "--data", file("other")], { DATABASE_URL: "postgres://127.0.0.1:1/x" }), 5, /cannot be reached \(ECONNREFUSED\)/],
        [await start(["--port", "0", "--data", file("other")], { HANDOVER_ADMIN_TOKEN: "short" }), 2, /HANDOVER_ADMIN_TOKEN\) must be 16 to 128/],
    ] as const) {
        assert.is(ran.code, code, ran.stdout + ran.stderr)
        assert.match(ran.json.message, words)
    }
    assert.is((await cli("devices", "list")).code, 0, "the one that runs is none the worse")
})

test("what the server refuses has the server's code", async () => {
    const { code, json } = await cli("trigger", "nobody", "1.1.0")
    assert.equal([code, json.code], [4, "HOV_API_DEVICE_UNKNOWN"])
})

test("the server stops when it is told to", async () => {
    assert.is(await server.stop(), 0)
})

test.after(() => folder.remove())
test.run()
