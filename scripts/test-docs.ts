/**
 * The quick start as a reader would walk it: its own blocks, from the page, in a shell, in an empty folder, with the packed
 * tarball in the place of the registry's package. What the page shows but does not run (`text` blocks) are the commands
 * that go on; they are started, and the edits are made, where the page says so. All other pages: test/docs.test.ts.
 *
 *   npm run test:docs -- [--json] [--keep]
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { blocks, type DocBlock } from "../test/support/doc-commands.ts"

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, keep: { type: "boolean", default: false } } })
const root = join(import.meta.dirname, "..")
const folder = mkdtempSync(join(tmpdir(), "handover-docs-"))
const project = join(folder, "lamp")
const page = blocks(readFileSync(join(root, "docs/quick-start.md"), "utf8"))
const running: ChildProcess[] = []
let steps = 0

/** The block that holds a command, so that the page can change around it. */
function block(language: string, holds: string): DocBlock {
    const found = page.filter(b => b.language === language && b.lines.some(line => line.includes(holds)))
    if (found.length !== 1) throw new Error(`docs/quick-start.md has ${found.length} blocks of ${language} with "${holds}"`)
    return found[0]
}

function say(name: string): void {
    steps++
    if (!values.json) console.log(`ok   ${name}`)
}

/** What a block exports holds for those after it, as in a reader's terminal. */
const profile = join(folder, "profile")
writeFileSync(profile, "")

function shell(text: string, cwd: string): string {
    try {
        return execFileSync("bash", ["-euc", `. ${profile}\n${text}`], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1", npm_config_fund: "false", npm_config_audit: "false" } })
    } catch (e) {
        const { stdout, stderr } = e as { stdout: string; stderr: string }
        throw new Error(`${text}\n${stdout}${stderr}`)
    }
}

function run(holds: string, cwd = project, change: (text: string) => string = text => text): string {
    const { lines } = block("sh", holds)
    const text = change(lines.join("\n"))
    for (const line of lines) if (line.startsWith("export ")) appendFileSync(profile, `${change(line)}\n`)
    const out = shell(text, cwd)
    say(lines.at(-1)!.trim())
    return out
}

/** Starts a command that goes on, and waits for what it prints. */
async function start(holds: string, ready: RegExp, more = ""): Promise<{ child: ChildProcess; wait(pattern: RegExp, timeoutMs?: number): Promise<string> }> {
    const [line] = block("text", holds).lines
    const child = spawn("bash", ["-euc", `. ${profile}\nexec ${line} ${more}`], { cwd: project, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" }, detached: true })
    running.push(child)
    let said = ""
    let heard = () => {}
    for (const stream of [child.stdout, child.stderr])
        stream.on("data", chunk => {
            said += chunk
            heard()
        })
    const wait = (pattern: RegExp, timeoutMs = 90_000) =>
        new Promise<string>((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`${line}: waited ${timeoutMs} ms for ${pattern}; it said:\n${said.slice(-2000)}`)), timeoutMs)
            heard = () => {
                const found = pattern.exec(said)
                if (!found) return
                said = said.slice(found.index + found[0].length)
                clearTimeout(timer)
                heard = () => {}
                resolve(found[0])
            }
            heard()
        })
    await wait(ready)
    say(line)
    return { child, wait }
}

/** Ctrl-C in a terminal reaches all of its processes; npx alone would end and leave the command that it started. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
    try {
        process.kill(-pid!, name)
    } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== "ESRCH") throw e
    }
}

const stop = (child: ChildProcess) =>
    new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${child.spawnargs.at(-1)}: it goes on 20 s after Ctrl-C`)), 20_000)
        child.once("close", () => {
            clearTimeout(timer)
            resolve()
        })
        signal(child, "SIGINT")
    })
const edit = (change: (text: string) => string) => writeFileSync(join(project, "src/main.ts"), change(readFileSync(join(project, "src/main.ts"), "utf8")))

try {
    const name = execFileSync("npm", ["pack", "--silent"], { cwd: root, encoding: "utf8" }).trim().split("\n").at(-1)!
    const tarball = join(folder, name)
    renameSync(join(root, name), tarball)
    run("mkdir lamp", folder, text => text.replace("npm install handover @devicescript/cli", `npm install ${tarball} @devicescript/cli@2.16.4`))

    const dev = await start("npx handover dev", /ready: /)
    await dev.wait(/blink 2/)
    edit(text => text.replace("blink ${blinks}", "flash ${blinks}"))
    const ran = await dev.wait(/runs \d+ ms after the edit .*\n/)
    await dev.wait(/flash \d+/)
    await stop(dev.child)

    run("npx handover build")
    const server = await start("npx handover serve", /127\.0\.0\.1:8070/)
    run("npx handover devices add desk-1")
    const board = await start("npx handover simulate", /HOV start/, "--verbose")
    edit(text => text.replace("flash ${blinks}", "glow ${blinks}"))
    run("npx handover trigger desk-1")
    await board.wait(/glow \d+/)
    await stop(board.child)
    await stop(server.child)
    console.log(values.json ? JSON.stringify({ ok: true, steps, firstEdit: ran.trim() }) : "All of it held.")
} finally {
    for (const child of running) signal(child, "SIGKILL")
    if (values.keep) console.error(folder)
    else rmSync(folder, { recursive: true, force: true })
}
