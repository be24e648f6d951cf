import type { Expr } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"

/** What the ways of writing code in fewer bytes know of the operations. */

/** Control never goes on behind them. (`RE_THROW` of nothing does.) */
export const noFallThrough: ReadonlySet<OpName> = new Set<OpName>(["RETURN", "JMP", "THROW", "THROW_JMP", "END_TRY"])

export function writesResult(name: OpName): boolean {
    return (
        name.startsWith("CALL") ||
        name.startsWith("ALLOC_") ||
        name === "INDEX_DELETE" ||
        name === "STORE_RET_VAL" ||
        name === "JMP_RET_VAL_Z" ||
        name === "CATCH" ||
        name === "FINALLY"
    )
}

const simple: ReadonlySet<OpName> = new Set<OpName>([
    "LOAD_LOCAL", "LOAD_GLOBAL", "RET_VAL", "UNDEFINED", "NULL", "TRUE", "FALSE", "NAN", "INF", "LITERAL_F64",
    "STATIC_FUNCTION", "STATIC_BUFFER", "STATIC_SPEC", "STATIC_BUILTIN_STRING", "STATIC_ASCII_STRING", "STATIC_UTF8_STRING",
])

/** Reading it has no effect and cannot throw. */
export function isSimple(e: Expr): boolean {
    return e.kind === "int" || (e.args.length === 0 && simple.has(e.op.name))
}
