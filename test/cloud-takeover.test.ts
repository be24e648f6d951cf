/** `handover serve --takeover`: a server is replaced by another process on its host, with its port and its data folder. */
import type { ChildProcess } from "node:child_process"
import { Agent } from "node:http"
import { readFileSync } from "node:fs"
import path from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { startCli, temporaryFolder } from "./support/cli.ts"
import { call, operator, TestDevice, until } from "./support/cloud.ts"
import { databaseOf, dropDatabaseOf } from "./support/cloud-database.ts"

const test = suite("cloud-takeover")

interface Served {
    readonly child: ChildProcess
    readonly url: string
    readonly closed: Promise<number | null>
    stderr(): string
}

async function serve(folder: string, more: readonly string[], env: Record<string, string> = {}): Promise<Served> {
    const databaseUrl = await databaseOf(folder)
    const child = startCli(["serve", "--project", folder, "--json", "--log-level", "warn", ...more], { env: { ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }), ...env } })
    process.once("exit", () => child.kill("SIGKILL"))
    const closed = new Promise<number | null>(resolve => child.once("close", resolve))
    let stderr = ""
    child.stderr?.on("data", part => (stderr += part))
    const line = await new Promise<string>((resolve, reject) => {
        let text = ""
        child.stdout?.on("data", part => {
            text += part
            if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
        })
        void closed.then(code => reject(new Error(`serve ended with ${code}: ${stderr}`)))
    })
    const told = JSON.parse(line)
    if (!told.ok) {
        await closed
        throw new Error(line)
    }
    return { child, url: told.url, closed, stderr: () => stderr }
}

/** Clients of every kind, until told to stop; what went wrong. */
function clients(url: string, adminToken: string, devices: readonly TestDevice[]) {
    let open = true
    let requests = 0
    const failures: string[] = []
    const loop = async (what: string, ask: () => Promise<{ status: number; bytes: Buffer }>, pauseMs: number): Promise<void> => {
        while (open) {
            try {
                const { status, bytes } = await ask()
                if (status >= 300) failures.push(`${what}: ${status} ${bytes}`)
            } catch (error) {
                failures.push(`${what}: ${(error as Error).message}`)
            }
            requests++
            await new Promise(resolve => setTimeout(resolve, pauseMs))
        }
    }
    const kept = new Agent({ keepAlive: true, maxSockets: 4 })
    const loops = [
        // A server that goes does not hold polls: boards do not ask more often than they may for that.
        ...devices.map((device, n) => loop(`poll ${device.id}`, () => device.poll(n % 2 === 0 ? 20 : 1), 100)),
        ...devices.slice(0, 3).map(device => loop(`status ${device.id}`, () => device.status({ id: "", state: "downloading", done: requests }), 150)),
        // each a connection of its own: a port that is closed for a moment would refuse it
        loop("new connection", () => call(`${url}/healthz`, { agent: new Agent() }), 5),
        loop("operator", () => call(`${url}/api/v1/devices?limit=5`, { token: adminToken, agent: kept }), 20),
    ]
    return {
        failures,
        requests: () => requests,
        stop: async () => {
            open = false
            await Promise.all(loops)
            kept.destroy()
        },
    }
}

test("a server is replaced twice while clients talk to it: not one request fails", async () => {
    const folder = temporaryFolder()
    let current = await serve(folder.path, ["--port", "0"])
    const { url } = current
    const adminToken = readFileSync(path.join(folder.path, "handover-data/admin.token"), "utf8").trim()
    const { must } = operator(url, adminToken)
    const devices = await Promise.all(Array.from({ length: 12 }, (_, n) => TestDevice.add({ url, adminToken }, `d${n}`)))
    const load = clients(url, adminToken, devices)
    for (const _ of [1, 2]) {
        const before = load.requests()
        const next = await serve(folder.path, ["--port", new URL(url).port, "--takeover"])
        assert.is(next.url, url)
        assert.is(await current.closed, 0, current.stderr())
        await until("clients to go on", async () => load.requests(), count => count > before + 50, 10_000)
        current = next
    }
    // What the first server was told is what the third one knows, and commands reach who waits.
    assert.is((await must(200, "GET", "/devices?limit=500")).items.length, 12)
    const waiting = TestDevice.add({ url, adminToken }, "late")
    const late = await waiting
    await late.poll()
    const poll = late.poll(20)
    await until("the poll to be held", async () => (await must(202, "POST", "/devices/late/check")).command.id, id => id !== undefined)
    assert.is((await poll).body?.cmd, "check")
    // They wait for commands: told one, each poll ends
    await load.stop()
    assert.equal(load.failures, [])
    assert.ok(load.requests() > 200, `${load.requests()} requests`)
    late.close()
    for (const device of devices) device.close()
    current.child.kill("SIGTERM")
    assert.is(await current.closed, 0, current.stderr())
    await dropDatabaseOf(folder.path)
    folder.remove()
})

test("a server that dies while it starts leaves the current one untouched, and one that finds nobody starts by itself", async () => {
    const folder = temporaryFolder()
    const current = await serve(folder.path, ["--port", "0", "--takeover"])
    assert.match(current.stderr(), /no server to take over from/)
    const port = new URL(current.url).port
    const broken = await serve(folder.path, ["--port", port, "--takeover"], { HANDOVER_SECRET_KEY: "no key" }).catch(error => error as Error)
    assert.instance(broken, Error)
    assert.is((await call(`${current.url}/healthz`)).status, 200)
    current.child.kill("SIGTERM")
    assert.is(await current.closed, 0)
    await dropDatabaseOf(folder.path)
    folder.remove()
})

test.run()
