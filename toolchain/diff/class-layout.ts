import type { Expr, Statement } from "../devs/code.ts"
import { type DevsImage, FunctionFlag } from "../devs/image.ts"
import { op } from "../devs/opcodes.ts"
import { builtinStrings } from "../devs/builtins.ts"
import { type CompiledProgram, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import { firstValue } from "./first-value.ts"
import { keptParameters } from "./kept-parameters.ts"
import type { Match } from "./match.ts"
import { Reach } from "./reach.ts"

/** Fields that a class got, and code that gives them to an object made without: `this` is parameter 0. */
export interface MigrationPlan {
    readonly className: string
    readonly baseConstructor: number
    readonly fields: readonly string[]
    readonly up: readonly Statement[]
}

/**
 * Reads the layout of every class from its constructor's stores to `this` and compares.
 *
 * @param declared constructors (in the new build) of classes whose change the program describes itself, with `migrate`, and the
 *   fields that it sets there: the others get their first values as ever, or where nobody knows them none
 */
export function classChanges(base: CompiledProgram, next: CompiledProgram, match: Match, declared: ReadonlyMap<number, ReadonlySet<string>> = new Map()): { rules: MigrationPlan[]; refusals: Refusal[] } {
    const rules: MigrationPlan[] = []
    const refusals: Refusal[] = []
    const reach = new Reach(next)
    for (const f of next.functions) {
        const baseIndex = match.functions.get(f.index)
        if (f.owner !== "app" || baseIndex === undefined || !(f.devs.flags & FunctionFlag.isConstructor)) continue
        const before = new Set(fieldStores(base, base.functions[baseIndex]).map(s => s.field))
        const own = declared.get(f.index)
        const added = fieldStores(next, f).filter(s => !before.has(s.field) && !own?.has(s.field))
        if (!added.length) continue
        const kept = keptParameters({ program: base, f: base.functions[baseIndex] }, { program: next, f })
        const all = added.map(s => ({ ...s, code: firstValue(f, s.statement, reach, kept) }))
        const values = own ? all.filter(v => !("reason" in v.code)) : all
        if (!values.length) continue
        const unknown = values.find(v => "reason" in v.code)
        if (unknown && "reason" in unknown.code) {
            refusals.push(refusal("HOV114", f.name, locate(next, f.index, unknown.statement.pc), `field ${unknown.field} of ${f.name} ${unknown.code.reason}`))
            continue
        }
        rules.push({
            className: f.name,
            baseConstructor: baseIndex,
            fields: [...new Set(values.map(s => s.field))],
            up: [...values.flatMap(v => ("statements" in v.code ? v.code.statements : [])), returnUndefined],
        })
    }
    return { rules, refusals }
}

export const returnUndefined: Statement = {
    pc: 1 << 20,
    end: 1 << 20,
    op: op.RETURN,
    immediate: -1,
    args: [{ kind: "op", op: op.UNDEFINED, immediate: -1, args: [] }],
}

export function fieldStores(program: CompiledProgram, f: ProgramFunction): { field: string; statement: Statement }[] {
    const stores: { field: string; statement: Statement }[] = []
    for (const s of f.statements) {
        if (s.op.name !== "INDEX_SET") continue
        const [object, key] = s.args
        const field = stringOf(program.image, key)
        if (object.kind === "op" && object.op.name === "LOAD_LOCAL" && object.immediate === 0 && field !== undefined)
            stores.push({ field, statement: s })
    }
    return stores
}

export function stringOf(image: DevsImage, e: Expr): string | undefined {
    if (e.kind !== "op") return undefined
    if (e.op.name === "STATIC_ASCII_STRING") return image.asciiStrings[e.immediate]
    if (e.op.name === "STATIC_UTF8_STRING") return image.utf8Strings[e.immediate]
    return e.op.name === "STATIC_BUILTIN_STRING" ? builtinStrings[e.immediate] : undefined
}
