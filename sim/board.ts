import type { Worker } from "node:worker_threads"
import { BoardFlash, type TornOperation } from "./board-flash.ts"
import type { BoardCommand, BoardEvent, BoardReport, BoardSetup } from "./board-messages.ts"
import { CHIPS, type ChipName } from "./chips.ts"
import { createSharedFlash, flashState } from "./flash-state.ts"
import type { HeapStats } from "./heap.ts"
import { machineMs } from "./host-clock.ts"
import { type LogLine, LogLines } from "./log-lines.ts"
import { NetworkCounters } from "./network-counters.ts"
import type { NetworkEvent, NetworkFaults, NetworkStats } from "./network-faults.ts"
import { type FlashOperation, type FlashTiming, TYPICAL_TIMING } from "./nor-flash.ts"
import { type SettingValue, writeSettings } from "./settings-log.ts"
import { PATIENCE } from "./patience.ts"
import { startWorker } from "./start-worker.ts"
import { vmCode } from "./vm-code.ts"

/** `HANDOVER_SIM_GC_STRESS=1`: every board that does not say otherwise collects its heap at each allocation, so what the VM may free too early is freed. */
const GC_STRESS = process.env.HANDOVER_SIM_GC_STRESS === "1"

export interface BoardOptions {
    /** 16 hex digits. */
    deviceId: string
    /** Default esp32. */
    chip?: ChipName
    /** Written at the first power-on when the flash holds another program or none; it then starts at once. */
    program?: Uint8Array
    /** Contents of the flash to begin with; all erased when missing. */
    flash?: Uint8Array
    /** Settings to begin with, by the keys that scripts use. Bytes as they are, all else as JSON. */
    settings?: Record<string, SettingValue>
    /** Stall the board for each flash operation: `true` for typical times (45 ms an erase, 0.7 ms a page). */
    flashTiming?: boolean | FlashTiming
    /** Collect garbage at every allocation. */
    gcStress?: boolean
    /** Of all that is random in the model; the scripts' own random numbers are not from it. Default 1. */
    seed?: number
    network?: NetworkFaults
    /**
     * Let the board's clock jump over its sleeps while it has no socket open. Sweeps of power cuts run many times
     * faster so; times in the log stay those of the host, so do not measure with it, and do not put it on a bus.
     */
    skipSleeps?: boolean
    /** Let the board's clock follow its own work alone, never the machine's: for boards without a network. */
    ownClock?: boolean
    /** With a clock of its own: the board loses its power when that has gone so far since it was switched on. */
    clockLimitMs?: number
}

type Unsubscribe = () => void
type RequestKind = "powerOn" | "powerOff" | "deploy" | "heap"

/** A board: the stock VM in a worker of its own, its flash, its network, its serial log. Made off. */
export class Board {
    readonly flash: BoardFlash
    readonly deviceId: string
    readonly chip: ChipName
    readonly seed: number
    private readonly worker: Worker
    private readonly log: LogLines
    private readonly counters = new NetworkCounters()
    private readonly eventListeners = new Set<(event: BoardEvent) => void>()
    private readonly frameListeners = new Set<(frame: Uint8Array, tMs: number) => void>()
    private readonly flashListeners = new Set<(operation: FlashOperation) => void>()
    private readonly networkListeners = new Set<(event: NetworkEvent) => void>()
    private readonly requests = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
    private nextId = 1
    private powered = false
    private closed = false
    private programToWrite: Uint8Array | undefined

