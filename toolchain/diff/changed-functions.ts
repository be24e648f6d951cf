import type { Expr } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import { locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import type { MigrationPlan } from "./class-layout.ts"
import type { Comparison } from "./comparison.ts"
import type { Findings } from "./findings.ts"
import { functionText } from "./shape.ts"
import { touchingFunctions } from "./touching.ts"

/**
 * The functions of the next build that have to take the place of the base's: those that are different, and those that
 * `isAskedFor`. What cannot be replaced is refused.
 */
export function changedFunctions(both: Comparison, isAskedFor: (f: ProgramFunction) => boolean, findings: Findings): ProgramFunction[] {
    return both.next.functions.filter(f => {
        const before = both.before(f)
        if (f.owner === "entry" || before === undefined) return false
        if (both.hosts.has(before.index) && isAskedFor(f)) return true
        if (functionText(both.base.program, both.names(false), before) === functionText(both.next, both.names(true), f)) return false
        const why = irreplaceable(both, f, before)
        if (why) findings.refuse(why[0], f, why[1])
        return why === undefined
    })
}

function irreplaceable({ hosts }: Comparison, f: ProgramFunction, before: ProgramFunction): [Refusal["code"], string] | undefined {
    if (f.owner === "resident") return ["HOV102", "the resident's code is different"]
    if (f.owner === "library") return ["HOV105", "a library function is different"]
    if (!hosts.has(before.index)) return ["HOV106", `it has ${before.devs.args} parameters`]
    if (f.devs.args > before.devs.args) return ["HOV115", `it has ${f.devs.args - before.devs.args} more parameters than before`]
    const kind = FunctionFlag.isConstructor | FunctionFlag.needsThis | FunctionFlag.hasRestArgument
    return (f.devs.flags & kind) === (before.devs.flags & kind) ? undefined : ["HOV115", "it was called in another way before"]
}

/** Functions that are as they were, and use fields that objects have to be brought up for. */
export function functionsToBringUp(both: Comparison, rules: readonly MigrationPlan[], findings: Findings): ProgramFunction[] {
    const byName = (all: readonly { readonly fields: readonly string[]; readonly of: number }[]) => {
        const found = new Map<string, Set<number>>()
        for (const { fields, of } of all) for (const field of fields) found.set(field, (found.get(field) ?? new Set()).add(of))
        return found
    }
    const touching = touchingFunctions(both.next, {
        added: byName(rules.map(r => ({ fields: r.fields, of: both.nextNumbers.get(r.baseConstructor)! }))),
        migrated: byName(both.migrations.map(m => ({ fields: m.fields, of: m.constructorIndex }))),
    })
    return [...touching].filter(f => {
        const before = both.before(f)
        if (before === undefined) return false
        if (both.hosts.has(before.index)) return true
        findings.refuse("HOV106", f, `it has ${f.devs.args} parameters, and uses a field that objects get by the update`)
        return false
    })
}

/** Callbacks that functions of the base may have registered, and that the next build makes as other functions. */
export function staleCallbacks({ base: { program }, next, match }: Comparison): Refusal[] {
    return match.successors.flatMap(([n, b]) => {
        const f = next.functions[n]
        const isRegistered = program.functions.some(g => g.owner === "app" && handsOut(g, b))
        return f.owner === "app" && isRegistered ? [refusal("HOV119", f.name, locate(next, n, 0), "it is another function than before")] : []
    })
}

/** Whether a function's code uses another one as a value. */
function handsOut(g: ProgramFunction, index: number): boolean {
    return g.statements.some(s => {
        let found = false
        const visit = (e: Expr, isCallee: boolean): void => {
            if (e.kind === "int") return
            const isIt = e.immediate === index && (e.op.name === "MAKE_CLOSURE" || e.op.name === "STATIC_FUNCTION")
            if (isIt && !isCallee) found = true
            for (const x of e.args) visit(x, false)
        }
        s.args.forEach((e, i) => visit(e, i === 0 && s.op.name.startsWith("CALL")))
        return found
    })
}
