import type { Expr, Statement } from "../devs/code.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { readBy } from "./live-values.ts"

/** What is known of values of which only counts whether they are true. */

/** Whether a store stores what counts as true; undefined when that is not known. */
export function constantOf(s: Statement): boolean | undefined {
    if (s.op.name !== "STORE_LOCAL" && s.op.name !== "STORE_RET_VAL") return undefined
    const value = s.args[0]
    if (value.kind === "int") return value.value !== 0
    if (value.op.name === "TRUE") return true
    return ["FALSE", "UNDEFINED", "NULL"].includes(value.op.name) ? false : undefined
}

const turned: Partial<Record<OpName, OpName>> = { EQ: "NE", NE: "EQ" }

/** A condition in fewer operations. */
export function truth(e: Expr): Expr {
    if (e.kind === "int") return e
    if (e.op.name === "TO_BOOL") return truth(e.args[0])
    if (e.op.name !== "NOT") return e
    const inner = truth(e.args[0])
    const without = inner.kind === "op" && (inner.op.name === "NOT" || turned[inner.op.name]) ? opposite(inner) : undefined
    return without ?? (inner === e.args[0] ? e : { ...e, args: [inner] })
}

export function opposite(e: Expr): Expr {
    if (e.kind === "op" && e.op.name === "NOT") return truth(e.args[0])
    const other = e.kind === "op" ? turned[e.op.name] : undefined
    if (e.kind === "op" && other) return { ...e, op: op[other] }
    return { kind: "op", op: op.NOT, immediate: -1, args: [e] }
}

/** A condition that is a local, or the last result, or the opposite of one. */
export function truthOf(e: Expr): { local: number; negated: boolean } | undefined {
    if (e.kind === "int") return undefined
    const read = readBy(e)
    if (read !== undefined) return { local: read, negated: false }
    if (e.op.name !== "NOT") return undefined
    const inner = truthOf(e.args[0])
    return inner && { local: inner.local, negated: !inner.negated }
}
