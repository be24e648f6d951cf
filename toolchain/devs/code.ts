import { DevsError } from "./errors.ts"
import { DIRECT_CONST_OFFSET, DIRECT_CONST_OPCODE, FIRST_MULTIBYTE_INT, type ImmediateKind, type Opcode, opcodeOf } from "./opcodes.ts"

/** Bytecode as trees: what the compiler's expression stack held when a statement ran. */
export type Expr =
    | { readonly kind: "int"; readonly value: number }
    | { readonly kind: "op"; readonly op: Opcode; readonly immediate: number; readonly args: readonly Expr[]; /** offset of the opcode */ readonly pc?: number }

export interface Statement {
    /** offset in the function's code at which the first byte of the statement's expressions stands */
    readonly pc: number
    /** offset behind the statement */
    readonly end: number
    readonly op: Opcode
    /** for a jump the offset it goes to, else the integer behind the opcode, or -1 */
    readonly immediate: number
    readonly args: readonly Expr[]
}

/**
 * Decodes a function's code. The zero bytes that pad a body are left out (opcode 0 does not exist).
 * Throws DevsError on code that the VM would panic on.
 */
export function decodeCode(code: Uint8Array): Statement[] {
    let pc = 0
    const readInt = (): number => {
        const first = code[pc++]
        if (first < FIRST_MULTIBYTE_INT) return first
        let value = 0
        for (let i = 0; i < (first & 3) + 1; i++) value = value * 256 + code[pc++]
        return first & 4 ? -value : value | 0
    }
    const statements: Statement[] = []
    let stack: Expr[] = []
    let start = 0
    while (pc < code.length) {
        const at = pc
        const byte = code[pc++]
        if (byte === 0 && stack.length === 0) break
        if (byte >= DIRECT_CONST_OPCODE) {
            stack.push({ kind: "int", value: byte - DIRECT_CONST_OPCODE - DIRECT_CONST_OFFSET })
            continue
        }
        const op = opcodeOf(byte)
        if (!op) throw new DevsError(`unknown opcode ${byte} at ${at}`)
        let immediate = op.immediate === undefined ? -1 : readInt()
        if (op.immediate === "jump") immediate += at
        if (stack.length < op.operands) throw new DevsError(`${op.name} at ${at} lacks operands`)
        const args = op.operands === 0 ? [] : stack.splice(stack.length - op.operands)
        if (op.isStatement) {
            if (stack.length) throw new DevsError(`${op.name} at ${at} leaves values on the stack`)
            statements.push({ pc: start, end: pc, op, immediate, args })
            stack = []
            start = pc
        } else if (op.name === "LITERAL") stack.push({ kind: "int", value: immediate })
        else stack.push({ kind: "op", op, immediate, args, pc: at })
    }
    if (stack.length) throw new DevsError("code ends inside of an expression")
    return statements
}

/** Calls `visit` for every expression of a statement, operands before what uses them. */
export function visitExprs(args: readonly Expr[], visit: (e: Expr) => void): void {
    for (const e of args) {
        if (e.kind === "op") visitExprs(e.args, visit)
        visit(e)
    }
}

/** The same expression with other numbers behind its operations: an operation's before those of its operands. */
export function mapImmediates(e: Expr, change: (kind: ImmediateKind | undefined, value: number) => number): Expr {
    if (e.kind === "int") return e
    return { ...e, immediate: change(e.op.immediate, e.immediate), args: e.args.map(a => mapImmediates(a, change)) }
}

/** The expression with others in the place of parts of it; where nothing is replaced, the same object. */
export function replaceExprs(e: Expr, instead: (e: Expr & { kind: "op" }) => Expr | undefined): Expr {
    if (e.kind === "int") return e
    const other = instead(e)
    if (other) return other
    const args = e.args.map(a => replaceExprs(a, instead))
    return args.some((a, i) => a !== e.args[i]) ? { ...e, args } : e
}
