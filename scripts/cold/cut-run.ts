/** Cold updates with the power cut on the way: whatever happens, the board ends on one of the two bases. */
import type { Board, BoardOptions } from "../../sim/index.ts"
import { checkStore, type StoreDamage } from "../../sim/store-format-check.ts"
import { until } from "../../test/support/cloud.ts"
import type { ColdBench, LinkedBase } from "../../test/support/cold-bench.ts"

/** A board that has not come to the new base by then is looked at once more, and is lost if it runs neither. */
const SETTLE_MS = 120_000
const TICK_MS = 60_000

export interface CutResult {
    /** Flash operations from the command to the confirmation, without a cut. */
    readonly operations: number
    /** The cuts came so early or late that they had nothing to cut. */
    readonly cuts: number
    /**
     * `formatted`: the stock store formatted itself for the documented reason, as an independent reader of its NOR image says
     * (`sim/store-format-check.ts`). Program and settings are gone then, as after any write of any program that is cut
     * there. `lost`: the board runs neither base for another reason.
     */
    readonly end: "new" | "old" | "formatted" | "lost"
    /** What the reader of the flash said after each cut that left something to say. */
    readonly damage: readonly string[]
    readonly ms: number
}

/** One update of one board. `cutsAt`: flash operations after which power goes, each counted from the power-on before. */
export async function coldRun(bench: ColdBench, from: LinkedBase, to: LinkedBase, deviceId: string, cutsAt: readonly number[], options: Partial<BoardOptions> = {}): Promise<CutResult> {
    const { board, id } = await bench.started(from, { deviceId, ...options })
    let formatted = false
    const damage: StoreDamage[] = []
    let cuts = 0
    let powered: Promise<unknown> = Promise.resolve()
    const off = board.onLine(line => {
        if (/fstor: (formatting|format)/i.test(line)) formatted = true
    })
    const waiting = [...cutsAt]
    const startMs = performance.now()
    const before = board.flash.operations
    const arm = () => {
        const next = waiting.shift()
        if (next !== undefined) board.cutPowerAtFlashOp(next)
    }
    try {
        board.onEvent(event => {
            if (event.kind !== "powerCut") return
            cuts++
            const found = checkStore(board.flash.contents())
            if (found !== "none") damage.push(found)
            arm()
            powered = board.powerOn()
            powered.catch(() => undefined)
        })
        arm()
        await bench.cloud.must(202, "POST", `/devices/${id}/update`, { version: to.version })
        const settled = await until("the new base", () => bench.shown(id), d => isConfirmed(d, to) || formatted, SETTLE_MS).catch(() => undefined)
        const operations = board.flash.operations - before
        board.cutPowerAtFlashOp(0)
        await powered
        const ms = Math.round(performance.now() - startMs)
        if (settled !== undefined && !formatted) return { operations, cuts, end: "new", damage, ms }
        const excused = damage.length > 0 && damage.every(d => STOCK_DAMAGE.includes(d))
        if (formatted && excused) return { operations, cuts, end: "formatted", damage, ms }
        const seen = await nextTick(board)
        const runs = seen.includes(`tick ${to.name}`) ? "new" : seen.includes(`tick ${from.name}`) ? "old" : "lost"
        return { operations, cuts, end: runs, damage, ms }
    } finally {
        off()
        await powered.catch(() => undefined)
        await board.close()
    }
}

/** The next one, not one that was printed before; empty when none comes. */
function nextTick(board: Board): Promise<string> {
    return new Promise(resolve => {
        const end = (text: string) => {
            clearTimeout(timer)
            off()
            resolve(text)
        }
        const timer = setTimeout(() => end(""), TICK_MS)
        const off = board.onLine(text => void (text.includes("tick ") && end(text)))
    })
}

const STOCK_DAMAGE: readonly StoreDamage[] = ["interruptedWrite", "tornSize"]

const isConfirmed = (device: { actual: { base: string; state: string } | null; sync: { state: string } }, base: LinkedBase): boolean =>
    device.actual?.base === base.baseId && device.actual.state !== "trial" && device.sync.state === "converged"
