import { type Expr, mapImmediates, type Statement } from "../devs/code.ts"
import type { ImmediateKind } from "../devs/opcodes.ts"
import type { Scope } from "../translate/scope.ts"

/**
 * Code made of statements of both builds: what stands for the base's things has its numbers moved up by so much, so that
 * one scope can tell them apart.
 */
const baseOffset = 1 << 24
/** The resident's `records`, as a global that neither build has. */
export const recordsMarker = 1 << 25

const moved: ReadonlySet<ImmediateKind> = new Set<ImmediateKind>(["global", "function", "asciiString", "utf8String", "buffer", "spec", "float"])

export function ofBase(statements: readonly Statement[]): Statement[] {
    return statements.map(s => ({ ...s, immediate: immediate(s.op.immediate, s.immediate), args: s.args.map(exprOfBase) }))
}

export function exprOfBase(e: Expr): Expr {
    return mapImmediates(e, immediate)
}

function immediate(kind: ImmediateKind | undefined, value: number): number {
    return kind && moved.has(kind) && value !== recordsMarker ? value + baseOffset : value
}

/** What numbers stand for in such code. */
export function scopeOfBoth(base: Scope, next: Scope, recordsGlobal: number): Scope {
    const pick = (index: number): [Scope, number] => (index >= baseOffset ? [base, index - baseOffset] : [next, index])
    const ask = <T>(index: number, answer: (scope: Scope, index: number) => T): T => answer(...pick(index))
    return {
        ...next,
        global: index => (index === recordsMarker ? { base: recordsGlobal } : ask(index, (s, i) => s.global(i))),
        function: index => ask(index, (s, i) => s.function(i)),
        isConstructor: index => ask(index, (s, i) => s.isConstructor(i)),
        closure: index => ask(index, (s, i) => s.closure(i)),
        string: (table, index) => (table === "builtin" ? next.string(table, index) : ask(index, (s, i) => s.string(table, i))),
        buffer: index => ask(index, (s, i) => s.buffer(i)),
        float: index => ask(index, (s, i) => s.float(i)),
        spec: (index, prototype) => ask(index, (s, i) => s.spec(i, prototype)),
    }
}
