import { type Expr, visitExprs } from "../devs/code.ts"
import { accumulatorSlot, frameSlots } from "../executor/frame.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"

/**
 * Inner functions read captured variables out of the frame of the function around them, by slot number. Where such a
 * variable's slot is one that the executor needs, all locals of that function from there on are moved behind the
 * executor's slots, in its own code and in that of its inner functions.
 */
export interface CapturedPlaces {
    /** slot in the linked base's frames of a local of a function of the base */
    placeOf(functionIndex: number, slot: number): number
    /** places of captured variables behind the executor's slots: they have no register */
    readonly far: readonly number[]
}

/** A use of a captured variable: its owner and its slot there. */
export interface CapturedUse {
    readonly owner: number
    readonly slot: number
    /** offset of the opcode in the code of the function that uses it */
    readonly pc: number
    readonly isStore: boolean
}

export function capturedUses(program: CompiledProgram, f: ProgramFunction): CapturedUse[] {
    const uses: CapturedUse[] = []
    const use = (slot: number, level: Expr, pc: number, isStore: boolean) => {
        if (level.kind !== "int") return
        let owner: number | undefined = f.index
        for (let i = 0; i < level.value && owner !== undefined; i++) owner = program.functions[owner].creator
        if (owner !== undefined) uses.push({ owner, slot, pc, isStore })
    }
    for (const s of f.statements) {
        if (s.op.name === "STORE_CLOSURE") use(s.immediate, s.args[0], s.end - 2, true)
        visitExprs(s.args, e => {
            if (e.kind === "op" && e.op.name === "LOAD_CLOSURE") use(e.immediate, e.args[0], e.pc ?? -1, false)
        })
    }
    return uses
}

/** Locals of each function that inner functions use, as the compiler numbers them. */
export function capturedLocals(program: CompiledProgram): Map<number, ReadonlySet<number>> {
    const captured = new Map<number, Set<number>>(program.functions.map(f => [f.index, new Set()]))
    for (const f of program.functions) for (const { owner, slot } of capturedUses(program, f)) captured.get(owner)!.add(slot)
    return captured
}

export function capturedPlaces(program: CompiledProgram): CapturedPlaces {
    const moved = new Set<number>()
    const captured: { owner: number; slot: number }[] = []
    for (const f of program.functions)
        for (const { owner, slot } of capturedUses(program, f)) {
            captured.push({ owner, slot })
            const { devs, owner: part } = program.functions[owner]
            // a parameter is where its caller puts it
            const isTaken = slot >= accumulatorSlot && slot < frameSlots && devs.args <= accumulatorSlot
            if (isTaken && (part === "app" || part === "entry")) moved.add(owner)
        }
    const placeOf = (owner: number, slot: number) =>
        moved.has(owner) && slot >= accumulatorSlot ? slot + frameSlots - accumulatorSlot : slot
    const far = new Set(captured.map(c => placeOf(c.owner, c.slot)).filter(p => p >= frameSlots))
    return { placeOf, far: [...far].sort((x, y) => x - y) }
}

/** A function's code and number of slots with its locals in their places. Slot numbers keep to one byte. */
export function withPlaces(program: CompiledProgram, f: ProgramFunction, places: CapturedPlaces): { code: Uint8Array; slots: number } {
    const code = Uint8Array.from(f.devs.code)
    const local = (pc: number, slot: number) => (code[pc + 1] = places.placeOf(f.index, slot))
    for (const s of f.statements) {
        if (s.op.name === "STORE_LOCAL") local(s.end - 2, s.immediate)
        visitExprs(s.args, e => {
            if (e.kind === "op" && e.op.name === "LOAD_LOCAL") local(e.pc!, e.immediate)
        })
    }
    for (const u of capturedUses(program, f)) code[u.pc + 1] = places.placeOf(u.owner, u.slot)
    return { code, slots: places.placeOf(f.index, f.devs.slots) }
}
