import { type Expr, replaceExprs, type Statement, visitExprs } from "../devs/code.ts"
import { builtinStrings } from "../devs/builtins.ts"
import { FunctionFlag } from "../devs/image.ts"
import { expression } from "./sequence.ts"
import { stringOf } from "./class-layout.ts"
import { unitText, type Side, type SideUnit } from "./sides.ts"
import { usesLocals } from "./reach.ts"
import { fieldName, isField, valueUses } from "./value-uses.ts"

/** A field of a module-level object that another build has otherwise. */
export interface FieldStep {
    readonly key: Expr
    /** undefined: the field is gone, and the key is of the build that had it */
    readonly value: Expr | undefined
    /** the program changes this field: only one that is missing is set */
    readonly keepsLive: boolean
}

/**
 * How an object that a `const` holds becomes what the other build makes of it, without losing it: other places may hold it
 * too, and fields that the program changes keep their live values. Undefined when that cannot be said.
 */
export function stepsInPlace(to: Side, u: SideUnit, from: Side, before: SideUnit): FieldStep[] | undefined {
    return literalSteps(to, u, from, before) ?? argumentSteps(to, u, from, before)
}

interface Property {
    key: Expr
    value: Expr
    text: string
}

/** The properties of a literal whose values need no code of their own, by name. */
function literalProperties(side: Side, u: SideUnit): Map<string, Property> | undefined {
    const [made, kept, ...rest] = u.statements
    if (made?.op.name !== "ALLOC_MAP" || kept?.op.name !== "STORE_LOCAL") return undefined
    const properties = new Map<string, Property>()
    for (const s of rest.slice(0, -1)) {
        if (s.op.name !== "INDEX_SET" || !isLocal(s.args[0], kept.immediate) || usesLocals(s.args[2])) return undefined
        const name = stringOf(side.program.image, s.args[1])
        if (name === undefined) return undefined
        properties.set(name, { key: s.args[1], value: s.args[2], text: unitText(side.program, side.names, [s]) })
    }
    return isLocal(rest[rest.length - 1].args[0], kept.immediate) ? properties : undefined
}

function isLocal(e: Expr, slot: number): boolean {
    return e.kind === "op" && e.op.name === "LOAD_LOCAL" && e.immediate === slot
}

function literalSteps(to: Side, u: SideUnit, from: Side, before: SideUnit): FieldStep[] | undefined {
    const wanted = literalProperties(to, u)
    const present = literalProperties(from, before)
    if (!wanted || !present) return undefined
    const stored = storedFields(to, u, from, before)
    const isLive = (name: string) => stored.has(name) || stored.has("*")
    const steps: FieldStep[] = []
    for (const [name, { key, value, text }] of wanted) {
        const old = present.get(name)
        if (old?.text === text) continue
        if (old && isLive(name)) continue
        steps.push({ key, value, keepsLive: !old && isLive(name) })
    }
    // one that is gone shows only where an object's keys are listed, or where code asks for it all the same
    const isListed = listsKeys(to) || listsKeys(from)
    for (const [name, { key }] of present)
        if (!wanted.has(name) && (isListed || readsField(to, name))) steps.push({ key, value: undefined, keepsLive: false })
    return steps
}

/** Whether code reads a field of this name, of whatever object, or one by a name that it computes. */
function readsField(side: Side, name: string): boolean {
    const reads = (e: Expr) => {
        if (!isField(e)) return false
        const read = fieldName(side.program, e)
        // an element by a number in the code is no field
        return read === name || (read === undefined && e.kind === "op" && e.args[1].kind === "op" && !isNumber(e.args[1]))
    }
    return side.program.functions.some(
        f => (f.owner === "app" || f.owner === "entry") && f.statements.some(s => someExpr(s.args, reads)),
    )
}

function isNumber(e: Expr): boolean {
    return e.kind === "int" || (e.kind === "op" && ["SUB", "MUL", "BIT_AND", "TO_INT"].includes(e.op.name))
}

function someExpr(args: readonly Expr[], test: (e: Expr) => boolean): boolean {
    let found = false
    visitExprs(args, e => {
        if (test(e)) found = true
    })
    return found
}

function listsKeys(side: Side): boolean {
    const lists = (e: Expr) =>
        e.kind === "op" &&
        ((e.op.name === "OBJECT_FIELD" && ["keys", "values", "assign"].includes(builtinStrings[e.immediate])) ||
            (e.op.name === "BUILTIN_FIELD" && builtinStrings[e.immediate] === "stringify"))
    return side.program.functions.some(f => (f.owner === "app" || f.owner === "entry") && f.statements.some(s => someExpr(s.args, lists)))
}

