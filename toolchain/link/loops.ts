import type { Assembler } from "../devs/assembler.ts"
import type { Statement } from "../devs/code.ts"
import { placeOf } from "../devs/reassemble.ts"
import { codeSlot, pcSlot } from "../executor/frame.ts"
import type { ProgramFunction } from "../program/compiled-program.ts"
import { tryRegions } from "../translate/try-regions.ts"

/**
 * A loop that may run for ever: one that calls something, which may wait. Replaced code takes over such a loop in the
 * middle, at the end of a round, without leaving the frame:
 *
 * ```
 * top: …
 *      if (!pointer) goto top        // was: goto top
 *      CODE := pointer; PC := undefined; goto try   // the prelude's
 * ```
 *
 * The pointer is one of the base's own kind; what it points to begins by moving the frame's variables to where new code
 * has them (toolchain/diff/loop-takeover.ts).
 */
export interface SwitchPoint {
    readonly functionIndex: number
    /** offset of the loop's first statement in the function's code */
    readonly headPc: number
}

/** Loops of a function in the order of their heads. Those inside of a try block keep to the code they began in. */
export function switchPoints(f: Pick<ProgramFunction, "index" | "statements">): SwitchPoint[] {
    const { around } = tryRegions(f.statements)
    const at = new Map(f.statements.map((s, i) => [s.pc, i]))
    const heads = new Set<number>()
    f.statements.forEach((s, i) => {
        if (!isBackwardJump(s)) return
        const head = at.get(s.immediate)!
        const calls = f.statements.slice(head, i).some(x => x.op.name.startsWith("CALL"))
        if (calls && around[head].length === 0 && around[i].length === 0) heads.add(s.immediate)
    })
    return [...heads].sort((x, y) => x - y).map(headPc => ({ functionIndex: f.index, headPc }))
}

function isBackwardJump(s: Statement): boolean {
    return s.op.name === "JMP" && s.immediate <= s.pc
}

/** Emits the end of a loop that can be taken over; false for any other statement. */
export function emitBackEdge(a: Assembler, s: Statement, pointers: ReadonlyMap<number, number>): boolean {
    const pointer = isBackwardJump(s) ? pointers.get(s.immediate) : undefined
    if (pointer === undefined) return false
    a.emit("JMP_Z", placeOf(s.immediate), ["LOAD_GLOBAL", pointer])
    a.emit("STORE_LOCAL", codeSlot, ["LOAD_GLOBAL", pointer])
    a.emit("STORE_LOCAL", pcSlot, ["UNDEFINED"])
    a.emit("JMP", "try")
    return true
}
