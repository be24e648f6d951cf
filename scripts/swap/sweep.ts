import { type RunResult, runProgram, type SeededRandom } from "../../sim/index.ts"
import { refusedSwap, type SwapPlan } from "../../test/support/swap-program.ts"
import { judge, parseTrace } from "./oracle.ts"
import type { SwapProgram } from "./programs.ts"

export interface SwapFailure {
    readonly program: string
    readonly plan: SwapPlan
    readonly gcStress: boolean
    readonly problem: string
}

export interface SweepCounts {
    runs: number
    swaps: number
    /** refused cleanly: calls that would mix old and new code did not end in time */
    refused: number
    /** of these under GC stress */
    gcStressSwaps: number
}

/** What a program may print after its first line does not depend on how long a board runs. */
const corpusRunMs = 3000
const traceRunMs = 5000

/** Injects swaps into one program and compares each run with the undisturbed one. */
export class Sweep {
    readonly counts: SweepCounts = { runs: 0, swaps: 0, refused: 0, gcStressSwaps: 0 }
    readonly failures: SwapFailure[] = []
    readonly program: SwapProgram
    private readonly reference: RunResult
    /** when the undisturbed run has ended */
    readonly endMs: number

    private constructor(program: SwapProgram, reference: RunResult) {
        this.program = program
        this.reference = reference
        this.endMs = program.oracle === "versions" ? Math.ceil(reference.boardMs) : corpusRunMs
    }

    /** Throws when the undisturbed program itself does not come to its end. */
    static async of(program: SwapProgram): Promise<Sweep> {
        const reference = await run(program, { firstMs: 0, count: 0 }, false)
        if (reference.panicCode !== undefined || (program.oracle === "versions" && reference.timedOut))
            throw new Error(`${program.name} does not come to its end:\n${reference.lines.slice(-5).join("\n")}`)
        return new Sweep(program, reference)
    }

    async inject(plan: SwapPlan, gcStress = false): Promise<void> {
        const result = await run(this.program, plan, gcStress)
        const swaps = result.lines.filter(l => l.startsWith("> # new") || l.startsWith("> # old")).length
        this.counts.runs++
        this.counts.swaps += swaps
        this.counts.refused += result.lines.filter(l => l === refusedSwap).length
        if (gcStress) this.counts.gcStressSwaps += swaps
        const problem = oracles[this.program.oracle](result, this.reference)
        if (problem) this.failures.push({ program: this.program.name, plan, gcStress, problem })
    }

    /** One swap to the new code in each millisecond, before and after everything else that is due in it. */
    async everyMoment(stepMs: number, isInTime: () => boolean): Promise<void> {
        for (let firstMs = 0; firstMs <= this.endMs && isInTime(); firstMs += stepMs)
            for (const place of [0, 1]) await this.inject({ firstMs, place, turns: place ? firstMs % 3 : 0 })
    }

    /** Many swaps back and forth in one run. */
    async backAndForth(random: SeededRandom, gcStress: boolean): Promise<void> {
        const everyMs = this.program.oracle !== "versions" ? 3 + random.integer(0, 11) : 1 + random.integer(0, 2)
        await this.inject(
            {
                firstMs: random.integer(0, 10),
                everyMs,
                jitterMs: random.integer(0, 4),
                seed: random.integer(1, 30000),
                count: Math.ceil(this.endMs / everyMs),
                place: random.integer(0, 4),
                turns: random.integer(0, 2),
            },
            gcStress,
        )
    }
}

async function run(program: SwapProgram, plan: SwapPlan, gcStress: boolean): Promise<RunResult> {
    return await runProgram(program.swappable.withPlan(program.image, plan), {
        clock: "virtual",
        gcStress,
        ...(program.oracle !== "versions" ? { timeoutMs: corpusRunMs } : { until: /^> done/, timeoutMs: traceRunMs }),
    })
}

const oracles: Record<SwapProgram["oracle"], (result: RunResult, reference: RunResult) => string | undefined> = {
    versions: (result, reference) => judge(parseTrace(result), parseTrace(reference)),
    same: sameLines,
    oldPrefix,
}

const printed = (lines: readonly string[]) => lines.filter(l => /^[>*!] /.test(l) && !l.startsWith("> # "))

/** A program that is replaced by itself prints what it printed, line by line. */
function sameLines(result: RunResult, reference: RunResult): string | undefined {
    if (result.panicCode !== undefined) return `panic ${result.panicCode}`
    const [lines, expected] = [printed(result.lines), printed(reference.lines)]
    // the run ends at a fixed time: a line more or less at its very end is the clock's
    const different = expected.slice(0, lines.length).findIndex((l, i) => l !== lines[i])
    if (different >= 0) return `expected ${expected[different]}, got ${lines[different]}`
    return Math.abs(lines.length - expected.length) > 1 ? `${lines.length} lines, expected ${expected.length}` : undefined
}

/** What an edit prints is its own affair; until the swap all is as before, and nothing goes wrong after it. */
function oldPrefix(result: RunResult, reference: RunResult): string | undefined {
    if (result.panicCode !== undefined) return `panic ${result.panicCode}`
    const isRefused = result.lines.includes(refusedSwap)
    const swapAt = isRefused ? result.lines.length : result.lines.findIndex(l => l.startsWith("> # new"))
    if (swapAt < 0) return "it was not swapped"
    const before = printed(result.lines.slice(0, swapAt))
    const different = before.findIndex((l, i) => l !== printed(reference.lines)[i])
    if (different >= 0) return `before the swap: ${before[different]}`
    return result.lines.slice(swapAt).find(l => /xception|HOV|# fault/.test(l))
}
