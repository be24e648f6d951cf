import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { type NeverWaiting, neverWaiting } from "../link/waiting.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"
import { signatureOf } from "../program/waiting-functions.ts"
import { liveness } from "../translate/liveness.ts"
import { tryRegions } from "../translate/try-regions.ts"
import { stringOf } from "./class-layout.ts"
import type { Match } from "./match.ts"
import { Reach } from "./reach.ts"
import { fieldName, isField } from "./value-uses.ts"

/** A call that has begun in the base's code and waits would go on with something that the update has given another form. */
export interface Mixing {
    /** function of the base */
    readonly functionIndex: number
    /** what it would meet */
    readonly what: string
    /** offset in the base's code where it would */
    readonly pc: number
    /** it stands in a loop without an end of its own */
    readonly isEndless: boolean
}

export interface MixingInput {
    readonly base: CompiledProgram
    readonly next: CompiledProgram
    readonly match: Match
    /** functions of the base whose code is another one, or gone */
    readonly isReplaced: (baseIndex: number) => boolean
    /** functions of the base whose calls may wait */
    readonly waiting: ReadonlySet<number>
    /** fields that a declared migration changes, and the classes' names */
    readonly migratedFields: ReadonlyMap<string, string>
    /** whether new code takes over the loop of a function of the base that begins at this place */
    readonly isTakenOver: (baseIndex: number, headPc: number) => boolean
}

/**
 * Changes that must not mix: a function that kept its place but is called in another way, and a field that a migration renames,
 * in code that is old and waits in front of them. Code of the base that calls anew calls new code, so only what stands behind
 * a wait counts, up to where new code takes over.
 */
export function mixing(input: MixingInput): Mixing[] {
    const { base, waiting, isReplaced, migratedFields } = input
    const changed = changedSignatures(input)
    if (!changed.functions.size && !migratedFields.size) return []
    const never = neverWaiting(base)
    return base.functions.flatMap((f): Mixing[] => {
        if ((f.owner !== "app" && f.index !== 0) || !waiting.has(f.index) || !isReplaced(f.index)) return []
        const statements = f.index === 0 ? f.statements.slice(entrySplit(base)) : f.statements
        const meets = (s: Statement) => whatIsMet(base, s, changed, migratedFields)
        const found = behindAWait(input, f, statements, never, meets)
        return found ? [{ functionIndex: f.index, ...found }] : []
    })
}

interface ChangedSignatures {
    readonly functions: ReadonlyMap<number, string>
    /** methods are called by their names */
    readonly methods: ReadonlyMap<string, string>
}

function changedSignatures({ base, next, match, isReplaced }: MixingInput): ChangedSignatures {
    const functions = new Map<number, string>()
    for (const [n, b] of match.functions) {
        const [before, after] = [base.functions[b], next.functions[n]]
        if (after.owner !== "app" || !isReplaced(b) || signatureOf(base, before) === signatureOf(next, after)) continue
        functions.set(b, `${before.name}, which is called in another way now`)
    }
    const methods = new Map<string, string>()
    for (const [name, own] of new Reach(base).methodsByName) for (const i of own) if (functions.has(i)) methods.set(name, functions.get(i)!)
    return { functions, methods }
}

function whatIsMet(program: CompiledProgram, s: Statement, changed: ChangedSignatures, fields: ReadonlyMap<string, string>): string | undefined {
    let found: string | undefined
    const field = (name: string | undefined) => {
        if (name !== undefined && fields.has(name)) found ??= `field ${name} of ${fields.get(name)}, which a migration changes`
    }
    visitExprs(s.args, (e: Expr) => {
        if (e.kind !== "op") return
        if (e.op.name === "STATIC_FUNCTION") found ??= changed.functions.get(e.immediate)
        if (isField(e)) {
            const name = fieldName(program, e)
            if (name !== undefined) found ??= changed.methods.get(name)
            field(name)
        }
    })
    if (s.op.name === "INDEX_SET" || s.op.name === "INDEX_DELETE") {
        field(stringOf(program.image, s.args[1]))
    }
    return found
}

/** The first statement that meets something, on a way from a call that may wait which no take-over cuts. */
function behindAWait(
    input: MixingInput,
    f: ProgramFunction,
    statements: readonly Statement[],
    never: NeverWaiting,
    meets: (s: Statement) => string | undefined,
): { what: string; pc: number; isEndless: boolean } | undefined {
    const { around } = tryRegions(statements)
    const { successors } = liveness(statements, around)
    const isCut = (from: number, to: number) => statements[from].op.name === "JMP" && to <= from && input.isTakenOver(f.index, statements[to].pc)
    const waits = statements.flatMap((s, k) => (s.op.name.startsWith("CALL") && never.mayWait(statements, k) ? [k] : []))
    const seen = new Set<number>()
    const queue = waits.flatMap(k => [...successors[k], ...around[k].map(r => r.handler)])
    for (let i = queue.pop(); i !== undefined; i = queue.pop()) {
        if (seen.has(i)) continue
        seen.add(i)
        const what = meets(statements[i])
        if (what !== undefined) return { what, pc: statements[i].pc, isEndless: !canEnd(statements, successors, i) }
        for (const to of successors[i]) if (!isCut(i, to)) queue.push(to)
        for (const r of around[i]) queue.push(r.handler)
    }
    return undefined
}

/** Whether a way leads from a statement out of the function. */
function canEnd(statements: readonly Statement[], successors: readonly number[][], from: number): boolean {
    const seen = new Set<number>()
    const queue = [from]
    for (let i = queue.pop(); i !== undefined; i = queue.pop()) {
        if (seen.has(i)) continue
        seen.add(i)
        const { op, args } = statements[i]
        if (op.name === "RETURN" || i === statements.length - 1) return true
        // `while (true)`
        const isAlways = op.name === "JMP_Z" && args[0].kind === "op" && args[0].op.name === "TRUE"
        queue.push(...(isAlways ? [i + 1] : successors[i]))
    }
    return false
}
