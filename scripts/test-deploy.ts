/**
 * The way over USB, as far as a machine without boards can go: a project, `handover build`, the stock
 * `devs devtools` with a virtual board on its bus, the stock `devs deploy` of the base, hot updates over the same bus, one
 * breakpoint, one release and one saved edit.
 * The development tools' ports are fixed (8081 to 8083), so nothing else may use them meanwhile.
 *
 *   npm run test:deploy -- [--json] [--keep]
 */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { bridgeLink } from "../cli/jacdac/link.ts"
import { type Board, createBoard, readSetting } from "../sim/index.ts"
import { cliEvents } from "../test/support/cli-events.ts"
import { StockDebugger } from "../test/support/stock-debugger.ts"

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, keep: { type: "boolean", default: false } } })
const root = join(import.meta.dirname, "..")
const stock = join(root, "node_modules/@devicescript/cli/devicescript")
const folder = mkdtempSync(join(tmpdir(), "handover-deploy-"))
const env = { ...process.env, HANDOVER_KEY_PASSPHRASE: "only for this test", NO_COLOR: "1" }
const steps: { step: string; ms: number }[] = []

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now()
    const result = await work()
    const ms = Math.round(performance.now() - startMs)
    steps.push({ step: name, ms })
    if (!values.json) console.log(`ok   ${name} (${(ms / 1000).toFixed(1)} s)`)
    return result
}

async function run(command: string, ...args: string[]): Promise<string> {
    try {
        return (await promisify(execFile)(command, args, { cwd: folder, env, timeout: 120_000 })).stdout
    } catch (e) {
        const { stdout, stderr, message } = e as { stdout?: string; stderr?: string; message: string }
        throw new Error(`${args.join(" ")}: ${message}\n${stdout ?? ""}${stderr ?? ""}`)
    }
}

/** The command from this working copy; its last line as JSON. */
async function handover(...args: string[]): Promise<any> {
    const out = await run(process.execPath, "--import", import.meta.resolve("tsx"), join(root, "cli/handover.ts"), ...args, "--json")
    return JSON.parse(out.trim().split("\n").at(-1)!)
}

/** Starts the stock development tools and waits until they listen. */
async function startDevtools(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [stock, "devtools"], { cwd: folder, env: { ...env, CI: "true" }, stdio: ["ignore", "pipe", "pipe"] })
    let said = ""
    await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`devtools is not up after 60 s: ${said}`)), 60_000)
        const hear = (chunk: Buffer) => {
            said += chunk
            if (!/tcpsocket/.test(said)) return
            clearTimeout(timer)
            resolve()
        }
        child.stdout.on("data", hear)
        child.stderr.on("data", hear)
        child.once("exit", code => reject(new Error(`devtools ended with ${code} (17: a port is in use): ${said}`)))
    })
    return child
}

/** A board on the bus of the development tools, as one on USB would be. */
async function plugIn(board: Board): Promise<() => void> {
    const link = await bridgeLink("127.0.0.1", 8082)
    const off = board.onFrame(frame => link.send(frame))
    link.onFrame(frame => board.sendFrame(frame))
    return () => {
        off()
        link.close()
    }
}