    constructor(options: BoardOptions) {
        if (!/^[0-9a-f]{16}$/i.test(options.deviceId)) throw new Error(`SIM_DEVICE_ID: "${options.deviceId}" is not 16 hex digits`)
        this.deviceId = options.deviceId.toLowerCase()
        this.chip = options.chip ?? "esp32"
        this.seed = options.seed ?? 1
        this.log = new LogLines(`${this.deviceId} (seed ${this.seed})`)

        const shared = createSharedFlash(CHIPS[this.chip].flashSizeBytes)
        const state = flashState(shared)
        this.flash = new BoardFlash(state)
        if (options.flash) this.flash.load(options.flash)
        if (options.settings) writeSettings(state.contents, options.settings)
        if (options.program && !isInFlash(options.program, this.flash.program())) this.programToWrite = options.program

        const setup: BoardSetup = {
            code: vmCode(),
            flash: shared,
            clockOffsetMs: performance.now() - machineMs(),
            deviceId: this.deviceId,
            chip: this.chip,
            timing: options.flashTiming === true ? TYPICAL_TIMING : options.flashTiming || undefined,
            gcStress: options.gcStress ?? GC_STRESS,
            seed: this.seed,
            network: options.network ?? {},
            skipSleeps: options.skipSleeps ?? false,
            ownClock: options.ownClock ?? false,
            clockLimitMs: options.clockLimitMs ?? Number.POSITIVE_INFINITY,
        }
        this.worker = startWorker("board-worker", { workerData: setup })
        this.worker.on("message", (report: BoardReport) => this.receive(report))
        this.worker.on("error", error => this.failAll(error))
        this.worker.on("exit", () => this.failAll(new Error("SIM_CLOSED: the board was closed")))
    }

    /** True from power-on to power-off or a power cut; a crash or reset in between does not change it. */
    get on(): boolean {
        return this.powered
    }

    /**
     * A new VM whose `ds.millis()` begins near 0. The script starts 1.1 s later, as the stock manager has it.
     *
     * @param program is deployed before the board's clock goes on; `deploy` comes when its own clock has raced ahead
     */
    async powerOn(program = this.programToWrite): Promise<void> {
        this.log.mark()
        this.programToWrite = undefined
        await this.request("powerOn", { program })
    }

    /** Between two turns of the VM; what it has not programmed to flash is lost. No effect when off. */
    async powerOff(): Promise<void> {
        await this.request("powerOff")
    }

    async powerCycle(): Promise<void> {
        await this.powerOff()
        await this.powerOn()
    }

    /**
     * Cuts power at the `n`-th flash operation from now (1 is the next): it does not happen, or only as far as
     * `torn` says. Counts over power cycles. 0 takes the order back. Answered by the event `powerCut`.
     */
    cutPowerAtFlashOp(n: number, torn?: TornOperation): void {
        this.flash.cutAt(n, torn)
    }

    /** Writes a program into the running board as the development tool does; the VM's code, 0 when it took it. */
    async deploy(program: Uint8Array): Promise<number> {
        return (await this.request("deploy", { program })) as number
    }

    /** Of the running program; undefined when none runs. */
    async heap(): Promise<HeapStats | undefined> {
        return (await this.request("heap")) as HeapStats | undefined
    }

    /** The last lines of the serial log, up to 2000, over power cycles. */
    lines(): LogLine[] {
        return this.log.recent()
    }

    onLine(listener: (line: string, tMs: number) => void): Unsubscribe {
        return this.log.onLine(listener)
    }

    /**
     * The first line that matches, counted from the one that the last wait got, or from power-on: one printed before
     * the call is not missed. Rejects after `timeoutMs` with the last 20 lines in its message.
     */
    async waitForLine(pattern: RegExp, timeoutMs: number): Promise<string> {
        return (await this.log.wait(pattern, timeoutMs)).text
    }

    /** As `waitForLine`, with the time when it was printed. */
    waitForLog(pattern: RegExp, timeoutMs: number): Promise<LogLine> {
        return this.log.wait(pattern, timeoutMs)
    }

    onEvent(listener: (event: BoardEvent) => void): Unsubscribe {
        return subscribe(this.eventListeners, listener)
    }

