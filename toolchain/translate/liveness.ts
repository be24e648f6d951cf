import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"
import { finallyDetours, type TryRegion } from "./try-regions.ts"

/**
 * Which of a function's variables are in use where. A variable is a local's slot; {@link RETURN_VALUE} is the VM's
 * `ret_val`, which the executor's dispatch overwrites and which so has to be kept like a local.
 */
export const RETURN_VALUE = -1

export interface Liveness {
    /** variables whose value is needed before the statement */
    liveIn: Set<number>[]
    liveOut: Set<number>[]
    /** statement numbers that can come next */
    successors: number[][]
}

const setsReturnValue: ReadonlySet<OpName> = new Set<OpName>([
    "CALL0", "CALL1", "CALL2", "CALL3", "CALL4", "CALL5", "CALL6", "CALL7", "CALL8", "CALL_ARRAY",
    "ALLOC_MAP", "ALLOC_ARRAY", "ALLOC_BUFFER", "INDEX_DELETE", "CATCH", "FINALLY", "STORE_RET_VAL",
])

export function definesReturnValue(s: Statement): boolean {
    return setsReturnValue.has(s.op.name)
}

export function usesOf(s: Statement): Set<number> {
    const uses = new Set<number>()
    visitExprs(s.args, e => {
        if (e.kind !== "op") return
        if (e.op.name === "LOAD_LOCAL") uses.add(e.immediate)
        if (e.op.name === "RET_VAL") uses.add(RETURN_VALUE)
    })
    if (s.op.name === "JMP_RET_VAL_Z") uses.add(RETURN_VALUE)
    return uses
}

export function definedBy(s: Statement): number | undefined {
    if (s.op.name === "STORE_LOCAL") return s.immediate
    return definesReturnValue(s) || s.op.name === "JMP_RET_VAL_Z" ? RETURN_VALUE : undefined
}

export function countUses(args: readonly Expr[], variable: number): number {
    let n = 0
    visitExprs(args, e => {
        if (e.kind !== "op") return
        if (variable === RETURN_VALUE ? e.op.name === "RET_VAL" : e.op.name === "LOAD_LOCAL" && e.immediate === variable) n++
    })
    return n
}

/**
 * @param around for each statement the try blocks around it (`tryRegions`): whatever the handlers that an exception in it can
 *   reach read must survive, and a jump out of them goes through their finally blocks
 * @param pinned variables that are in use everywhere (captured by inner functions)
 */
export function liveness(
    statements: readonly Statement[],
    around: readonly TryRegion[][],
    pinned: ReadonlySet<number> = new Set(),
): Liveness {
    const detours = finallyDetours(statements, around)
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const successors = statements.map((s, i) => {
        const next: number[] = [...(detours.get(i) ?? [])]
        if (s.op.immediate === "jump" && s.op.name !== "TRY") next.push(at.get(s.immediate)!)
        if ((!s.op.isFinal || s.op.name === "RE_THROW") && i + 1 < statements.length) next.push(i + 1)
        return next
    })
    const uses = statements.map(usesOf)
    const liveIn = statements.map(() => new Set<number>(pinned))
    const liveOut = statements.map(() => new Set<number>(pinned))
    for (let changed = true; changed; ) {
        changed = false
        for (let i = statements.length - 1; i >= 0; i--) {
            const out = liveOut[i]
            const before = out.size + liveIn[i].size
            for (const n of successors[i]) for (const v of liveIn[n]) out.add(v)
            const defined = definedBy(statements[i])
            const input = liveIn[i]
            for (const v of out) if (v !== defined || pinned.has(v)) input.add(v)
            for (const v of uses[i]) input.add(v)
            // an exception can come before or after the statement's own store
            for (const { handler } of around[i]) for (const v of liveIn[handler]) if (v !== RETURN_VALUE) {
                input.add(v)
                out.add(v)
            }
            if (out.size + input.size !== before) changed = true
        }
    }
    return { liveIn, liveOut, successors }
}
