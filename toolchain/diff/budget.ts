import type { LaidOutFunction } from "../pack/lay-out.ts"

/** VM operations that a turn of replaced code may take: half of the VM's limit, as native code may run in between. */
const operationsPerTurn = 60_000
/** VM operations of an average handler with its dispatch; the dearest ones take about twice as many. */
const operationsPerInstruction = 20

/**
 * How many loop rounds and calls replaced code may do before it yields: as many as fit a turn when each goes through the
 * longest stretch of code in the image.
 */
export function imageBudget(functions: readonly LaidOutFunction[]): number {
    let longest = 1
    for (const f of functions) longest = Math.max(longest, longestStretch(f))
    return Math.max(2, Math.min(2000, Math.floor(operationsPerTurn / (operationsPerInstruction * longest))))
}

/** Instructions between two counted points: the longest loop body, or the whole function where no loop is longer. */
function longestStretch(f: LaidOutFunction): number {
    let longest = 0
    f.instructions.forEach((instruction, i) => {
        if (!/\bloop\b/.test(instruction.operation)) return
        const targets = instruction.operands.flatMap(o => (o.kind === "label" ? [f.labels.get(o.name)!] : []))
        const start = Math.min(...targets)
        const first = f.instructions.findIndex(x => x.place >= start)
        longest = Math.max(longest, i - first)
    })
    return longest || f.instructions.length
}
