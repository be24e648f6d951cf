import { visitExprs } from "../devs/code.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { RefusalSignal } from "../translate/refusal.ts"
import type { Match } from "./match.ts"

/**
 * Variables of a function that inner functions use, with the slot they are read from. Inner functions of the base, and
 * closures made before the update, look in the base's slots: a captured variable has to stay in its own.
 */
export function capturedVariables(base: CompiledProgram, next: CompiledProgram, match: Match, f: ProgramFunction): Map<number, number> {
    const pinned = new Map<number, number>()
    for (const slot of slotsCapturedFrom(next, f.index)) {
        const name = f.debug.slots[slot]?.name
        const baseIndex = match.functions.get(f.index)
        if (baseIndex !== undefined) {
            const before = base.functions[baseIndex].debug.slots.findIndex(s => s.name === name)
            if (before !== slot) throw new RefusalSignal("HOV108", `variable ${name} moved from slot ${before} to ${slot}`, 0)
        }
        pinned.set(slot, slot)
    }
    return pinned
}

function slotsCapturedFrom(program: CompiledProgram, owner: number): Set<number> {
    const slots = new Set<number>()
    for (const f of program.functions) {
        if (f.creator === undefined) continue
        const at = (slot: number, levels: number) => {
            let frame: number | undefined = f.index
            for (let i = 0; i < levels && frame !== undefined; i++) frame = program.functions[frame].creator
            if (frame === owner) slots.add(slot)
        }
        for (const s of f.statements) {
            if (s.op.name === "STORE_CLOSURE" && s.args[0].kind === "int") at(s.immediate, s.args[0].value)
            visitExprs(s.args, e => {
                if (e.kind === "op" && e.op.name === "LOAD_CLOSURE" && e.args[0].kind === "int") at(e.immediate, e.args[0].value)
            })
        }
    }
    return slots
}
