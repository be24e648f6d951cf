import { SeededRandom } from "./seeded-random.ts"
import type { VmCode } from "./vm-code.ts"
import { ChipReset, startVm } from "./vm-instance.ts"

/** How the VM's clock runs: see `RunOptions.clock`. */
export type RunClock = "skip" | "virtual"

export interface RunRequest {
    program: Uint8Array
    timeoutMs: number
    hostTimeoutMs: number
    until?: RegExp
    gcStress: boolean
    deviceId: string
    clock: RunClock
    /** How many `ds.restart()` calls the program may make before it counts as ended. */
    restarts: number
}

export interface RunResult {
    /** The serial log. What a script prints has the prefix `> `. */
    lines: string[]
    /** 0 after `ds.restart()`, the code of a panic, undefined when neither came. */
    panicCode: number | undefined
    timedOut: boolean
    /** Host time from the program's deployment to its end. */
    durationMs: number
    /** Time on the VM's own clock. */
    boardMs: number
}

const START_MS = 10
const FLASH_SIZE_BYTES = 256 * 1024

/** Runs one program to its end in this thread, without waiting when the VM sleeps. */
export async function runToEnd(code: VmCode, request: RunRequest): Promise<RunResult> {
    const lines: string[] = []
    const random = new SeededRandom(1)
    const startMs = performance.now()
    let skippedMs = 0
    let ticks = 0
    let panicCode: number | undefined
    let ended = false
    let restartsLeft = request.restarts
    // The virtual clock counts looks at it (1 µs each), never the machine's speed.
    const boardMs = () => skippedMs + (request.clock === "virtual" ? ticks++ / 1000 : performance.now() - startMs)

    const flash = new Uint8Array(FLASH_SIZE_BYTES).fill(0xff)
    const vm = await startVm(code, { deviceId: request.deviceId, gcStress: request.gcStress }, {
        nowMs: boardMs,
        line(text) {
            if (ended) return
            lines.push(text)
            if (request.until?.test(text)) ended = true
        },
        panic(code) {
            if (code === 0 && restartsLeft-- > 0) return
            if (!ended) panicCode = code
            ended = true
        },
        sendFrame() {},
        random: request.clock === "virtual" ? buffer => random.fill(buffer) : undefined,
        flash: { sizeBytes: FLASH_SIZE_BYTES, read: () => flash, program() {}, erase() {} },
    })
    // A fiber made in the VM's millisecond 0 never wakes (a wake time of 0 means "none"), so the program starts later.
    skippedMs += START_MS
    const deployedMs = performance.now()
    let timedOut = false
    try {
        const refused = vm.deploy(request.program)
        if (refused !== 0) throw new Error(`it refused the program with code ${refused}`)
        while (!ended) {
            skippedMs += vm.process() / 1000
            if (boardMs() > request.timeoutMs || performance.now() - deployedMs > request.hostTimeoutMs) {
                timedOut = !ended
                break
            }
        }
    } catch (e) {
        if (!(e instanceof ChipReset)) throw new Error(`SIM_VM_FAILED: ${e}\n${lines.slice(-20).join("\n")}`)
        panicCode = 0
    }
    return { lines, panicCode, timedOut, durationMs: performance.now() - deployedMs, boardMs: boardMs() }
}
