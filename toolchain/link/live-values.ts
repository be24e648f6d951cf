import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { noFallThrough, writesResult } from "./code-facts.ts"

/** Stands for the result of the last call among the locals: it is written and read like one. */
export const RESULT = -1

export const isLocal = (e: Expr): e is Expr & { kind: "op" } => e.kind === "op" && e.op.name === "LOAD_LOCAL"

/** The local, or `RESULT`, that an expression is. */
export function readBy(e: Expr): number | undefined {
    if (isLocal(e)) return e.immediate
    return e.kind === "op" && e.op.name === "RET_VAL" ? RESULT : undefined
}

/** The local, or `RESULT`, that a statement puts a value into. */
export function written(s: Statement): number | undefined {
    if (s.op.name === "STORE_LOCAL") return s.immediate
    return writesResult(s.op.name) ? RESULT : undefined
}

/** Locals, and the result of the last call, that may be read behind and in front of each statement before they are written. */
export interface Liveness {
    readonly behind: readonly ReadonlySet<number>[]
    readonly inFront: readonly ReadonlySet<number>[]
    /** What a handler may read, which an exception anywhere may lead to. */
    readonly atHandlers: ReadonlySet<number>
}

/** @param statements of a whole function; those that are removed are passed over, their sets stay empty */
export function liveValues(statements: readonly (Statement & { readonly removed?: boolean })[]): Liveness {
    const indexOf = new Map(statements.map((s, i) => [s.pc, i]))
    const behind = statements.map(() => new Set<number>())
    const inFront = statements.map(() => new Set<number>())
    const from = (i: number): ReadonlySet<number> => {
        while (statements[i]?.removed) i++
        return inFront[i] ?? new Set()
    }
    const present = statements.filter(s => !s.removed)
    // an exception, or a jump out of a try block by way of its `finally`, may come to any of these from anywhere
    const catches = present.some(s => s.op.name === "TRY")
    const landings = catches ? present.filter(s => s.op.name === "TRY" || s.op.name === "THROW_JMP") : []
    for (let changed = true; changed; ) {
        changed = false
        for (let i = statements.length - 1; i >= 0; i--) {
            const s = statements[i]
            if (s.removed) continue
            const out = behind[i]
            const size = out.size + inFront[i].size
            if (s.op.immediate === "jump") for (const l of from(indexOf.get(s.immediate)!)) out.add(l)
            if (!noFallThrough.has(s.op.name)) for (const l of from(i + 1)) out.add(l)
            for (const landing of landings) for (const l of from(indexOf.get(landing.immediate)!)) out.add(l)
            for (const l of out) if (written(s) !== l) inFront[i].add(l)
            if (s.op.name === "JMP_RET_VAL_Z") inFront[i].add(RESULT)
            visitExprs(s.args, e => {
                const read = readBy(e)
                if (read !== undefined) inFront[i].add(read)
            })
            if (out.size + inFront[i].size !== size) changed = true
        }
    }
    return { behind, inFront, atHandlers: new Set(landings.flatMap(landing => [...from(indexOf.get(landing.immediate)!)])) }
}
