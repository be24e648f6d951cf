import type { Expr, Statement } from "../devs/code.ts"
import { op, type OpName } from "../devs/opcodes.ts"

/** An operation as the decoder would give it. */
export function expression(name: OpName, immediate = -1, ...args: Expr[]): Expr {
    return { kind: "op", op: op[name], immediate, args }
}

export function integer(value: number): Expr {
    return { kind: "int", value }
}

/**
 * Code that the builder makes: statements of a program, in any order, and some of its own. Each statement gets a new place;
 * where one came from is kept for refusals.
 */
export class Sequence {
    readonly statements: Statement[] = []
    /** offset in `main` that the statement at a place came from */
    readonly origins: number[] = []

    get isEmpty(): boolean {
        return this.statements.length === 0
    }

    add(name: OpName, immediate: number, origin: number, ...args: Expr[]): void {
        const pc = this.statements.length
        this.statements.push({ pc, end: pc + 1, op: op[name], immediate, args })
        this.origins.push(origin)
    }

    /** Statements that stand one behind the other and jump only among themselves. */
    copy(statements: readonly Statement[]): void {
        const first = this.statements.length
        const places = new Map(statements.map((s, i) => [s.pc, first + i]))
        for (const s of statements) {
            const pc = this.statements.length
            const immediate = s.op.immediate === "jump" ? (places.get(s.immediate) ?? first + statements.length) : s.immediate
            this.statements.push({ ...s, pc, end: pc + 1, immediate })
            this.origins.push(s.pc)
        }
    }

    /** Statements that run only if the condition holds. */
    when(condition: Expr, origin: number, body: () => void): void {
        const at = this.statements.length
        this.add("JMP_Z", 0, origin, condition)
        body()
        this.statements[at] = { ...this.statements[at], immediate: this.statements.length }
    }

    /** The whole as a function's code. */
    finish(): Statement[] {
        const pc = this.statements.length
        return [...this.statements, { pc, end: pc + 1, op: op.RETURN, immediate: -1, args: [expression("UNDEFINED")] }]
    }
}
