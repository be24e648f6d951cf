import type { Assembler, Expression } from "./assembler.ts"
import type { Expr, Statement } from "./code.ts"

/** A decoded expression in the form that the assembler takes. */
export function expressionOf(e: Expr): Expression {
    if (e.kind === "int") return e.value
    const args = e.args.map(expressionOf)
    return e.op.immediate === undefined ? [e.op.name, ...args] : [e.op.name, e.immediate, ...args]
}

/** Names the place of a statement in reassembled code, by its offset in the code it came from. */
export function placeOf(pc: number): string {
    return `pc${pc}`
}

/** @param label names the place that a jump goes to, by its offset in the code it came from */
export function emitStatement(a: Assembler, s: Statement, label: (pc: number) => string = placeOf): void {
    const args = s.args.map(expressionOf)
    if (s.op.immediate === undefined) a.emit(s.op.name, ...args)
    else a.emit(s.op.name, s.op.immediate === "jump" ? label(s.immediate) : s.immediate, ...args)
}

/**
 * Writes decoded statements again, with room to put others between them: jumps find their way by label.
 *
 * @param instead emits other code for a statement and returns true, or returns false
 * @param behind emits more code behind a statement
 */
export function reassemble(
    a: Assembler,
    statements: readonly Statement[],
    instead: (s: Statement) => boolean = () => false,
    behind: (s: Statement) => void = () => undefined,
): void {
    for (const s of statements) {
        a.label(placeOf(s.pc))
        if (instead(s)) continue
        emitStatement(a, s)
        behind(s)
    }
}
