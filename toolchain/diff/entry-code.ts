import type { Statement } from "../devs/code.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { locate } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import { commonSubsequence, type Match } from "./match.ts"
import { type Names, statementText } from "./shape.ts"

/** What an edit does to the code that runs once, at start: top-level statements and the filling of prototypes. */
export interface EntryChanges {
    /** statements to run when the image is activated */
    readonly initialise: readonly Statement[]
    readonly refusals: readonly Refusal[]
}

export function entryChanges(base: CompiledProgram, next: CompiledProgram, match: Match): EntryChanges {
    const names: Names = {
        function: i => (match.functions.has(i) ? `b${match.functions.get(i)}` : `n${i}`),
        global: g => (match.globals.has(g) ? `b${match.globals.get(g)}` : `n${g}`),
    }
    const baseNames: Names = { function: i => `b${i}`, global: g => `b${g}` }
    const refusals: Refusal[] = []
    const initialise: Statement[] = []
    for (const index of [1, 0]) {
        const changes = statementChanges(base, baseNames, next, names, index)
        for (const s of changes) {
            if (index === 1 && s.op.name === "INDEX_SET") initialise.push(s)
            else if (isNewGlobal(s, match)) initialise.push(s)
            else
                refusals.push(
                    refusal("HOV101", "top-level code", locate(next, index, s.pc), "a statement was added, changed or removed"),
                )
        }
    }
    return { initialise: initialise.length ? renumber(initialise) : [], refusals: refusals.slice(0, 1) }
}

function isNewGlobal(s: Statement, match: Match): boolean {
    return s.op.name === "STORE_GLOBAL" && !match.globals.has(s.immediate) && !JSON.stringify(s.args).includes("RET_VAL")
}

/** Statements of the new build that the base does not have; a removed one is found as a change of what follows it. */
function statementChanges(base: CompiledProgram, baseNames: Names, next: CompiledProgram, names: Names, index: number): Statement[] {
    const texts = (p: CompiledProgram, n: Names) => {
        const statements = p.functions[index].statements
        const positions = new Map(statements.map((s, i) => [s.pc, i]))
        return statements.map((s, i) => statementText(p, n, s, positions, i))
    }
    const a = texts(next, names)
    const b = texts(base, baseNames)
    const common = commonSubsequence(a, b)
    const kept = new Set(common.map(([i]) => i))
    const keptInBase = new Set(common.map(([, j]) => j))
    const added = next.functions[index].statements.filter((_, i) => !kept.has(i))
    const removed = index === 0 ? base.functions[0].statements.filter((_, j) => !keptInBase.has(j)) : []
    return [...added, ...removed]
}

function renumber(statements: readonly Statement[]): Statement[] {
    return statements.map((s, i) => ({ ...s, pc: i, end: i + 1 }))
}
