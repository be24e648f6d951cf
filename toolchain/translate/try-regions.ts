import type { Statement } from "../devs/code.ts"

/** A try block: statements `first` … `last` (exclusive) are guarded by the handler statement. */
export interface TryRegion {
    readonly first: number
    readonly last: number
    /** statement number of the CATCH or FINALLY */
    readonly handler: number
    readonly isFinally: boolean
}

/**
 * Finds the try blocks of a function. The compiler writes `TRY h; …; END_TRY`, with the handler behind; a block with a
 * finally may run into its handler, which takes the frame off itself. Blocks nest, and code is laid out in their order,
 * so a scan with a stack finds them.
 *
 * @returns regions, innermost first, and for each statement the regions around it, innermost first
 */
export function tryRegions(statements: readonly Statement[]): { regions: TryRegion[]; around: TryRegion[][] } {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const regions: TryRegion[] = []
    statements.forEach((s, i) => {
        if (s.op.name !== "TRY") return
        const handler = at.get(s.immediate)!
        regions.push({ first: i + 1, last: handler, handler, isFinally: statements[handler].op.name === "FINALLY" })
    })
    regions.sort((x, y) => x.last - x.first - (y.last - y.first))
    const around = statements.map((_, i) => regions.filter(r => r.first <= i && i < r.last))
    return { regions, around }
}

/**
 * The ways that jumps out of try blocks take through finally blocks: from the jump into the first one, and from the end
 * of each to wherever the jump goes on.
 */
export function finallyDetours(statements: readonly Statement[], around: readonly TryRegion[][]): Map<number, number[]> {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const detours = new Map<number, number[]>()
    const add = (from: number, to: number) => detours.set(from, [...(detours.get(from) ?? []), to])
    statements.forEach((s, i) => {
        if (s.op.name !== "THROW_JMP") return
        const levels = s.args[0].kind === "int" ? s.args[0].value : 0
        for (const region of around[i].slice(0, levels)) {
            if (!region.isFinally) continue
            add(i, region.handler)
            const end = endOfFinally(statements, region.handler)
            if (end !== undefined) add(end, at.get(s.immediate)!)
        }
    })
    return detours
}

/** The RE_THROW that ends a finally block. */
function endOfFinally(statements: readonly Statement[], handler: number): number | undefined {
    let depth = 0
    for (let i = handler + 1; i < statements.length; i++) {
        const name = statements[i].op.name
        if (name === "FINALLY") depth++
        if (name === "RE_THROW" && depth-- === 0) return i
    }
    return undefined
}