    /** The next event of that kind after this call. */
    waitForEvent<K extends BoardEvent["kind"]>(kind: K, quietTimeoutMs: number): Promise<Extract<BoardEvent, { kind: K }>> {
        const timeoutMs = quietTimeoutMs * PATIENCE
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                off()
                reject(new Error(`SIM_WAIT: board ${this.deviceId}: no event ${kind} within ${timeoutMs} ms`))
            }, timeoutMs)
            const off = this.onEvent(event => {
                if (event.kind !== kind) return
                clearTimeout(timer)
                off()
                resolve(event as Extract<BoardEvent, { kind: K }>)
            })
        })
    }

    onFlashOperation(listener: (operation: FlashOperation) => void): Unsubscribe {
        return subscribe(this.flashListeners, listener)
    }

    /** Jacdac frames that the board sends. */
    onFrame(listener: (frame: Uint8Array, tMs: number) => void): Unsubscribe {
        const off = subscribe(this.frameListeners, listener)
        this.send({ kind: "watch", frames: true })
        return () => {
            off()
            if (this.frameListeners.size === 0) this.send({ kind: "watch", frames: false })
        }
    }

    /** Puts a Jacdac frame on the board's bus; lost when the board is off. */
    sendFrame(frame: Uint8Array): void {
        this.send({ kind: "frame", bytes: frame })
    }

    get network(): NetworkStats {
        return this.counters.stats
    }

    onNetwork(listener: (event: NetworkEvent) => void): Unsubscribe {
        return subscribe(this.networkListeners, listener)
    }

    /** Replaces the faults of the network, from now on. */
    setNetwork(faults: NetworkFaults): void {
        this.send({ kind: "network", faults })
    }

    /** Ends the board and its worker; its flash can still be read. */
    async close(): Promise<void> {
        this.closed = true
        this.powered = false
        await this.worker.terminate()
    }

    private send(command: BoardCommand) {
        if (!this.closed) this.worker.postMessage(command)
    }

    private request(kind: RequestKind, arguments_: { program?: Uint8Array } = {}): Promise<unknown> {
        if (this.closed) return Promise.reject(new Error("SIM_CLOSED: the board was closed"))
        const id = this.nextId++
        return new Promise((resolve, reject) => {
            this.requests.set(id, { resolve, reject })
            this.send({ kind, id, ...arguments_ } as BoardCommand)
        })
    }

    private receive(report: BoardReport) {
        switch (report.kind) {
            case "line":
                return this.log.add({ text: report.text, tMs: report.tMs })
            case "event":
                return this.happened(report.event)
            case "frame":
                for (const listener of this.frameListeners) listener(report.bytes, report.tMs)
                return
            case "flash":
                for (const listener of this.flashListeners) listener(report.operation)
                return
            case "network":
                this.counters.count(report.event)
                for (const listener of this.networkListeners) listener(report.event)
                return
            case "reply": {
                const request = this.requests.get(report.id)
                this.requests.delete(report.id)
                if ("error" in report) request?.reject(new Error(report.error))
                else request?.resolve(report.value)
            }
        }
    }

    private happened(event: BoardEvent) {
        if (event.kind === "powerOn") this.powered = true
        if (event.kind === "powerOff" || event.kind === "powerCut" || event.kind === "flashFault" || event.kind === "clockLimit") this.powered = false
        if (event.kind === "crash") this.log.addCrash({ text: event.message, tMs: event.tMs })
        for (const listener of [...this.eventListeners]) listener(event)
        if (event.kind === "clockLimit") this.log.fail("its clock came to its limit")
        if (event.kind === "flashFault") this.log.fail(`flash fault: ${event.message}`)
    }

    private failAll(error: Error) {
        this.closed = true
        this.log.fail(error.message)
        for (const request of this.requests.values()) request.reject(error)
        this.requests.clear()
    }
}

/** A board with nothing started but its worker; `powerOn` comes next. Close it, or the process stays alive. */
export async function createBoard(options: BoardOptions): Promise<Board> {
    return new Board(options)
}

function subscribe<T>(listeners: Set<T>, listener: T): Unsubscribe {
    listeners.add(listener)
    return () => listeners.delete(listener)
}

function isInFlash(program: Uint8Array, stored: Uint8Array | undefined): boolean {
    if (!stored || stored.length < program.length) return false
    return program.every((byte, i) => stored[i] === byte)
}
