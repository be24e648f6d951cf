import type { BoardEvent } from "../../sim/index.ts"
import { imageMap } from "../../toolchain/pack/image-map.ts"
import { faultOfDiagnostics, symbolizeFault } from "../../toolchain/pack/symbolize.ts"
import type { Step } from "./reporter.ts"
import { TickMeter } from "./tick-meter.ts"
import type { DemoVersion } from "./versions.ts"
import { deviceId, type Release, type World } from "./world.ts"

const periodMs = 10
/** Ticks before and after a moment that belong to it: a 400 ms stall would show in them. */
const settleMs = 500

export interface DemoResult {
    ok: boolean
    imageBytes: number
    fullBytes: number
    commandToRunningMs: number
    maxTickGapMs: number
    idleMaxTickGapMs: number
    missedTicks: number
    idleMissedTicks: number
    rebooted: boolean
    rollback: { ticksLost: number; maxTickGapMs: number; diagnostics: unknown; location: string; commandToRollbackMs: number }
    versionAfterPowerCycle: string
    flashGapMs: number
    flash: { programs: number; erases: number; stalledMs: number }
    wireBytes: { up: number; down: number }
    heapFreeBytes: number | undefined
}

export interface DemoContext {
    readonly world: World
    readonly versions: readonly [DemoVersion, DemoVersion]
    readonly idleMs: number
    meter: TickMeter
    /** panics, resets and crashes of the board since its first power-on */
    readonly restarts: BoardEvent[]
    releases: Release[]
    result: Partial<DemoResult>
}

export const demoSteps: readonly Step<DemoContext>[] = [
    {
        title: "Build the base 1.0.0 and its signing key",
        run: async ({ world }) => {
            await world.makeKey()
            await world.makeBase()
            return `${world.base.file.length} bytes, base id ${Buffer.from(world.base.baseId).toString("hex")}`
        },
    },
    {
        title: "Start the cloud and a virtual board",
        run: async context => {
            const { world } = context
            await world.startCloud()
            await world.makeBoard()
            context.meter = new TickMeter(world.board)
            world.board.onEvent(e => {
                if (e.kind === "panic" || e.kind === "reset" || e.kind === "crash") context.restarts.push(e)
            })
            await world.board.powerOn()
            const first = await context.meter.wait("first tick", 0, 15_000, () => true)
            await world.board.waitForLine(/HOV start/, 15_000)
            return `${world.cloud.url}, board runs ${first.version}, a mark every ${periodMs} ms`
        },
    },
    {
        title: "Build, sign and publish 1.1.0 and 1.2.0",
        run: async context => {
            const { world, versions } = context
            for (const v of versions) {
                const release = await world.makeRelease(v)
                context.releases.push(release)
                await world.publish(release)
            }
            const [first] = context.releases
            context.result.imageBytes = first.update.file.length
            context.result.fullBytes = first.program.file.length
            const functions = first.update.shipped.map(s => s.name).join(", ")
            return `1.1.0 is ${context.result.imageBytes} bytes instead of ${context.result.fullBytes} (${functions})`
        },
    },
    { title: "Update to 1.1.0 with one HTTP command", run: updateLive },
    { title: "Update to 1.2.0, which throws", run: rollBack },
    {
        title: "Cut the power",
        run: async context => {
            const { world, meter } = context
            await world.board.powerOff()
            const offMs = performance.now()
            await world.board.powerOn()
            const tick = await meter.wait("tick after power-on", offMs, 15_000, () => true)
            context.result.versionAfterPowerCycle = tick.version
            return `back on ${tick.version} from its bank`
        },
    },
    {
        title: "Watch the idle board",
        run: async (context, tell) => {
            const fromMs = performance.now() + 1000
            for (let leftMs = context.idleMs + 1000; leftMs > 0; leftMs -= 1000) {
                tell(`${Math.ceil(leftMs / 1000)} s`)
                await new Promise(r => setTimeout(r, Math.min(1000, leftMs)))
            }
            const idle = context.meter.figures(fromMs, performance.now(), periodMs)
            context.result.idleMaxTickGapMs = idle.maxGapMs
            context.result.idleMissedTicks = idle.missed
            return `${idle.count} ticks, longest gap ${idle.maxGapMs} ms`
        },
    },
]