/** Fields of the object that functions store to, in either build. */
function storedFields(to: Side, u: SideUnit, from: Side, before: SideUnit): Set<string> {
    const a = valueUses(to.program, u.variable!.global, false)
    const b = valueUses(from.program, before.variable!.global, false)
    const all = new Set([...a.storedFields, ...b.storedFields])
    if (a.escapes || b.escapes) for (const side of [to, from]) for (const name of everyStoredField(side, [])) all.add(name)
    return all
}

/** Fields that any function of the application stores to, on whatever object. */
function everyStoredField(side: Side, except: readonly number[]): Set<string> {
    const names = new Set<string>()
    for (const f of side.program.functions)
        if (f.owner === "app" && !except.includes(f.index))
            for (const s of f.statements) if (s.op.name === "INDEX_SET") names.add(stringOf(side.program.image, s.args[1]) ?? "*")
    return names
}

interface Construction {
    constructor_: number
    args: readonly Expr[]
}

/** `const x = new C(…)` whose arguments need no code of their own. */
function construction(u: SideUnit): Construction | undefined {
    const [call, store] = u.statements
    if (u.statements.length !== 2 || !/^CALL\d$/.test(call.op.name) || store.op.name !== "STORE_GLOBAL") return undefined
    const [callee, ...args] = call.args
    if (callee.kind !== "op" || callee.op.name !== "NEW" || args.some(usesLocals)) return undefined
    const target = callee.args[0]
    return target.kind === "op" && target.op.name === "STATIC_FUNCTION" ? { constructor_: target.immediate, args } : undefined
}

/**
 * Other arguments of a constructor: the fields that it stores them to are set. Each use of such a parameter has to be in a
 * field's value that only parameters go into.
 */
function argumentSteps(to: Side, u: SideUnit, from: Side, before: SideUnit): FieldStep[] | undefined {
    const wanted = construction(u)
    const present = construction(before)
    if (!wanted || !present) return undefined
    const f = to.program.functions[wanted.constructor_]
    const old = from.program.functions[present.constructor_]
    if (to.names.function(f.index) !== from.names.function(old.index) || f.owner !== "app") return undefined
    if (!(f.devs.flags & FunctionFlag.isConstructor)) return undefined
    const text = (side: Side, e: Expr | undefined) =>
        e === undefined ? "undefined" : unitText(side.program, side.names, [{ ...u.statements[1], immediate: 0, args: [e] }])
    const count = Math.max(wanted.args.length, present.args.length)
    const changed = new Set<number>()
    for (let i = 0; i < count; i++) if (text(to, wanted.args[i]) !== text(from, present.args[i])) changed.add(i + 1)
    const stored = new Set([...everyStoredField(to, [f.index]), ...everyStoredField(from, [old.index])])
    const steps: FieldStep[] = []
    for (const s of f.statements) {
        const used = parametersIn(s, changed)
        if (!used.length) continue
        const name = s.op.name === "INDEX_SET" && isLocal(s.args[0], 0) ? stringOf(to.program.image, s.args[1]) : undefined
        if (name === undefined || !onlyParameters(s.args[2], f.devs.args)) return undefined
        if (stored.has(name) || stored.has("*")) continue
        steps.push({ key: s.args[1], value: withArguments(s.args[2], wanted.args), keepsLive: false })
    }
    return steps
}

function parametersIn(s: Statement, parameters: ReadonlySet<number>): number[] {
    const found: number[] = []
    if (s.op.name === "STORE_LOCAL" && parameters.has(s.immediate)) found.push(s.immediate)
    visitExprs(s.args, e => {
        if (e.kind === "op" && e.op.name === "LOAD_LOCAL" && parameters.has(e.immediate)) found.push(e.immediate)
    })
    return found
}

function onlyParameters(e: Expr, parameterCount: number): boolean {
    let only = true
    visitExprs([e], x => {
        if (x.kind !== "op") return
        if (x.op.name === "RET_VAL" || x.op.name === "LOAD_CLOSURE") only = false
        if (x.op.name === "LOAD_LOCAL" && (x.immediate === 0 || x.immediate >= parameterCount)) only = false
    })
    return only
}

function withArguments(e: Expr, args: readonly Expr[]): Expr {
    return replaceExprs(e, x => (x.op.name === "LOAD_LOCAL" ? (args[x.immediate - 1] ?? expression("UNDEFINED")) : undefined))
}