let devtools: ChildProcess | undefined
let board: Board | undefined
let unplug: () => void = () => {}
try {
    await step("handover init --bus, keys new, build", async () => {
        mkdirSync(join(folder, "node_modules/@devicescript"), { recursive: true })
        symlinkSync(root, join(folder, "node_modules/handover"))
        symlinkSync(join(root, "node_modules/@devicescript/cli"), join(folder, "node_modules/@devicescript/cli"))
        await handover("init", "--bus")
        await handover("keys", "new", "keys/1.key", "--height", "5")
        return await handover("build")
    })
    board = await step("devs devtools, with a board that has no program", async () => {
        devtools = await startDevtools()
        const made = await createBoard({ deviceId: "12abdd2289421234" })
        await made.powerOn()
        unplug = await plugIn(made)
        return made
    })
    const on = board
    await step("handover settings: the board has what .env.local says, read back", async () => {
        writeFileSync(join(folder, ".env.local"), "hTrialMs=1000\nhLog=1\nhToken=12345678901234567890\n")
        const { stored, lost } = await handover("settings")
        if (stored.length !== 3 || lost.length) throw new Error(`stored ${stored}, lost ${lost}`)
        const token = readSetting(on.flash.contents(), "hToken")
        if (token !== "12345678901234567890") throw new Error(`the board has hToken ${token}`)
    })
    await step("devs deploy built/base.devs: the base runs", async () => {
        await run(process.execPath, stock, "deploy", "built/base.devs")
        await on.waitForLine(/blink 3/, 20_000)
    })
    await step("handover debug: a breakpoint in the linked base hits at its line", async () => {
        const text = readFileSync(join(folder, "src/main.ts"), "utf8")
        const line = text.split("\n").findIndex(l => l.includes("blink ${blinks}")) + 1
        const served = cliEvents(["debug", "--no-deploy", "--port", "0", "--project", folder])
        try {
            const { port } = await served.next("ready")
            const { debug, verified } = await StockDebugger.launchAt(port, "12abdd2289421234", "src/main.ts", [line])
            if (!verified[0].verified || verified[0].line !== line) throw new Error(`the breakpoint is at ${JSON.stringify(verified)}, not line ${line}`)
            const { frames } = await debug.stopped()
            if (frames[0].line !== line) throw new Error(`it stopped at ${JSON.stringify(frames[0])}, not at line ${line}`)
            await debug.resume()
            await debug.close()
        } finally {
            await served.stop()
        }
        await on.waitForLine(/blink 3/, 20_000)
    })
    const pushed = await step("an edit, handover release, handover push --via jacdac: the counter goes on in new code", async () => {
        const main = join(folder, "src/main.ts")
        writeFileSync(main, readFileSync(main, "utf8").replace("blink ${blinks}", "flash ${blinks}"))
        const { artifacts } = await handover("release", "1.0.1")
        const result = await handover("push", join(folder, artifacts[0].files.artifact), "--via", "jacdac")
        const line = await on.waitForLine(/flash \d+/, 10_000)
        if (!(Number(/flash (\d+)/.exec(line)![1]) > 3)) throw new Error(`the counter began again: ${line}`)
        return { phase: result.phase, imageBytes: artifacts[0].update.imageBytes }
    })
    const saved = await step("handover dev --jacdac: a saved edit runs on the board", async () => {
        const dev = cliEvents(["dev", "--jacdac", "--project", folder], { env: { HANDOVER_KEY_PASSPHRASE: env.HANDOVER_KEY_PASSPHRASE } })
        try {
            await dev.next("ready")
            const main = join(folder, "src/main.ts")
            writeFileSync(main, readFileSync(main, "utf8").replace("flash ${blinks}", "glow ${blinks}"))
            const ran = await dev.next("edit")
            if (ran.is !== "running") throw new Error(JSON.stringify(ran))
            await on.waitForLine(/glow \d+/, 10_000)
            const end = await dev.next("end")
            if (end.phase !== "confirmed") throw new Error(JSON.stringify(end))
            return { editToRunningMs: ran.times.runningMs }
        } finally {
            await dev.stop()
        }
    })
    await step("the power goes and comes: the new code is there", async () => {
        await new Promise(resolve => setTimeout(resolve, 3000))
        await on.powerCycle()
        await on.waitForLine(/glow 1/, 20_000)
    })
    console.log(values.json ? JSON.stringify({ ok: true, ...pushed, ...saved, steps }) : "All of it held.")
} finally {
    unplug()
    await board?.close()
    devtools?.kill("SIGKILL")
    if (values.keep) console.error(folder)
    else rmSync(folder, { recursive: true, force: true })
}
