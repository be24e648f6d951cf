/** Runs test files in processes of their own and sums up what uvu prints. */
import { spawn } from "node:child_process"
import { join } from "node:path"

const folder = join(import.meta.dirname, "..")
/** Before a file is killed its test is told to say which one it is. */
const LAST_WORDS_MS = 10_000
/** How long a file whose tests have ended badly may take to clean up: one that passed must end by itself. */
const CLEAN_UP_MS = 5_000

export interface Outcome {
    passed: number
    failed: number
    skipped: number
}

/** What all files came to, those that were repeated with their second result. */
export interface Sums extends Outcome {
    /** the files that failed beside others and passed alone */
    readonly passedAlone: readonly string[]
}

export interface RunOptions {
    readonly env?: NodeJS.ProcessEnv
    /** the longest that one file may take; default: 7 minutes */
    readonly fileMs?: number
    /** how many at a time */
    readonly lanes?: number
}

/** The longest file takes a minute by itself, three of them beside others, and more on a busy machine. */
const FILE_MS = 420_000
/** As many files as a busy machine may make fail; more are a fault of the code. */
const REPEATED_MAX = 4

const running = new Set<number>()
for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
        for (const pid of running) killGroup(pid)
        process.exit(1)
    })

/**
 * Files that ran side by side and failed run once more, alone: boards live in real time, and one that waits for a core misses
 * what it would not have missed. A fault fails again. More failures than a machine explains are not repeated.
 *
 * @param files relative to `test/`
 */
export async function runFiles(files: readonly string[], options: RunOptions = {}): Promise<Sums> {
    const lanes = options.lanes ?? 1
    const outcomes = new Map<string, Outcome>()
    const queue = [...files]
    const lane = async () => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) outcomes.set(file, await runFile(file, options))
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    const failed = files.filter(file => outcomes.get(file)?.failed !== 0)
    const passedAlone: string[] = []
    if (lanes > 1 && files.length > 1 && failed.length <= REPEATED_MAX)
        for (const file of failed) {
            process.stdout.write(`once more, alone: ${file}\n`)
            const outcome = await runFile(file, options)
            outcomes.set(file, outcome)
            if (outcome.failed === 0) passedAlone.push(file)
        }
    const sum = (key: keyof Outcome): number => [...outcomes.values()].reduce((total, outcome) => total + outcome[key], 0)
    return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped"), passedAlone }
}

async function runFile(file: string, { env, fileMs = FILE_MS }: RunOptions): Promise<Outcome> {
    const startMs = performance.now()
    const child = spawn(process.execPath, ["--import", "tsx", join(folder, file)], {
        stdio: ["ignore", "pipe", "pipe"],
        // a group of its own: servers and boards that a failing file leaves behind end with it
        detached: true,
        env: { HANDOVER_SIM_PATIENCE: "3", ...process.env, HANDOVER_TEST_END_MS: String(Math.max(1, fileMs - LAST_WORDS_MS)), ...env, FORCE_COLOR: "0", NO_COLOR: "1" },
    })
    if (child.pid !== undefined) running.add(child.pid)
    let output = ""
    let timedOut = false
    const stop = () => {
        timedOut = true
        killGroup(child.pid)
    }
    const timer = setTimeout(stop, fileMs)
    let cleanUp: NodeJS.Timeout | undefined
    for (const stream of [child.stdout, child.stderr])
        stream.on("data", chunk => {
            output += chunk
            // what a test that threw has left open would keep the process alive until its time is up
            if (/^\s*Duration:/m.test(output) && count(output).failed > 0) cleanUp ??= setTimeout(() => killGroup(child.pid), CLEAN_UP_MS)
        })
    child.on("exit", () => killGroup(child.pid))
    const code = await new Promise<number | null>(resolve => child.on("close", resolve))
    clearTimeout(timer)
    clearTimeout(cleanUp)
    if (child.pid !== undefined) running.delete(child.pid)
    const outcome = outcomeOf(output, code, timedOut)
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
    const bad = outcome.failed > 0
    const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ""
    process.stdout.write(`${bad ? "FAIL" : "ok  "} ${file} (${outcome.passed} passed, ${outcome.failed} failed${skipped}, ${seconds} s)\n`)
    if (bad) process.stdout.write(`${output.replace(/^/gm, "     ")}${timedOut ? "\n     stopped: took too long" : ""}\n`)
    return outcome
}

function killGroup(pid: number | undefined): void {
    try {
        if (pid !== undefined) process.kill(-pid, "SIGKILL")
    } catch (e) {
        // nobody of the group is left; EPERM: only such as have ended and wait for their parent, on macOS
        const { code } = e as NodeJS.ErrnoException
        if (code !== "ESRCH" && code !== "EPERM") throw e
    }
}

/** uvu prints `Total:`, `Passed:` and `Skipped:`; what is skipped is not in the total. */
function count(output: string): Outcome & { readonly total: number } {
    const sum = (name: string) => [...output.matchAll(new RegExp(`^\\s*${name}:\\s+(\\d+)`, "gm"))].reduce((n, m) => n + Number(m[1]), 0)
    const [total, passed, skipped] = [sum("Total"), sum("Passed"), sum("Skipped")]
    return { total, passed, skipped, failed: Math.max(0, total - passed) }
}

/** A file that ends badly without saying so has failed once. */
function outcomeOf(output: string, code: number | null, timedOut: boolean): Outcome {
    const { total, passed, skipped, failed } = count(output)
    const broken = (code !== 0 || timedOut || total + skipped === 0) && failed === 0
    return { passed, skipped, failed: failed + (broken ? 1 : 0) }
}
