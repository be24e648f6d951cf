import type { Statement } from "../devs/code.ts"
import { accumulatorSlot, registerCount } from "../executor/frame.ts"
import { temporaryRegisters } from "../executor/operations.ts"
import { definedBy, type Liveness, RETURN_VALUE, usesOf } from "./liveness.ts"

/** Where a variable lives while replaced code runs: a register, the spill array, or its slot behind the executor's. */
export type Place = { readonly register: number } | { readonly spill: number } | { readonly slot: number }

export interface Allocation {
    readonly places: ReadonlyMap<number, Place>
    /** whether what finds no register may go to the spill array */
    readonly spills: boolean
    /** variables in the spill array; what expressions keep there in passing comes behind them */
    readonly spillCount: number
    /** registers that hold nothing of use during statement i */
    freeAt(i: number): number[]
}

export interface AllocationInput {
    readonly statements: readonly Statement[]
    readonly live: Liveness
    /** parameters are in their slots on entry */
    readonly parameterCount: number
    /** captured variables must be where inner functions look for them */
    readonly pinned: ReadonlyMap<number, number>
    /** `ret_val` is needed later than the statement after the one that set it */
    readonly keepsReturnValue: boolean
    /** registers to leave to what expressions need in passing; `undefined`: none, and no spill array */
    readonly temporaries: number | undefined
}

/**
 * Gives every variable a register, by colouring the graph of variables that are in use at the same time, those in the
 * innermost loops first. What finds no register goes to a spill array. Returns undefined when it would have to and must not.
 */
export function allocate(input: AllocationInput): Allocation | undefined {
    const variables = collectVariables(input)
    const weights = weigh(input.statements, variables)
    const conflicts = interference(input, variables)
    const pinned = new Set(input.pinned.values())
    const withheld = general.filter(r => !pinned.has(r)).slice(0, input.temporaries ?? 0)
    const places = colour(input, variables, weights, conflicts, withheld)
    return places && finish(input, places)
}

/** General registers, those that parameters arrive in last. */
const general = Array.from({ length: temporaryRegisters }, (_, i) => temporaryRegisters - 1 - i)

function collectVariables(input: AllocationInput): number[] {
    const found = new Set<number>()
    for (const s of input.statements) {
        for (const v of usesOf(s)) found.add(v)
        const d = definedBy(s)
        if (d !== undefined) found.add(d)
    }
    for (let p = 0; p < input.parameterCount; p++) found.add(p)
    if (!input.keepsReturnValue) found.delete(RETURN_VALUE)
    return [...found]
}

/** Uses and stores, times ten for each loop around them. */
function weigh(statements: readonly Statement[], variables: readonly number[]): Map<number, number> {
    const depth = new Array<number>(statements.length).fill(0)
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    statements.forEach((s, i) => {
        if (s.op.immediate !== "jump" || s.immediate > s.pc) return
        for (let k = at.get(s.immediate)!; k <= i; k++) depth[k]++
    })
    const weights = new Map(variables.map(v => [v, 0]))
    const count = (v: number, i: number) => weights.has(v) && weights.set(v, weights.get(v)! + 10 ** Math.min(depth[i], 4))
    statements.forEach((s, i) => {
        for (const v of usesOf(s)) count(v, i)
        const d = definedBy(s)
        if (d !== undefined) count(d, i)
    })
    return weights
}

function interference(input: AllocationInput, variables: readonly number[]): Map<number, Set<number>> {
    const conflicts = new Map(variables.map(v => [v, new Set<number>()]))
    const clash = (group: Iterable<number>) => {
        const known = [...group].filter(v => conflicts.has(v))
        for (const v of known) for (const w of known) if (v !== w) conflicts.get(v)!.add(w)
    }
    input.statements.forEach((s, i) => {
        const after = new Set(input.live.liveOut[i])
        const d = definedBy(s)
        if (d !== undefined) after.add(d)
        clash(after)
        clash(input.live.liveIn[i])
    })
    const atEntry = new Set(input.live.liveIn[0] ?? [])
    for (let p = 0; p < input.parameterCount; p++) atEntry.add(p)
    clash(atEntry)
    return conflicts
}

function colour(
    input: AllocationInput,
    variables: readonly number[],
    weights: ReadonlyMap<number, number>,
    conflicts: ReadonlyMap<number, ReadonlySet<number>>,
    withheld: readonly number[],
): Map<number, Place> | undefined {
    const places = new Map<number, Place>()
    for (const [variable, slot] of input.pinned) {
        places.set(variable, slot < registerCount ? { register: slot } : { slot })
    }
    let spills = 0
    const order = variables
        .filter(v => !places.has(v))
        .sort((v, w) => Number(isParameter(input, w)) - Number(isParameter(input, v)) || weights.get(w)! - weights.get(v)!)
    for (const v of order) {
        const taken = new Set<number>(withheld)
        for (const c of conflicts.get(v)!) {
            const place = places.get(c)
            if (place && "register" in place) taken.add(place.register)
        }
        // a parameter that stays where the caller put it needs no move
        const own = isParameter(input, v) && v < registerCount && !taken.has(v) ? v : undefined
        const register = own ?? lowest(taken)
        if (register !== undefined && (own !== undefined || !isParameter(input, v))) places.set(v, { register })
        else if (input.temporaries === undefined) return undefined
        else places.set(v, { spill: spills++ })
    }
    return places
}

function isParameter(input: AllocationInput, v: number): boolean {
    return v >= 0 && v < input.parameterCount
}

function lowest(taken: ReadonlySet<number>): number | undefined {
    for (let r = 0; r < registerCount; r++) if (!taken.has(r)) return r
    return undefined
}

function finish(input: AllocationInput, places: Map<number, Place>): Allocation {
    const registerOf = (v: number): number | undefined => {
        const place = places.get(v)
        return place && "register" in place ? place.register : undefined
    }
    return {
        places,
        spills: input.temporaries !== undefined,
        spillCount: [...places.values()].filter(p => "spill" in p).length,
        freeAt(i) {
            const busy = new Set<number>()
            const mark = (v: number) => {
                const r = registerOf(v)
                if (r !== undefined) busy.add(r)
            }
            for (const v of input.live.liveIn[i]) mark(v)
            for (const v of input.live.liveOut[i]) mark(v)
            for (const v of usesOf(input.statements[i])) mark(v)
            const d = definedBy(input.statements[i])
            if (d !== undefined) mark(d)
            return Array.from({ length: registerCount }, (_, r) => r).filter(r => !busy.has(r))
        },
    }
}

/** Parameters that arrive in a register but live in the spill array, and the ninth, which arrives in A. */
export function entryMoves(allocation: Allocation, parameterCount: number): { slot: number; spill: number }[] {
    const moves: { slot: number; spill: number }[] = []
    for (let p = 0; p < parameterCount; p++) {
        const place = allocation.places.get(p)
        if (place && "spill" in place) moves.push({ slot: p, spill: place.spill })
    }
    return moves.sort((x, y) => Number(y.slot === accumulatorSlot) - Number(x.slot === accumulatorSlot))
}
