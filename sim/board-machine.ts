import { BoardNetwork } from "./board-network.ts"
import type { BoardEvent, BoardReport, BoardSetup } from "./board-messages.ts"
import { CHIPS } from "./chips.ts"
import { flashState } from "./flash-state.ts"
import { type HeapStats, readHeap } from "./heap.ts"
import { machineMs } from "./host-clock.ts"
import type { NetworkFaults } from "./network-faults.ts"
import { FlashFault, NorFlash, PowerCut } from "./nor-flash.ts"
import { SeededRandom } from "./seeded-random.ts"
import { ChipReset, startVm, type Vm } from "./vm-instance.ts"

type EventDetail = BoardEvent extends infer E ? (E extends unknown ? Omit<E, "tMs"> : never) : never

/** From power to the VM's first turn. A fiber made in the VM's millisecond 0 never wakes, so it cannot be 0. */
const START_MS = 10
const RESTART_AFTER_CRASH_MS = 1000

/**
 * The board itself, inside its worker: power, the VM's turns, and what stands between the VM and the world.
 * One VM instance per power-on or reset; the flash outlives them.
 */
export class BoardMachine {
    watchFrames = false
    private vm: Vm | undefined
    /** Counts instances: what was started for one must not reach the next. */
    private generation = 0
    private cancelNext: (() => void) | undefined
    private skippedMs = 0
    /** ... when it was switched on */
    private skippedAtStartMs = 0
    /** Looks at a clock of its own. */
    private looks = 0
    private readonly flash: NorFlash
    private readonly network: BoardNetwork

    constructor(
        private readonly setup: BoardSetup,
        private readonly report: (message: BoardReport) => void,
    ) {
        const state = flashState(setup.flash)
        // Streams of their own, so that a change in the use of one does not change the other's numbers.
        const { buffersPage } = CHIPS[setup.chip]
        this.flash = new NorFlash(state, setup.timing, new SeededRandom(setup.seed ^ 0x666c_6173), buffersPage, operation =>
            // the bytes are a view of all of the VM's memory
            report({ kind: "flash", operation: { ...operation, bytes: operation.bytes.slice(), tMs: this.nowMs() } }),
        )
        this.network = new BoardNetwork(
            setup.network,
            CHIPS[setup.chip],
            new SeededRandom(setup.seed ^ 0x6e65_7477),
            () => this.nowMs(),
            event => report({ kind: "network", event }),
            action => this.turn(action),
        )
    }

    /** Starts the VM; with a program, writes it first, as over USB before the board was in use. */
    async powerOn(program: Uint8Array | undefined): Promise<void> {
        if (this.vm) throw new Error("SIM_POWERED: the board is on already")
        this.emit({ kind: "powerOn" })
        this.skippedAtStartMs = this.skippedMs
        await this.start(program)
    }

    powerOff(): void {
        if (this.stop()) this.emit({ kind: "powerOff" })
    }

    deploy(program: Uint8Array): number {
        let code: number | undefined
        this.turn(vm => {
            code = vm.deploy(program)
        })
        if (code === undefined) throw new Error("SIM_OFF: the board is off, or lost power on the way")
        return code
    }

    heap(): HeapStats | undefined {
        return this.vm && readHeap(this.vm)
    }

    receiveFrame(bytes: Uint8Array): void {
        this.turn(vm => vm.handleFrame(bytes))
    }

    setNetwork(faults: NetworkFaults): void {
        this.network.faults = faults
    }

    /** The VM's. One that does not follow the machine's counts looks at it (1 µs each), so a busy machine changes nothing. */
    private clockMs() {
        return (this.setup.ownClock ? this.looks++ / 1000 : machineMs()) + this.skippedMs
    }

    private nowMs() {
        return machineMs() + this.setup.clockOffsetMs
    }

    private emit(detail: EventDetail) {
        this.report({ kind: "event", event: { ...detail, tMs: this.nowMs() } })
    }

    private async start(program: Uint8Array | undefined): Promise<void> {
        const generation = ++this.generation
        const options = { deviceId: this.setup.deviceId, gcStress: this.setup.gcStress }
        this.flash.powerUp()
        this.flash.inUse = program === undefined
        try {
            const vm = await startVm(this.setup.code, options, {
                nowMs: () => this.clockMs(),
                line: text => this.report({ kind: "line", text, tMs: this.nowMs() }),
                panic: code => this.emit({ kind: "panic", code }),
                sendFrame: bytes => {
                    if (this.watchFrames) this.report({ kind: "frame", bytes, tMs: this.nowMs() })
                },
                flash: this.flash,
                socket: this.network,
            })
            if (generation !== this.generation) return
            this.vm = vm
            this.skippedMs += START_MS
            const code = program ? vm.deploy(program) : 0
            if (code !== 0) throw new Error(`SIM_DEPLOY_FAILED: the VM refused the program with code ${code}`)
        } catch (e) {
            if (generation !== this.generation) return
            if (e instanceof PowerCut) return this.fail(e)
            this.fail(e)
            throw e
        } finally {
            this.flash.inUse = true
        }
        this.schedule(0)
    }

    /** Returns whether there was something to stop. */
    private stop(): boolean {
        const wasOn = this.vm !== undefined || this.cancelNext !== undefined
        this.generation++
        this.cancelNext?.()
        this.cancelNext = undefined
        this.vm = undefined
        this.network.powerLoss()
        return wasOn
    }

    /** The VM's own turn, and then one for what an event made ready; as the stock glue does for packets. */
    private turn(action: (vm: Vm) => void): void {
        if (!this.vm) return
        try {
            action(this.vm)
            const sleepMs = this.vm.process() / 1000
            this.schedule(sleepMs)
        } catch (e) {
            this.fail(e)
        }
    }

    private schedule(sleepMs: number) {
        // Nothing but the clock can wake the VM when no socket is open: let the clock jump.
        const skip = this.setup.ownClock || (this.setup.skipSleeps && !this.network.busy)
        if (skip) this.skippedMs += sleepMs
        if (this.endsAtLimit()) return
        this.next(skip ? "now" : sleepMs, () => this.turn(() => {}))
    }

    private endsAtLimit(): boolean {
        if (!this.setup.ownClock || this.skippedMs - this.skippedAtStartMs <= this.setup.clockLimitMs) return false
        this.stop()
        this.emit({ kind: "clockLimit" })
        return true
    }

    private next(delayMs: number | "now", action: () => void) {
        this.cancelNext?.()
        if (delayMs === "now") {
            const immediate = setImmediate(action)
            this.cancelNext = () => clearImmediate(immediate)
        } else {
            const timer = setTimeout(action, delayMs)
            this.cancelNext = () => clearTimeout(timer)
        }
    }

    private fail(error: unknown) {
        this.stop()
        if (error instanceof PowerCut) this.emit({ kind: "powerCut", operation: error.operation })
        else if (error instanceof FlashFault) this.emit({ kind: "flashFault", message: error.message })
        else if (error instanceof ChipReset) {
            this.emit({ kind: "reset" })
            this.restartIn(0)
        } else {
            this.emit({ kind: "crash", message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
            this.restartIn(RESTART_AFTER_CRASH_MS)
        }
    }

    private restartIn(delayMs: number) {
        if (this.setup.ownClock) this.skippedMs += delayMs
        if (this.endsAtLimit()) return
        // What goes wrong there has been reported by `start` itself.
        this.next(this.setup.ownClock ? "now" : delayMs, () => this.start(undefined).catch(() => {}))
    }
}