async function updateLive(context: DemoContext): Promise<string> {
    const { world, meter, result } = context
    const { board } = world
    const before = { ...board.network }
    board.flash.resetCounters()
    const commandMs = performance.now()
    let lastOperation = 0
    const off = board.onFlashOperation(operation => {
        lastOperation = operation.tMs
    })
    await world.api("POST", `/devices/${deviceId}/update`, { version: "1.1.0" })
    const running = await meter.wait("tick of 1.1.0", commandMs, 20_000, t => t.version === "1.1.0")
    result.commandToRunningMs = rounded(running.tMs - commandMs)
    // what keeps the trial's image is a moment of its own
    const swapEndMs = running.tMs + settleMs
    await meter.wait("tick behind the swap", swapEndMs, 5000, () => true)
    const swap = meter.figures(commandMs, swapEndMs, periodMs)
    await world.waitForState("confirmed", 30_000)
    await meter.wait("tick behind the confirmation", performance.now() + settleMs, 5000, () => true)
    off()
    const stored = meter.figures(swapEndMs, Math.max(lastOperation, swapEndMs) + settleMs, periodMs)
    Object.assign(result, {
        maxTickGapMs: swap.maxGapMs,
        missedTicks: swap.missed,
        flashGapMs: stored.maxGapMs,
        flash: { programs: board.flash.programs, erases: board.flash.erases, stalledMs: rounded(board.flash.stalledMs) },
        wireBytes: { up: board.network.bytesUp - before.bytesUp, down: board.network.bytesDown - before.bytesDown },
        rebooted: context.restarts.length > 0,
        heapFreeBytes: (await board.heap())?.freeBytes,
    })
    return `new code runs ${result.commandToRunningMs} ms after the command; ${swap.missed} ticks missed, longest gap ${swap.maxGapMs} ms (storing the image: ${stored.maxGapMs} ms)`
}

async function rollBack(context: DemoContext): Promise<string> {
    const { world, meter, result } = context
    const commandMs = performance.now()
    await world.api("POST", `/devices/${deviceId}/update`, { version: "1.2.0" })
    // the throwing version may get as far as its mark or not
    await world.waitForState("rolledBack", 30_000)
    const bad = meter.ticks.find(t => t.tMs > commandMs && t.version === "1.2.0")
    const endMs = performance.now() + settleMs
    const back = await meter.wait("tick of 1.1.0", Math.max(endMs, bad?.tMs ?? 0), 10_000, t => t.version === "1.1.0")
    const figures = meter.figures(commandMs, back.tMs, periodMs)
    const { diagnostics } = await world.lastCommand()
    const { program, update, version } = context.releases[1]
    const fault = faultOfDiagnostics(diagnostics)
    if (!fault) throw new Error(`the cloud has no diagnostics of the rollback: ${JSON.stringify(diagnostics)}`)
    const seen = symbolizeFault(fault, imageMap(world.base, program, update, { version }), world.base)
    result.rollback = {
        ticksLost: figures.missed,
        maxTickGapMs: figures.maxGapMs,
        diagnostics: { message: seen.message, function: seen.functionName, location: seen.location, frames: seen.frames, raw: diagnostics },
        location: seen.location,
        commandToRollbackMs: rounded(back.tMs - commandMs),
    }
    result.rebooted = context.restarts.length > 0
    return `rolled back by itself: ${seen.message} in ${seen.functionName} at ${seen.location}; ${figures.missed} ticks lost, the loop goes on with ${back.version}`
}

function rounded(value: number): number {
    return Math.round(value * 10) / 10
}
