import { vmOperations } from "../executor/assemble.ts"
import type { Operation } from "../executor/operations.ts"
import type { LaidOutFunction } from "../pack/lay-out.ts"
import { stretchInstructionsMax } from "../translate/translate-function.ts"

/**
 * VM operations that a turn of replaced code may take: half of the VM's limit, as native code may run in between. A turn
 * that begins with another's rest of a budget gets half of one more (src/hotswap/guard.ts).
 */
const operationsPerTurn = 60_000
const budgetsPerTurn = 1.5

/**
 * How many loop rounds and calls replaced code may do before it yields: as many as fit a turn when each goes through the
 * longest stretch of code in the image.
 */
export function imageBudget(functions: readonly LaidOutFunction[], operations: readonly Operation[]): number {
    const known = new Map(operations.map(o => [o.name, o]))
    const costs = new Map<string, number>()
    const costOf = (name: string): number => {
        if (!costs.has(name)) costs.set(name, vmOperations(known.get(name)!))
        return costs.get(name)!
    }
    const longest = functions.reduce((most, f) => Math.max(most, longestStretch(f, costOf)), callOperations)
    return Math.max(2, Math.min(2000, Math.floor(operationsPerTurn / (budgetsPerTurn * longest))))
}

/** What a call takes before its first instruction. */
const callOperations = 25

/**
 * VM operations between two counted points: of a loop's body or a whole function, as one without loops may be called by one
 * that has nothing else. The translator counts within longer ones.
 */
function longestStretch(f: LaidOutFunction, costOf: (operation: string) => number): number {
    const costs = f.instructions.map(i => costOf(i.operation))
    let longest = stretch(costs)
    f.instructions.forEach((instruction, i) => {
        if (!/\bloop\b/.test(instruction.operation)) return
        const targets = instruction.operands.flatMap(o => (o.kind === "label" ? [f.labels.get(o.name)!] : []))
        const start = Math.min(...targets)
        const first = f.instructions.findIndex(x => x.place >= start)
        if (first <= i) longest = Math.max(longest, stretch(costs.slice(first, i + 1)))
    })
    return callOperations + longest
}

/** The dearest run of as many instructions as the translator leaves uncounted. */
function stretch(costs: readonly number[]): number {
    let sum = 0
    let most = 0
    costs.forEach((cost, i) => {
        sum += cost - (i > stretchInstructionsMax ? costs[i - stretchInstructionsMax - 1] : 0)
        most = Math.max(most, sum)
    })
    return most
}
