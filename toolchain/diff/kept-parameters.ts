import { builtinStrings } from "../devs/builtins.ts"
import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { fieldStores, stringOf } from "./class-layout.ts"
import { isConditional, type KeptParameters } from "./first-value.ts"
import { isNumber, storesCaptured } from "./numbers.ts"
import { expression } from "./sequence.ts"

interface Constructor {
    readonly program: CompiledProgram
    readonly f: ProgramFunction
}

/**
 * Parameters of a constructor that an object still has: both builds store them in a field of the same name, in any case, and
 * no other code stores to a field of that name. An object that is older than the update so tells what it was made with.
 */
export function keptParameters(base: Constructor, next: Constructor): KeptParameters {
    const before = parameterFields(base)
    const kept = new Map<number, Expr>()
    for (const [field, { parameter, key }] of parameterFields(next))
        if (before.has(field) && isStoredOnce(base, field) && isStoredOnce(next, field))
            kept.set(parameter, expression("INDEX", -1, expression("LOAD_LOCAL", 0), key))
    return kept
}

/** `this.field = parameter`, by the field. */
function parameterFields({ program, f }: Constructor): Map<string, { parameter: number; key: Expr }> {
    const found = new Map<string, { parameter: number; key: Expr }>()
    const isAssigned = (slot: number) =>
        f.statements.some(s => s.op.name === "STORE_LOCAL" && s.immediate === slot) || program.functions.some(g => storesCaptured(g, slot))
    for (const { field, statement } of fieldStores(program, f)) {
        const [, key, value] = statement.args
        if (value.kind !== "op" || value.op.name !== "LOAD_LOCAL" || value.immediate === 0 || value.immediate >= f.devs.args) continue
        if (!isAssigned(value.immediate) && !isConditional(f.statements, statement)) found.set(field, { parameter: value.immediate, key })
    }
    return found
}

/** Whether the constructor's store is the only one to a field of that name in the application. */
function isStoredOnce({ program, f }: Constructor, field: string): boolean {
    let stores = 0
    for (const g of program.functions) {
        if (g.owner !== "app" && g.index !== 0) continue
        for (const s of g.statements) {
            if (copiesFields(s)) return false
            if (s.op.name !== "INDEX_SET" && s.op.name !== "INDEX_DELETE") continue
            const name = stringOf(program.image, s.args[1])
            // a key that is computed: an array's index, or the name of anything
            if (name === undefined && !isNumber(program, g, s.args[1])) return false
            if (name === field && !makesAnother(g, s, f) && (g.index !== f.index || ++stores > 1)) return false
        }
    }
    return true
}

/** A store to the object that the constructor of a class without a base class makes: no object of another class. */
function makesAnother(g: ProgramFunction, s: Statement, f: ProgramFunction): boolean {
    const [object] = s.args
    if (g.index === f.index || !(g.devs.flags & FunctionFlag.isConstructor)) return false
    let extendsAnother = false
    for (const t of g.statements)
        visitExprs(t.args, e => {
            if (e.kind === "op" && e.op.name === "BIND") extendsAnother = true
        })
    return !extendsAnother && object.kind === "op" && object.op.name === "LOAD_LOCAL" && object.immediate === 0
}

function copiesFields(s: Statement): boolean {
    let copies = false
    visitExprs(s.args, e => {
        if (e.kind === "op" && e.op.name === "OBJECT_FIELD" && builtinStrings[e.immediate] === "assign") copies = true
    })
    return copies
}
