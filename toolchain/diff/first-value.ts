import { type Expr, replaceExprs, type Statement, visitExprs } from "../devs/code.ts"
import type { ProgramFunction } from "../program/compiled-program.ts"
import type { Reach } from "./reach.ts"

/** The statements of a constructor that give a field its first value, or why they cannot run apart from the rest of it. */
export type FirstValue = { readonly statements: readonly Statement[] } | { readonly reason: string }

/** Parameters that the constructor keeps as they are in a field of the object, as that field. */
export type KeptParameters = ReadonlyMap<number, Expr>

/**
 * The store itself, and in front of it what makes the value: `[]`, `{}`, `new Queue()`, a call that only computes. An older
 * object gets its field by running them again, so they may use nothing but what they make, `this` and globals.
 */
export function firstValue(f: ProgramFunction, store: Statement, reach: Reach, kept: KeptParameters): FirstValue {
    const statements = f.statements.map(s => withFields(s, kept))
    const at = f.statements.indexOf(store)
    store = statements[at]
    if (isConditional(statements, store)) return { reason: "gets its first value only on some ways through the constructor" }
    const open = used(store)
    let first = at
    while (open.size) {
        const s = statements[--first]
        if (!s || !makesOrFills(s, open)) return { reason: "takes its first value from the constructor's arguments or variables" }
        for (const x of made(s)) open.delete(x)
        for (const x of used(s)) open.add(x)
    }
    const chosen = statements.slice(first, at + 1)
    if (!reach.onlyComputes(chosen)) return { reason: "takes its first value from a call that has effects, or may wait" }
    const locals = new Set(chosen.flatMap(made).filter((x): x is number => x !== returnValue))
    if (isReadLater(statements.slice(at + 1), locals)) return { reason: "takes its first value from a variable that the constructor goes on using" }
    return { statements: chosen }
}

function withFields(s: Statement, kept: KeptParameters): Statement {
    return { ...s, args: s.args.map(arg => replaceExprs(arg, e => (e.op.name === "LOAD_LOCAL" ? kept.get(e.immediate) : undefined))) }
}

const returnValue = "ret_val"
type Variable = number | typeof returnValue

/** Variables that a statement reads; `this` is always there. */
function used(s: Statement): Set<Variable> {
    const found = new Set<Variable>()
    visitExprs(s.args, e => {
        if (e.kind !== "op") return
        if (e.op.name === "RET_VAL") found.add(returnValue)
        if (e.op.name === "LOAD_LOCAL" && e.immediate !== 0) found.add(e.immediate)
        // a variable of a function around it: no value of a later time is the one that the constructor saw
        if (e.op.name === "LOAD_CLOSURE") found.add(outer)
    })
    return found
}

/** Stands for variables that nothing in the constructor makes. */
const outer = -1

function made(s: Statement): Variable[] {
    if (s.op.name === "STORE_LOCAL") return [s.immediate]
    return s.op.name.startsWith("CALL") || s.op.name.startsWith("ALLOC") || s.op.name === "STORE_RET_VAL" ? [returnValue] : []
}

/** Whether a statement makes one of these variables, or puts something into the object that one of them holds. */
function makesOrFills(s: Statement, open: ReadonlySet<Variable>): boolean {
    if (made(s).some(x => open.has(x))) return true
    const target = s.op.name === "INDEX_SET" ? s.args[0] : s.op.name.startsWith("CALL") ? methodOwner(s.args[0]) : undefined
    return target?.kind === "op" && target.op.name === "LOAD_LOCAL" && open.has(target.immediate)
}

function methodOwner(callee: Expr): Expr | undefined {
    return callee.kind === "op" && callee.op.name === "BUILTIN_FIELD" ? callee.args[0] : undefined
}

/** Whether the constructor may come to its end without the statement, or run it twice. */
export function isConditional(statements: readonly Statement[], store: Statement): boolean {
    return statements.some(s => {
        if (s.op.immediate !== "jump") return false
        const [low, high] = s.immediate > s.pc ? [s.pc, s.immediate] : [s.immediate - 1, s.pc]
        return low < store.pc && store.pc < high
    })
}

function isReadLater(statements: readonly Statement[], locals: Set<number>): boolean {
    for (const s of statements) {
        if (!locals.size) return false
        for (const x of used(s)) if (x !== returnValue && locals.has(x)) return true
        if (s.op.name === "STORE_LOCAL") locals.delete(s.immediate)
    }
    return false
}
