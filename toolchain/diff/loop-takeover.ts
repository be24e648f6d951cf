import { type Expr, mapImmediates, type Statement } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { registerCount } from "../executor/frame.ts"
import { switchPoints } from "../link/loops.ts"
import type { ProgramFunction } from "../program/compiled-program.ts"
import { liveness, RETURN_VALUE } from "../translate/liveness.ts"
import { tryRegions } from "../translate/try-regions.ts"

/** Code that goes on with a loop of the base's in the middle, in the frame that the base's code left. */
export interface LoopTakeover {
    readonly statements: readonly Statement[]
    /** the frame's first slots, as the base's code left them */
    readonly parameterCount: number
}

/** Why a loop that has begun in the base's code cannot be taken over. */
export interface NoTakeover {
    readonly reason: string
    readonly pc: number
}

export interface TakeoverInput {
    readonly base: ProgramFunction
    readonly next: ProgramFunction
    /** statements of the two that count: all, or the application's part of top-level code */
    readonly baseStatements: readonly Statement[]
    readonly nextStatements: readonly Statement[]
    /** number of the loop, by the order of the heads */
    readonly loop: number
    /** slot in the linked base of a local of its function */
    readonly placeOf: (slot: number) => number
    /** inner functions use variables of the frame */
    readonly hasCaptured: boolean
}

/**
 * The new function from its loop's head on, behind moves that bring every variable in use there from where the base's code
 * had it. Variables are carried by name.
 */
export function loopTakeover(input: TakeoverInput): LoopTakeover | NoTakeover {
    const { base, next, nextStatements, loop } = input
    const points = switchPoints({ index: next.index, statements: nextStatements })
    const before = switchPoints({ index: base.index, statements: input.baseStatements })
    if (points.length !== before.length) return { reason: "the function has other loops than before", pc: 0 }
    const { headPc } = points[loop]
    if (input.hasCaptured) return { reason: "inner functions use its variables", pc: headPc }
    const head = nextStatements.findIndex(s => s.pc === headPc)
    const live = liveness(nextStatements, tryRegions(nextStatements).around)
    const moves: [variable: number, from: number][] = []
    for (const variable of live.liveIn[head]) {
        if (variable === RETURN_VALUE) return { reason: "a call's result is in use across its rounds", pc: headPc }
        const { name, type } = next.debug.slots[variable] ?? { name: "?", type: "tmp" }
        const same = (slots: typeof base.debug.slots) => slots.map((s, i) => ({ ...s, i })).filter(s => s.name === name && s.type !== "tmp")
        const found = same(base.debug.slots)
        if (type === "tmp" || found.length !== 1 || same(next.debug.slots).length !== 1)
            return { reason: type === "tmp" ? "it keeps a value that has no name" : `variable ${name} is new or not the only one of its name`, pc: headPc }
        const from = input.placeOf(found[0].i)
        if (from >= registerCount) return { reason: `variable ${name} is not among the first ${registerCount}`, pc: headPc }
        moves.push([variable, from])
    }
    return { statements: [...prologue(moves, headPc), ...reachable(nextStatements, live.successors, head).map(shifted)], parameterCount: registerCount }
}

/** Variables of the new code stand behind the slots of the frame. */
const shift = registerCount

function prologue(moves: readonly [number, number][], headPc: number): Statement[] {
    const count = moves.length + 1
    const stores = moves.map(
        ([variable, from], i): Statement => ({
            pc: i - count,
            end: i - count,
            op: op.STORE_LOCAL,
            immediate: variable + shift,
            args: [{ kind: "op", op: op.LOAD_LOCAL, immediate: from, args: [] }],
        }),
    )
    return [...stores, { pc: -1, end: -1, op: op.JMP, immediate: headPc, args: [] }]
}

function reachable(statements: readonly Statement[], successors: readonly number[][], head: number): Statement[] {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const found = new Set<number>()
    const visit = [head]
    for (let i = visit.pop(); i !== undefined; i = visit.pop()) {
        if (found.has(i)) continue
        found.add(i)
        visit.push(...successors[i])
        if (statements[i].op.name === "TRY") visit.push(at.get(statements[i].immediate)!)
    }
    return statements.filter((_, i) => found.has(i))
}

function shifted(s: Statement): Statement {
    const expr = (e: Expr) => mapImmediates(e, (kind, value) => (kind === "local" ? value + shift : value))
    return { ...s, immediate: s.op.name === "STORE_LOCAL" ? s.immediate + shift : s.immediate, args: s.args.map(expr) }
}
