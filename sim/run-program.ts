import type { Worker } from "node:worker_threads"
import type { RunClock, RunRequest, RunResult } from "./program-runner.ts"
import { startWorker } from "./start-worker.ts"
import { vmCode } from "./vm-code.ts"

export type { RunClock, RunResult }

export interface RunOptions {
    /** Ends the run after so much time on the VM's clock (default 30 s). The VM's sleeps cost nothing, so it is cheap. */
    timeoutMs?: number
    /** Ends the run after so much real time (default: no limit but the one above). */
    hostTimeoutMs?: number
    /** Ends the run with the first line of the serial log that matches; a script's own lines begin with `> `. */
    until?: RegExp
    /** Collect garbage at every allocation. */
    gcStress?: boolean
    /** 16 hex digits. */
    deviceId?: string
    /**
     * `skip` (default): real time, but where the VM would sleep its clock jumps ahead; for benchmarks, since time
     * measured in the script is real. `virtual`: only the jumps, plus 1 µs for each look at the clock, and seeded
     * random numbers: two runs print exactly the same, on a loaded machine too; for differential tests.
     */
    clock?: RunClock
    /** How many `ds.restart()` calls the program may make before one ends the run (default 0). */
    restarts?: number
}

/** What goes wrong in the VM itself, and not in the program: it shows as a rejected run. */
export type RunReply = { id: number; result: RunResult } | { id: number; error: string }

const HOST_GRACE_MS = 60_000

/** One worker, started at the first run and kept; runs are queued in it. It never keeps the process alive. */
let worker: Worker | undefined
let nextId = 1
const waiting = new Map<number, { resolve(result: RunResult): void; reject(error: Error): void }>()

/**
 * Runs a program in a fresh stock VM until it calls `ds.restart()`, panics, prints `until`, or its time is up.
 * A few milliseconds a run: nothing waits for the clock. Rejects when the VM refuses the program or crashes.
 *
 * @example
 * const { lines, panicCode } = await runProgram(bytes, { until: /^> done/, clock: "virtual" })
 */
export function runProgram(program: Uint8Array, options: RunOptions = {}): Promise<RunResult> {
    const request: RunRequest = {
        program,
        timeoutMs: options.timeoutMs ?? 30_000,
        hostTimeoutMs: options.hostTimeoutMs ?? Number.POSITIVE_INFINITY,
        until: options.until,
        gcStress: options.gcStress ?? false,
        deviceId: options.deviceId ?? "12abdd2289421234",
        clock: options.clock ?? "skip",
        restarts: options.restarts ?? 0,
    }
    const id = nextId++
    worker ??= startRunWorker()
    if (waiting.size === 0) worker.ref()
    return new Promise((resolve, reject) => {
        // A run that the VM's own limits do not end (a hang inside a native function) must not hang a test for ever.
        const watchdog = setTimeout(() => failAll(new Error("SIM_RUN_HUNG: the VM did not come back")), Math.min(request.timeoutMs, request.hostTimeoutMs) + HOST_GRACE_MS)
        const settle = () => {
            clearTimeout(watchdog)
            waiting.delete(id)
            if (waiting.size === 0) worker?.unref()
        }
        waiting.set(id, {
            resolve(result) {
                settle()
                resolve(result)
            },
            reject(error) {
                settle()
                reject(error)
            },
        })
        worker?.postMessage({ id, request })
    })
}

function startRunWorker(): Worker {
    const started = startWorker("run-worker", { workerData: vmCode() })
    started.on("message", (reply: RunReply) => {
        const caller = waiting.get(reply.id)
        if ("error" in reply) caller?.reject(new Error(reply.error))
        else caller?.resolve(reply.result)
    })
    started.on("error", failAll)
    return started
}

function failAll(error: Error) {
    void worker?.terminate()
    worker = undefined
    for (const caller of [...waiting.values()]) caller.reject(error)
}
