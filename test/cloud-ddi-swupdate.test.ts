/** The real swupdate, unmodified, as a device of ours. Skipped, with the reason, where it is not installed. */
import { spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { openCloud, until, upload } from "./support/cloud.ts"
import { makeSwu } from "./support/swu.ts"

const GATEWAY = "gateway-token-of-the-linux-tenant"
const installed = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined
const missing = ["swupdate", "openssl"].filter(program => !installed(program))
const test = suite("swupdate")

if (missing.length > 0) console.log(`skipped: ${missing.join(" and ")} not installed (Debian: apt-get install ${missing.join(" ")})`)
else {
    test("swupdate installs what a rollout brings it, and its success ends the rollout", () =>
        withSwupdate("1.1.0", async ({ cloud, content, target, log, restart }) => {
            await until("the device to be known", () => cloud.must(200, "GET", "/devices?limit=500"), list => list.items.some((item: any) => item.id === "gateway-1" && item.actual !== null), 20_000)
            const rollout = await cloud.must(201, "POST", "/rollouts", { release: "app@1.1.0", phases: [{ percent: 100 }] })
            await until("the installation", async () => log(), text => text.includes("executing post-update actions"), 20_000)
            assert.is((await cloud.must(200, "GET", "/devices/gateway-1")).command.state, "running")
            // The device would reboot into what it installed, find it good, and say so with its first contact.
            await restart(["-c", "2"])
            const device = await until("swupdate's success", () => cloud.must(200, "GET", "/devices/gateway-1"), shown => ["converged", "blocked"].includes(shown.sync.state), 25_000).catch(error => {
                throw new Error(`${error.message}\n${log()}`)
            })
            assert.is(device.sync.state, "converged", log())
            assert.is(device.actual.version, "1.1.0")
            assert.equal(await readFile(target), Buffer.from(content))
            assert.is(device.commands[0].state, "succeeded")
            await until("the rollout's end", () => cloud.must(200, "GET", `/rollouts/${rollout.id}`), shown => shown.state === "completed", 10_000)
        }))

    test("swupdate refuses a file that somebody else signed, and the device is shown as failed", () =>
        withSwupdate("1.2.0", async ({ cloud, log }) => {
            await until("the device to be known", () => cloud.must(200, "GET", "/devices?limit=500"), list => list.items.some((item: any) => item.id === "gateway-1" && item.actual !== null), 20_000)
            await cloud.must(200, "PUT", "/devices/gateway-1/desired", { release: "app@1.2.0" })
            const device = await until("swupdate's refusal", () => cloud.must(200, "GET", "/devices/gateway-1"), shown => shown.sync.state === "blocked", 25_000).catch(error => {
                throw new Error(`${error.message}\n${log()}`)
            })
            assert.is(device.commands[0].state, "failed")
            assert.is(device.commands[0].code, "HOV_DDI_FAILURE")
        }, { wrongKey: true }))
}

interface Running {
    readonly cloud: Awaited<ReturnType<typeof openCloud>>
    readonly content: Uint8Array
    readonly target: string
    log(): string
    /** As after a reboot. */
    restart(suricatta: readonly string[]): Promise<void>
}

async function withSwupdate(version: string, work: (running: Running) => Promise<void>, { wrongKey = false } = {}): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), "handover-swupdate-"))
    const cloud = await openCloud({ ddi: { tenants: [{ name: "linux", gatewayToken: GATEWAY }], pollS: 1 } })
    const content = randomBytes(300_000)
    const target = path.join(folder, "installed.bin")
    const config = path.join(folder, "swupdate.cfg")
    const output: string[] = []
    let running: ReturnType<typeof start> | undefined
    async function prepare(): Promise<void> {
        const swu = await makeSwu(folder, { version, content, target })
        if (wrongKey) await makeSwu(folder, { version, content, target }) // another certificate in the place of the first
        await cloud.must(201, "POST", "/releases", { app: "app", version })
        const sent = await upload(cloud, `app@${version}/files?filename=gateway.swu`, swu)
        assert.is(sent.status, 201, sent.bytes.toString())
        // Its sockets and its hardware's name are its own: other instances on the machine are left alone.
        await writeFile(config, `globals: { verbose = true; loglevel = 5; }\nidentify: ( { name = "flavour"; value = "test"; } );\n`)
    }
    function start(suricatta: readonly string[]) {
        const client = spawn(
            "swupdate",
            ["-f", config, "-M", "-m", "-H", "board:1.0", "-k", path.join(folder, "certificate.pem"), "-u", `-t linux -u ${cloud.url} -i gateway-1 -g ${GATEWAY} -p 1 -w 1 -r 3 ${suricatta.join(" ")}`],
            { env: { ...process.env, TMPDIR: folder, RUNTIME_DIRECTORY: folder }, stdio: ["ignore", "pipe", "pipe"], detached: true },
        )
        client.stdout.on("data", bytes => output.push(String(bytes)))
        client.stderr.on("data", bytes => output.push(String(bytes)))
        const ended = new Promise<void>(resolve => client.once("exit", () => resolve()).once("error", () => resolve()))
        return {
            // Its workers are of its own process group.
            stop: async () => {
                if (client.pid !== undefined) killGroup(client.pid)
                await ended
                // A worker that got away would keep them, and with them this process, open.
                client.stdout.destroy()
                client.stderr.destroy()
            },
        }
    }
    try {
        await prepare()
        running = start([])
        await work({
            cloud,
            content,
            target,
            log: () => output.join("").slice(-6_000),
            restart: async suricatta => {
                await running?.stop()
                running = start(suricatta)
            },
        })
    } finally {
        await running?.stop()
        await cloud.done()
        await rm(folder, { recursive: true, force: true })
    }
}

function killGroup(pid: number): void {
    try {
        process.kill(-pid, "SIGKILL")
    } catch (error) {
        // It had ended by itself.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
    }
}

test.run()
