import { type Expr, mapImmediates, type Statement } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"

/**
 * Rewrites a function so that it never stores to its parameters: a call that throws on trial is made again on the older
 * code, in the same frame, which must find its arguments as they came. Each parameter that is assigned gets a copy.
 */
export function keepsParameters(statements: readonly Statement[], parameterCount: number, slots: number): readonly Statement[] {
    const copies = new Map<number, number>()
    for (const s of statements)
        if (s.op.name === "STORE_LOCAL" && s.immediate < parameterCount && !copies.has(s.immediate))
            copies.set(s.immediate, slots + copies.size)
    if (!copies.size) return statements
    const expr = (e: Expr) => mapImmediates(e, (kind, value) => (kind === "local" ? (copies.get(value) ?? value) : value))
    const prologue = [...copies].map(
        ([parameter, copy], i): Statement => ({
            // before all code of the function, in an order of its own
            pc: -copies.size + i,
            end: 0,
            op: op.STORE_LOCAL,
            immediate: copy,
            args: [{ kind: "op", op: op.LOAD_LOCAL, immediate: parameter, args: [] }],
        }),
    )
    const body = statements.map(s => ({
        ...s,
        immediate: s.op.name === "STORE_LOCAL" ? (copies.get(s.immediate) ?? s.immediate) : s.immediate,
        args: s.args.map(expr),
    }))
    return [...prologue, ...body]
}
