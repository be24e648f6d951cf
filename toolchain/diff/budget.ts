import { vmOperations } from "../executor/assemble.ts"
import type { Operation } from "../executor/operations.ts"
import type { LaidOutFunction } from "../pack/lay-out.ts"

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
 * VM operations of the dearest way through a function on which nothing counts, as one without loops may be called by one that
 * has nothing else. All ways back count, so the others go forward only; a branch may lead past an instruction that counts.
 */
function longestStretch(f: LaidOutFunction, costOf: (operation: string) => number): number {
    const { instructions, labels } = f
    const costs = instructions.map(i => costOf(i.operation))
    const targets = instructions.map(i => i.operands.flatMap(o => (o.kind === "label" ? [placeIndex(f, labels.get(o.name)!)] : [])))
    const arriving: number[] = instructions.map(() => 0)
    const arrive = (index: number, operations: number): void => {
        if (index < arriving.length) arriving[index] = Math.max(arriving[index], operations)
    }
    instructions.forEach((_, i) => targets[i].filter(t => t <= i).forEach(t => arrive(t, costs[i])))
    let longest = 0
    instructions.forEach(({ operation }, i) => {
        const total = arriving[i] + costs[i]
        longest = Math.max(longest, total)
        // counted before it does its work, which belongs to what comes then
        const leaving = /\bloop\b/.test(operation) ? costs[i] : total
        if (!/^(?:loop|jump|return|throw)\b(?! if)/.test(operation)) arrive(i + 1, leaving)
        for (const t of targets[i]) if (t > i) arrive(t, leaving)
    })
    return callOperations + longest
}

/** The first instruction at a place or behind it; the number of instructions when there is none. */
function placeIndex(f: LaidOutFunction, place: number): number {
    const index = f.instructions.findIndex(x => x.place >= place)
    return index < 0 ? f.instructions.length : index
}
