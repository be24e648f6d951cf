import { type ChipName, createBoard, type FlashOperation, SeededRandom, type TornOperation, TYPICAL_TIMING } from "../../sim/index.ts"
import type { BootloaderWatch } from "../../sim/bootloader-watch.ts"
import { PowerRun } from "./power-run.ts"
import { factoryFlash, fillLog, type Job, type Scenario } from "./scenarios.ts"

export interface SweepOptions {
    chip: ChipName
    program: Uint8Array
    scenario: Scenario
    sizeBytes: number
    seed: number
    /** Only every n-th operation, and one kind of tear each. */
    quick: boolean
    /** How many second cuts, each during the recovery from a first one. */
    pairs: number
}

export interface SweepResult {
    chip: ChipName
    scenario: string
    sizeBytes: number
    operations: number
    erases: number
    /** Values that came to the store. */
    writes: number
    /** Times between two operations in which a power cut costs all of the store; at most one a write. */
    exposedWindows: number
    /** Time in which a power cut costs all of the store: from the first pulse of a value to the last of its entry. */
    exposedUs: number
    cuts: number
    /** Cuts that left neither the right image nor the previous one, or a lie, or a board that takes no update. */
    wrong: string[]
    /** The store formatted itself, as the checker had found in the image. */
    storeFormats: number
    /** ... and has the older bank of the log again after one more power cycle. */
    storeFormatsHealed: number
    /** ... and formats at every power-on from then on, until the program is deployed again and its first start has forced a GC. */
    storeFormatsUntilDeployed: number
    /** The store mounts, with a last entry whose size is torn. */
    storeTornSizes: number
    /** ... and does not get over it. */
    storeTornSizesLost: number
}

const DEVICE_ID = "12abdd2289421234"
/** An update over a crash, with its starts after 5 s each, takes less than one of the board's minutes. */
const CLOCK_LIMIT_MS = 180_000

