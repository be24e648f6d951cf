import { builtinStringIndex } from "../devs/builtins.ts"
import type { Expr, Statement } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import { op } from "../devs/opcodes.ts"
import type { AddedKind } from "../format/image.ts"
import type { ProgramFunction } from "../program/compiled-program.ts"
import { expression, integer } from "./sequence.ts"

/** What a function that the base does not have is to its callers. */
export function addedKind(f: ProgramFunction): AddedKind {
    const { flags } = f.devs
    const hasThis = (flags & FunctionFlag.needsThis) !== 0
    if (flags & FunctionFlag.hasRestArgument) return hasThis ? "rest method" : "rest function"
    return hasThis ? "method" : "function"
}

/**
 * A function with a rest parameter gets all arguments of its callers in one array, in the place of the first parameter:
 * in front of its own code they are handed out.
 */
export function takesRest(f: ProgramFunction, statements: readonly Statement[]): { statements: readonly Statement[]; parameterCount: number } {
    const { args, flags, slots } = f.devs
    if (!(flags & FunctionFlag.hasRestArgument)) return { statements, parameterCount: args }
    const arrival = flags & FunctionFlag.needsThis ? 1 : 0
    const named = args - 1 - arrival
    const parameterCount = arrival + 1
    if (named === 0) return { statements, parameterCount }
    const all = slots
    const prologue: Statement[] = []
    const store = (slot: number, value: Expr) => prologue.push(statement(op.STORE_LOCAL, slot, [value]))
    store(all, expression("LOAD_LOCAL", arrival))
    for (let i = 0; i < named; i++) store(arrival + i, expression("INDEX", -1, expression("LOAD_LOCAL", all), integer(i)))
    const slice = expression("BUILTIN_FIELD", builtinStringIndex("slice"), expression("LOAD_LOCAL", all))
    prologue.push(statement(op.CALL1, -1, [slice, integer(named)]))
    store(args - 1, expression("RET_VAL"))
    // before all code of the function
    return { statements: [...prologue.map((s, i) => ({ ...s, pc: i - 2 * prologue.length })), ...statements], parameterCount }
}

function statement(o: Statement["op"], immediate: number, args: readonly Expr[]): Statement {
    return { pc: 0, end: 0, op: o, immediate, args }
}
