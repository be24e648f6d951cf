import type { Expr, Statement } from "../devs/code.ts"
import { noFallThrough } from "./code-facts.ts"

/** A statement that is being rewritten. */
export interface Line extends Statement {
    op: Statement["op"]
    args: readonly Expr[]
    immediate: number
    removed?: boolean
}

/** The statements of a function while they are rewritten: those that are removed keep their places, and lead on to the next. */
export class CodeLines {
    readonly statements: readonly Line[]
    private readonly indexOf: ReadonlyMap<number, number>

    constructor(statements: readonly Statement[]) {
        this.statements = statements.map(s => ({ ...s }))
        this.indexOf = new Map(statements.map((s, i) => [s.pc, i]))
    }

    /** The first statement that is still there, from this one on. */
    alive(i: number): number {
        while (this.statements[i]?.removed) i++
        return i
    }

    /** The statement that leads on to this one by being in front of it. */
    before(i: number): number | undefined {
        let before = i - 1
        while (this.statements[before]?.removed) before--
        const s = this.statements[before]
        return s && !noFallThrough.has(s.op.name) ? before : undefined
    }

    isJump(s: Line): boolean {
        return s.op.immediate === "jump"
    }

    target(s: Line): number {
        return this.alive(this.indexOf.get(s.immediate)!)
    }

    /** Statements that jumps lead to. */
    joins(): Set<number> {
        return new Set(this.statements.filter(s => !s.removed && this.isJump(s)).map(s => this.target(s)))
    }
}
