import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { readdirSync } from "node:fs"
import { join, relative } from "node:path"

/**
 * Runs every test file in a process of its own, one more at a time than there are cores, as much of a test is waiting for a
 * board's clock, and sums up.
 * `npm test -- NAME…` runs only the files whose names contain one of the words.
 */
const folder = import.meta.dirname
const words = process.argv.slice(2).filter(a => !a.startsWith("-"))
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter(f => f.endsWith(".test.ts") && !/^(device|corpus|programs)[/\\]/.test(f))
    .filter(f => words.length === 0 || words.some(w => f.includes(w)))
    .sort()
const fileTimeoutMs = 240_000

interface Outcome {
    readonly passed: number
    readonly failed: number
    readonly skipped: number
}

const running = new Set<number>()
for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
        for (const pid of running) killGroup(pid)
        process.exit(1)
    })

async function runFile(file: string): Promise<Outcome> {
    const startMs = performance.now()
    const child = spawn(process.execPath, ["--import", "tsx", join(folder, file)], {
        stdio: ["ignore", "pipe", "pipe"],
        // a group of its own: servers and boards that a failing file leaves behind end with it
        detached: true,
        env: { ...process.env, FORCE_COLOR: "0", NO_COLOR: "1" },
    })
    if (child.pid !== undefined) running.add(child.pid)
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (output += chunk))
    let timedOut = false
    const timer = setTimeout(() => {
        timedOut = true
        killGroup(child.pid)
    }, fileTimeoutMs)
    child.on("exit", () => killGroup(child.pid))
    const code = await new Promise<number | null>(resolve => child.on("close", resolve))
    clearTimeout(timer)
    if (child.pid !== undefined) running.delete(child.pid)
    const outcome = readOutcome(output, code, timedOut)
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    const bad = outcome.failed > 0
    process.stdout.write(`${bad ? "FAIL" : "ok  "} ${relative(folder, join(folder, file))} (${outcome.passed} passed, ${outcome.failed} failed, ${seconds} s)\n`)
    if (bad) process.stdout.write(`${output.replace(/^/gm, "     ")}${timedOut ? "\n     stopped: took too long" : ""}\n`)
    return outcome
}

function killGroup(pid: number | undefined): void {
    try {
        if (pid !== undefined) process.kill(-pid, "SIGKILL")
    } catch (e) {
        // nobody of the group is left
        if ((e as NodeJS.ErrnoException).code !== "ESRCH") throw e
    }
}

/** uvu prints `Total:`, `Passed:` and `Skipped:`; a file that ends badly without saying so has failed once. */
function readOutcome(output: string, code: number | null, timedOut: boolean): Outcome {
    const number = (name: string) => [...output.matchAll(new RegExp(`^\\s*${name}:\\s+(\\d+)`, "gm"))].reduce((n, m) => n + Number(m[1]), 0)
    const total = number("Total")
    const passed = number("Passed")
    const skipped = number("Skipped")
    // What is skipped is not in the total.
    const failed = Math.max(0, total - passed)
    const broken = (code !== 0 || timedOut || total + skipped === 0) && failed === 0
    return { passed, skipped, failed: failed + (broken ? 1 : 0) }
}

const sums = { passed: 0, failed: 0, skipped: 0 }
const queue = [...files]
await Promise.all(
    Array.from({ length: availableParallelism() + 1 }, async () => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
            const outcome = await runFile(file)
            sums.passed += outcome.passed
            sums.failed += outcome.failed
            sums.skipped += outcome.skipped
        }
    }),
)
if (sums.skipped) process.stdout.write(`${sums.skipped} skipped; each says why above or when its file is run alone\n`)
process.stdout.write(`${sums.passed} passed, ${sums.failed} failed\n`)
process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0
