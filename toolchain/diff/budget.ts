import type { LaidOutFunction } from "../pack/lay-out.ts"
import { stretchInstructionsMax } from "../translate/translate-function.ts"

/**
 * VM operations that a turn of replaced code may take: half of the VM's limit, as native code may run in between. A turn
 * that begins with another's rest of a budget gets half of one more (src/hotswap/guard.ts).
 */
const operationsPerTurn = 60_000
const budgetsPerTurn = 1.5
/** VM operations of an average handler with its dispatch; the dearest ones take about twice as many. */
const operationsPerInstruction = 20

/**
 * How many loop rounds and calls replaced code may do before it yields: as many as fit a turn when each goes through the
 * longest stretch of code in the image.
 */
export function imageBudget(functions: readonly LaidOutFunction[]): number {
    let longest = 1
    for (const f of functions) longest = Math.max(longest, longestStretch(f))
    return Math.max(2, Math.min(2000, Math.floor(operationsPerTurn / (budgetsPerTurn * operationsPerInstruction * longest))))
}

/**
 * Instructions between two counted points: a loop's body or a whole function, as one without loops may be called by one that
 * has nothing else. The translator counts within longer ones.
 */
function longestStretch(f: LaidOutFunction): number {
    let longest = f.instructions.length
    f.instructions.forEach((instruction, i) => {
        if (!/\bloop\b/.test(instruction.operation)) return
        const targets = instruction.operands.flatMap(o => (o.kind === "label" ? [f.labels.get(o.name)!] : []))
        const start = Math.min(...targets)
        const first = f.instructions.findIndex(x => x.place >= start)
        longest = Math.max(longest, i - first)
    })
    return Math.min(longest, stretchInstructionsMax)
}
