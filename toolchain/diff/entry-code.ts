import type { Statement } from "../devs/code.ts"
import { builtinStrings } from "../devs/builtins.ts"
import { type CompiledProgram, entrySplit, locate, sourceOffset } from "../program/compiled-program.ts"
import { sourcePosition } from "../program/debug-info.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import { isMigrateCall } from "./declared-migrations.ts"
import { commonSubsequence, type Match } from "./match.ts"
import { type Names, statementText } from "./shape.ts"

/**
 * What an edit does to the code that runs once, at start: the filling of prototypes and top-level statements.
 *
 * At boot an image with changed top-level code runs all of the new one in the place of the base's, so booting base and
 * image is booting the new build. In a running program the old one has run: only what is named here is done.
 *
 * | top-level change | when the image goes live |
 * |---|---|
 * | new global | gets its first value |
 * | first value of a `const` | is set again |
 * | first value of a `let` | keeps its live value until the next boot |
 * | `migrate(…)` | holds from now on |
 * | a line printed at start | nothing: it was printed |
 * | anything else | refused |
 */
export interface EntryChanges {
    /** the application's top-level code is not the base's */
    readonly changed: boolean
    /** statements of `prototype` that the base lacks */
    readonly initialise: readonly Statement[]
    /** statements to run when the image goes live */
    readonly goLive: readonly Statement[]
    readonly refusals: readonly Refusal[]
}

export function entryChanges(base: CompiledProgram, next: CompiledProgram, match: Match, names: Names, baseNames: Names): EntryChanges {
    const prototypes = difference(base, baseNames, next, names, 1, 0, 0)
    const topLevel = difference(base, baseNames, next, names, 0, entrySplit(base), entrySplit(next))
    const refusals: Refusal[] = []
    const refuse = (program: CompiledProgram, index: number, s: Statement, detail: string) =>
        refusals.push(refusal("HOV101", "top-level code", locate(program, index, s.pc), detail))
    for (const s of prototypes.added.flat())
        if (s.op.name !== "INDEX_SET") refuse(next, 1, s, "a class changed in a way that cannot go live")
    const goLive: Statement[] = []
    for (const run of topLevel.added) {
        let pending: Statement[] = []
        for (const s of run) {
            if (s.op.name === "STORE_GLOBAL") {
                if (!match.globals.has(s.immediate) || isConstant(next, s)) goLive.push(...pending, s)
                pending = []
            } else if (isMigrateCall(next, s)) {
                goLive.push(...pending, s)
                pending = []
            } else if (isPrint(s)) pending = []
            else pending.push(s)
        }
        if (pending.length) refuse(next, 0, pending[0], "a statement was added or changed")
    }
    for (const run of topLevel.removed) {
        const rest = run.slice(run.findLastIndex(s => s.op.name === "STORE_GLOBAL" || isPrint(s)) + 1)
        if (rest.length) refuse(base, 0, rest[0], "a statement was removed or changed")
    }
    return {
        changed: topLevel.added.length > 0 || topLevel.removed.length > 0,
        initialise: renumber(prototypes.added.flat()),
        goLive: renumber(goLive),
        refusals: refusals.slice(0, 1),
    }
}

/** Whether the statement stores the first value of a variable declared with `const`. */
function isConstant(program: CompiledProgram, s: Statement): boolean {
    const offset = sourceOffset(program, 0, s.pc)
    const name = program.debug.globals[s.immediate]?.name
    if (offset === undefined || name === undefined) return false
    const source = program.debug.sources.find(f => f.path === sourcePosition(program.debug, offset)?.path)
    return new RegExp(`\\bconst\\b[^;\\n]*\\b${name.replace(/\$/g, "\\$")}\\b`).test(source?.text ?? "")
}

function isPrint(s: Statement): boolean {
    if (!s.op.name.startsWith("CALL")) return false
    const callee = s.args[0]
    return callee.kind === "op" && callee.op.name === "DS_FIELD" && ["print", "format"].includes(builtinStrings[callee.immediate])
}

interface Difference {
    /** runs of statements that only the new build has */
    added: Statement[][]
    removed: Statement[][]
}

function difference(
    base: CompiledProgram,
    baseNames: Names,
    next: CompiledProgram,
    names: Names,
    index: number,
    baseFrom: number,
    nextFrom: number,
): Difference {
    const nextStatements = next.functions[index].statements.slice(nextFrom)
    const baseStatements = base.functions[index].statements.slice(baseFrom)
    const a = texts(next, names, nextStatements)
    const b = texts(base, baseNames, baseStatements)
    const common = commonSubsequence(a, b)
    return {
        added: runsWithout(nextStatements, new Set(common.map(([i]) => i))),
        removed: runsWithout(baseStatements, new Set(common.map(([, j]) => j))),
    }
}

function texts(program: CompiledProgram, names: Names, statements: readonly Statement[]): string[] {
    const positions = new Map(statements.map((s, i) => [s.pc, i]))
    return statements.map((s, i) => statementText(program, names, s, positions, i))
}

function runsWithout(statements: readonly Statement[], kept: ReadonlySet<number>): Statement[][] {
    const runs: Statement[][] = []
    statements.forEach((s, i) => {
        if (kept.has(i)) return
        if (i > 0 && !kept.has(i - 1) && runs.length) runs[runs.length - 1].push(s)
        else runs.push([s])
    })
    return runs
}

/** Statements from different places as a function of their own. */
function renumber(statements: readonly Statement[]): Statement[] {
    return statements.map((s, i) => ({ ...s, pc: i, end: i + 1 }))
}
