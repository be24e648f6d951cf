import { readFileSync } from "node:fs"
import { join } from "node:path"
import { runProgram } from "../../sim/index.ts"
import { patchableInProcess } from "../../test/support/replaced-program.ts"
import { fastestHalf, timesOf } from "../bench/rounds.ts"
import { countExecuted } from "../bench/instructions.ts"

export interface Tracking {
    /** mean of the faster half of the rounds, in milliseconds */
    readonly trackedMs: number
    readonly untrackedMs: number
    readonly ratio: number
    /** operations of the VM, which no other work on the machine changes */
    readonly trackedOperations: number | undefined
    readonly untrackedOperations: number | undefined
}

/** The application benchmark with and without the notes that the update ledger takes of calls that may wait. */
export async function trackingCost(rounds: number): Promise<Tracking> {
    const source = readFileSync(join(import.meta.dirname, "../../test/programs/bench-app.ts"), "utf8")
    const linked = [true, false].map(tracksCalls => patchableInProcess({ "program.ts": source }, { tracksCalls }))
    const times = await timesOf(linked, rounds, async p => {
        const { lines } = await runProgram(p.base.file, { until: /^> done/, clock: "skip", timeoutMs: 120_000 })
        const took = lines.map(l => /^> took (.*)/.exec(l)?.[1]).find(t => t !== undefined)
        if (took === undefined) throw new Error(lines.slice(-4).join(" | "))
        return Number(took)
    })
    const [trackedMs, untrackedMs] = times.map(fastestHalf)
    const [tracked, untracked] = [await countExecuted(linked[0].base.file, linked[0].base), await countExecuted(linked[1].base.file, linked[1].base)]
    return { trackedMs, untrackedMs, ratio: trackedMs / untrackedMs, trackedOperations: tracked?.operations, untrackedOperations: untracked?.operations }
}
