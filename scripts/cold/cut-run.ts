/** Cold updates with the power cut on the way: whatever happens, the board ends on one of the two bases. */
import type { BoardOptions } from "../../sim/index.ts"
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
    /** `new`, `old`, `formatted` (the stock store's own doing: its log was torn) or `lost`. */
    readonly end: "new" | "old" | "formatted" | "lost"
    readonly ms: number
}

/** One update of one board. `cutsAt`: flash operations after which power goes, each counted from the power-on before. */
export async function coldRun(bench: ColdBench, from: LinkedBase, to: LinkedBase, deviceId: string, cutsAt: readonly number[], options: Partial<BoardOptions> = {}): Promise<CutResult> {
    const { board, id } = await bench.started(from, { deviceId, ...options })
    let formatted = false
    let cuts = 0
    const off = board.onLine(line => {
        if (/fstor: (formatting|format)/i.test(line)) formatted = true
    })
    const waiting = [...cutsAt]
    const startMs = performance.now()
    const before = board.flash.operations
    try {
        const arm = () => {
            const next = waiting.shift()
            if (next !== undefined) board.cutPowerAtFlashOp(next)
        }
        board.onEvent(event => {
            if (event.kind !== "powerCut") return
            cuts++
            arm()
            void board.powerOn()
        })
        arm()
        await bench.cloud.must(202, "POST", `/devices/${id}/update`, { version: to.version })
        const settled = await until("the new base", () => bench.shown(id), d => isConfirmed(d, to) || formatted, SETTLE_MS).catch(() => undefined)
        const operations = board.flash.operations - before
        board.cutPowerAtFlashOp(0)
        const ms = Math.round(performance.now() - startMs)
        if (formatted) return { operations, cuts, end: "formatted", ms }
        if (settled !== undefined) return { operations, cuts, end: "new", ms }
        const runs = await board.waitForLine(/tick (\w+)/, TICK_MS).catch(() => "")
        return { operations, cuts, end: runs.includes(`tick ${to.name}`) ? "new" : runs.includes(`tick ${from.name}`) ? "old" : "lost", ms }
    } finally {
        off()
        await board.close()
    }
}

const isConfirmed = (device: { actual: { base: string; state: string } | null; sync: { state: string } }, base: LinkedBase): boolean =>
    device.actual?.base === base.baseId && device.actual.state !== "trial" && device.sync.state === "converged"
