import { spawn, type ChildProcess } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const ROOT = join(import.meta.dirname, "../..")
const ENTRY = join(ROOT, "cli/handover.ts")
const TSX = import.meta.resolve("tsx")
const RUN_TIMEOUT_MS = 120_000

export interface Ran {
    readonly code: number | null
    readonly stdout: string
    readonly stderr: string
    /** last line of the output as JSON; throws when it is none */
    readonly json: any
}

export interface RunOptions {
    readonly env?: Record<string, string>
    readonly cwd?: string
    readonly input?: string
}

/** Only what the test gives: the variables of whoever runs the tests must not decide. */
function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
    const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HANDOVER_")))
    return { ...kept, NO_COLOR: "1", ...extra }
}

export function startCli(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return spawn(process.execPath, ["--import", TSX, ENTRY, ...args], { cwd: options.cwd ?? ROOT, env: environment(options.env), stdio: ["pipe", "pipe", "pipe"] })
}

/** Runs the real command in a process of its own. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const child = startCli(args, options)
    let stdout = ""
    let stderr = ""
    child.stdout!.on("data", chunk => (stdout += chunk))
    child.stderr!.on("data", chunk => (stderr += chunk))
    child.stdin!.end(options.input ?? "")
    const timer = setTimeout(() => child.kill("SIGKILL"), RUN_TIMEOUT_MS)
    const code = await new Promise<number | null>((resolve, reject) => {
        child.on("close", resolve)
        child.on("error", reject)
    })
    clearTimeout(timer)
    return {
        code,
        stdout,
        stderr,
        get json() {
            const line = stdout.trim().split("\n").at(-1) ?? ""
            try {
                return JSON.parse(line)
            } catch {
                throw new Error(`no JSON on the last line of: ${stdout}\n${stderr}`)
            }
        },
    }
}

/** `handover serve` on a free port. */
export async function serve(project: string): Promise<{ url: string; tokenFile: string; stop(): Promise<number | null> }> {
    const child = startCli(["serve", "--project", project, "--host", "127.0.0.1", "--port", "0", "--data", join(project, "handover-data"), "--json"])
    const closed = new Promise<number | null>(resolve => child.on("close", resolve))
    let stderr = ""
    child.stderr!.on("data", chunk => (stderr += chunk))
    const line = await new Promise<string>((resolve, reject) => {
        let text = ""
        child.stdout!.on("data", chunk => {
            text += chunk
            if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
        })
        void closed.then(code => reject(new Error(`serve ended with ${code}: ${stderr}`)))
    })
    const { url } = JSON.parse(line) as { url: string }
    // a test that fails before it stops the server must not wait for it for ever, nor leave it behind
    child.unref()
    for (const pipe of [child.stdin, child.stdout, child.stderr] as Socket[]) pipe.unref()
    process.once("exit", () => child.kill("SIGKILL"))
    return {
        url,
        tokenFile: join(project, "handover-data/admin.token"),
        stop: () => {
            child.ref()
            child.kill("SIGTERM")
            return closed
        },
    }
}

export function temporaryFolder(): { path: string; remove(): void } {
    const path = mkdtempSync(join(tmpdir(), "handover-cli-"))
    return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A copy of the sample firmware that a test may edit. */
export function sampleProject(): { path: string; remove(): void } {
    const folder = temporaryFolder()
    for (const name of ["src", "services", "boards", "devsconfig.json", "package.json"])
        if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(folder.path, name), { recursive: true })
    mkdirSync(join(folder.path, "keys"))
    symlinkSync(join(ROOT, "node_modules"), join(folder.path, "node_modules"))
    return folder
}