export async function sweep(options: SweepOptions): Promise<SweepResult> {
    const { chip, scenario, sizeBytes } = options
    const random = new SeededRandom(options.seed ^ hash(chip + scenario.name + sizeBytes))
    const result: SweepResult = { chip, scenario: scenario.name, sizeBytes, operations: 0, erases: 0, writes: 0, exposedWindows: 0, exposedUs: 0, cuts: 0, wrong: [], storeFormats: 0, storeFormatsHealed: 0, storeFormatsUntilDeployed: 0, storeTornSizes: 0, storeTornSizesLost: 0 }
    const board = await createBoard({ deviceId: DEVICE_ID, chip, program: options.program, flash: factoryFlash(chip), ownClock: true, clockLimitMs: CLOCK_LIMIT_MS, seed: options.seed })
    const run = new PowerRun(board)
    const next: Job = { sequence: 9, sizeBytes, deed: 0 }
    run.know([...scenario.before, ...scenario.jobs, next])
    let operations: FlashOperation[] = []
    board.onFlashOperation(operation => void operations.push(operation))
    try {
        run.give(scenario.before)
        await run.toTheEnd()
        if (scenario.freeBytes !== undefined || scenario.damage || scenario.jobs.length) {
            const flash = board.flash.contents()
            scenario.damage?.(flash)
            board.flash.load(flash)
            run.give(scenario.jobs)
            if (scenario.freeBytes !== undefined) {
                const full = board.flash.contents()
                fillLog(full, scenario.freeBytes)
                board.flash.load(full)
            }
        } else run.give([])
        const base = board.flash.contents()

        operations = []
        board.flash.resetCounters()
        await run.toTheEnd(scenario.until)
        const { writes, windows, exposedPages } = run.watch as BootloaderWatch
        result.exposedUs = Math.round(exposedPages * TYPICAL_TIMING.programPageMs * 1000)
        result.writes = writes
        result.exposedWindows = windows
        if (windows > writes) result.wrong.push(`${windows} exposed windows for ${writes} writes`)
        const whole = [...operations]
        result.operations = whole.length
        result.erases = whole.filter(o => o.kind === "erase").length

        /** Whether the power went; a board that hangs, or does not come to what it did without a cut, is wrong. */
        const cut = async (n: number, torn: TornOperation): Promise<boolean> => {
            board.flash.load(base)
            const end = await run.cutAt(n, torn, scenario.until)
            if (end === "done") result.wrong.push(`${chip} ${sizeBytes} B, ${scenario.name}: it did not come to operation ${n} of ${whole.length}`)
            else if (end === "stuck") stuck(`before operation ${n}`)
            return end === "cut"
        }
        const stuck = (what: string) => result.wrong.push(`${chip} ${sizeBytes} B, ${scenario.name}, ${what}: it did not get on\n      ${run.lastLines()}`)
        const judge = async (what: string, mayRun: number[]): Promise<boolean> => {
            result.cuts++
            const damage = run.damage()
            torn = damage === "tornSize"
            if (damage === "interruptedWrite" || damage === "other") {
                const formatted = await run.formats()
                if (formatted && damage === "interruptedWrite") {
                    result.storeFormats++
                    if (await run.formats()) {
                        result.storeFormatsUntilDeployed++
                        const sound = await run.isSoundOnceDeployed(options.program).catch((e: unknown) => e)
                        if (sound !== true) result.wrong.push(`${what}: it formats for ever, also after a deployment${sound === false ? "" : `: ${String(sound).slice(0, 80)}\n      ${run.lastLines()}`}`)
                    } else if (board.flash.program()) result.storeFormatsHealed++
                } else result.wrong.push(`${what}: ${formatted ? "formatted for another reason" : "the checker saw a format that did not come"}`)
                return false
            }
            if (damage === "tornSize") result.storeTornSizes++
            run.give([])
            const start = await run.toTheEnd().catch(e => ({ ...run.started(), lie: `it did not get on: ${String(e).slice(0, 80)}` }))
            if (board.on) await run.off()
            if (start.lie) return wrong(what, start.lie)
            if (!mayRun.includes(start.sequence)) return wrong(what, `it runs ${start.sequence}`)
            const given = run.give([next])
            await run.toTheEnd().catch(() => {})
            if (board.on) await run.off()
            // without room for another job it has done the old one again
            const expected = given ? [next.sequence] : [...mayRun]
            const after = await run.toTheEnd().catch(() => ({ ...run.started(), lie: "it does not start again" }))
            if (board.on) await run.off()
            if (after.lie) return wrong(what, `after another update: ${after.lie}`)
            if (expected.includes(after.sequence)) return true
            // the image was blamed for a panic of the one that ran below it: another one must do
            const other = { ...next, sequence: 11 }
            if (!run.give([other])) return wrong(what, `another update ended with ${after.sequence}`)
            await run.toTheEnd().catch(() => {})
            if (board.on) await run.off()
            const last = await run.toTheEnd().catch(() => ({ ...run.started(), sequence: -1 }))
            if (board.on) await run.off()
            return last.sequence === other.sequence || wrong(what, `two more updates ended with ${last.sequence}`)
        }
        let torn = false
        const wrong = (what: string, why: string): false => {
            // the store cannot move a value of that size: its own failure, when it comes to that
            if (torn) result.storeTornSizesLost++
            else result.wrong.push(`${chip} ${sizeBytes} B, ${scenario.name}, ${what}: ${why}\n      ${run.lastLines()}`)
            return false
        }

        const step = options.quick ? 3 : 1
        for (let n = 1 + (options.quick ? random.integer(0, 2) : 0); n <= whole.length; n += step)
            for (const torn of tears(whole[n - 1], random, options.quick))
                if (await cut(n, torn)) await judge(`cut ${n} after ${torn.bytes} B${torn.fuzzy ? " fuzzy" : ""}`, scenario.mayRun)

        for (let i = 0; i < options.pairs; i++) {
            const n = random.integer(1, Math.max(1, whole.length))
            const torn = { bytes: [0, 1 << 16][random.integer(0, 1)] }
            if (whole.length === 0 || !(await cut(n, torn)) || run.damage() !== "none") continue
            if (!run.give([next])) continue
            const m = random.integer(1, 16)
            const second = { bytes: random.integer(0, 300), fuzzy: random.chance(0.5) }
            const end = await run.cutAt(m, second)
            if (end === "stuck") stuck(`cut ${n}, before operation ${m} of the next start`)
            else await judge(end === "cut" ? `cuts ${n} and ${m} after ${second.bytes} B` : `cut ${n}, and a whole start`, [...scenario.mayRun, next.sequence])
        }
    } finally {
        await board.close()
    }
    return result
}

/** Nothing of it, all of it but the last byte, and seeded tears; for an entry all fields. */
function tears(operation: FlashOperation, random: SeededRandom, quick: boolean): TornOperation[] {
    const { sizeBytes, kind } = operation
    const some: TornOperation = { bytes: random.integer(1, sizeBytes - 1), fuzzy: true }
    if (quick) return [random.chance(0.5) ? { bytes: 0 } : some]
    if (kind === "erase") return [{ bytes: 0 }, { bytes: 0, fuzzy: true }, { bytes: 2048, fuzzy: true }]
    if (sizeBytes === 24) return [{ bytes: 0 }, { bytes: 9 }, { bytes: 17 }, { bytes: 20 }, { bytes: 22, fuzzy: true }]
    return [{ bytes: 0 }, { bytes: sizeBytes - 1 }, some]
}

function hash(text: string): number {
    let h = 0
    for (const c of text) h = (h * 31 + c.charCodeAt(0)) | 0
    return h
}
