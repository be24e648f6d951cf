/**
 * The path of a newcomer, from the packed tarball in an empty folder: install, init, build, simulate, edit, update while
 * the board runs. Real npm, real commands, nothing of this repository but the tarball.
 *
 *   npm run test:pack -- [--json] [--keep]
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, keep: { type: "boolean", default: false } } })
const root = join(import.meta.dirname, "..")
const folder = mkdtempSync(join(tmpdir(), "handover-pack-"))
const env = { ...process.env, HANDOVER_KEY_PASSPHRASE: "only for this test", NO_COLOR: "1" } as Record<string, string>
const steps: { step: string; ms: number }[] = []
const running: ChildProcess[] = []

async function step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const startMs = performance.now()
    const result = await work()
    steps.push({ step: name, ms: Math.round(performance.now() - startMs) })
    if (!values.json) console.log(`ok   ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`)
    return result
}

function npm(cwd: string, ...args: string[]): string {
    return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
}

/** The installed command; its last line as JSON. */
function handover(...args: string[]): any {
    const out = execFileSync(join(folder, "node_modules/.bin/handover"), [...args, "--json"], { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
    return JSON.parse(out.trim().split("\n").at(-1)!)
}

/** Starts a command that goes on; `line` waits for one of its JSON lines. */
function start(...args: string[]) {
    const child = spawn(process.execPath, [join(folder, "node_modules/handover/dist/cli/handover.js"), ...args, "--json"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] })
    running.push(child)
    const seen: string[] = []
    const waiting = new Set<() => void>()
    let rest = ""
    child.stdout.on("data", chunk => {
        const parts = (rest + chunk).split("\n")
        rest = parts.pop()!
        seen.push(...parts)
        for (const check of waiting) check()
    })
    let from = 0
    return {
        line: (pattern: RegExp, timeoutMs = 30_000) =>
            new Promise<any>((resolve, reject) => {
                const done = (end: () => void) => {
                    waiting.delete(check)
                    clearTimeout(timer)
                    end()
                }
                const check = (): void => {
                    for (; from < seen.length; from++) if (pattern.test(seen[from])) return done(() => resolve(JSON.parse(seen[from++])))
                }
                const timer = setTimeout(() => done(() => reject(new Error(`${args[0]}: waited ${timeoutMs} ms for ${pattern}; last lines:\n${seen.slice(-10).join("\n")}`))), timeoutMs)
                waiting.add(check)
                check()
            }),
        stop: () =>
            new Promise<void>(resolve => {
                child.once("close", () => resolve())
                child.kill("SIGTERM")
            }),
    }
}

try {
    const tarball = await step("npm pack", () => {
        const name = npm(root, "pack", "--silent").trim().split("\n").at(-1)!
        const target = join(folder, name)
        renameSync(join(root, name), target)
        return target
    })
    await step("npm install of the tarball in an empty folder", () => npm(folder, "install", "--no-fund", "--no-audit", tarball))
    await step("handover init", () => {
        if (handover("init").changes.length === 0) throw new Error("init changed nothing")
        if (handover("init").changes.length !== 0) throw new Error("a second init changed something")
        npm(folder, "install", "--no-fund", "--no-audit")
    })
    const base = await step("handover keys new, handover build", () => {
        handover("keys", "new", "keys/1.key", "--height", "5")
        return handover("build")
    })
    const server = start("serve", "--port", "0")
    const { url } = await step("handover serve", () => server.line(/"url"/))
    env.HANDOVER_URL = url
    env.HANDOVER_TOKEN_FILE = join(folder, "handover-data/admin.token")
    const board = await step("handover simulate: the base runs", async () => {
        handover("devices", "add", "desk-1", "--env", "desk-1.env")
        writeFileSync(join(folder, ".env.local"), "hTrialMs=1000\nhJitter=0\n")
        const simulated = start("simulate", "--env", "desk-1.env")
        await simulated.line(/blink 3/)
        return simulated
    })
    const update = await step("edit, handover publish, handover updater update: the new code runs, the counter goes on", async () => {
        const main = join(folder, "src/main.ts")
        const before = readFileSync(main, "utf8")
        writeFileSync(main, before.replace("blink ${blinks}", "flash ${blinks}"))
        const published = handover("publish", "1.1.0")
        const wait = handover("updater", "update", "--device", "desk-1", "--wait", "--timeout", "60")
        if (wait.command.state !== "succeeded") throw new Error(`the update ended as ${JSON.stringify(wait)}`)
        const { text } = await board.line(/flash \d+/)
        if (!(Number(/\d+/.exec(text)![0]) > 3)) throw new Error(`the counter began again: ${text}`)
        return published
    })
    await step("the power goes and comes: the new code is there", async () => {
        // the bank is written in an idle moment
        await new Promise(resolve => setTimeout(resolve, 3000))
        await board.stop()
        const again = start("simulate", "--env", "desk-1.env")
        await again.line(/flash 1"/)
        await again.stop()
    })
    await server.stop()
    const imageBytes = update.artifacts[0].update?.imageBytes ?? update.artifacts[0].artifactBytes
    console.log(values.json ? JSON.stringify({ ok: true, baseId: base.baseId, imageBytes, steps }) : "All of it held.")
} finally {
    for (const child of running) child.kill("SIGKILL")
    if (values.keep) console.error(folder)
    else rmSync(folder, { recursive: true, force: true })
}
