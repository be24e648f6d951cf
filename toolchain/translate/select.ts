import type { Expr } from "../devs/code.ts"
import { builtinObjects } from "../devs/builtins.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import type { Operand } from "./guest-code.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import type { Place } from "./allocate.ts"
import type { Emitter } from "./emitter.ts"
import { loadComputedField, loadMigratedField, loadNewField } from "./migrated-fields.ts"

/**
 * Instruction selection for expressions: as many operands as the base's operations allow are read where they are; the
 * others go through A, then B, then a register that is free at the time.
 */

const commutative: ReadonlySet<OpName> = new Set<OpName>(["MUL", "BIT_AND", "BIT_OR", "BIT_XOR", "EQ", "NE"])
const dsObject = builtinObjects.indexOf("DeviceScript")
const mathObject = builtinObjects.indexOf("Math")
const objectObject = builtinObjects.indexOf("Object")

/** The operand that an expression is, when it needs no code. */
export function constantOf(em: Emitter, e: Expr): Operand | undefined {
    if (e.kind === "int") return { kind: "int", value: e.value }
    switch (e.op.name) {
        case "UNDEFINED":
            return { kind: "special", value: "undefined" }
        case "NULL":
            return { kind: "special", value: "null" }
        case "TRUE":
            return { kind: "special", value: "true" }
        case "FALSE":
            return { kind: "special", value: "false" }
        case "NAN":
            return { kind: "special", value: "nan" }
        case "INF":
            return { kind: "special", value: "infinity" }
        case "LITERAL_F64":
            return { kind: "float", value: em.scope.float(e.immediate) }
        case "STATIC_ASCII_STRING":
            return em.scope.string("ascii", e.immediate)
        case "STATIC_UTF8_STRING":
            return em.scope.string("utf8", e.immediate)
        case "STATIC_BUILTIN_STRING":
            return em.scope.string("builtin", e.immediate)
        case "STATIC_BUFFER":
            return em.scope.buffer(e.immediate)
        case "STATIC_FUNCTION":
            return em.scope.closure(e.immediate) ? undefined : em.scope.function(e.immediate)
        case "STATIC_SPEC":
            return em.scope.spec(e.immediate, false)
        case "STATIC_SPEC_PROTO":
            return em.scope.spec(e.immediate, true)
        case "BUILTIN_OBJECT":
            return { kind: "builtinObject", index: e.immediate }
        case "DS_FIELD":
            return builtinField(em, dsObject, e.immediate)
        case "MATH_FIELD":
            return builtinField(em, mathObject, e.immediate)
        case "OBJECT_FIELD":
            return builtinField(em, objectObject, e.immediate)
        case "NEW": {
            // `new` only checks that its operand is a constructor, which is known here
            const target = e.args[0]
            if (target.kind === "op" && target.op.name === "STATIC_FUNCTION" && em.scope.isConstructor(target.immediate))
                return em.scope.function(target.immediate)
            return undefined
        }
        default:
            return undefined
    }
}

function builtinField(em: Emitter, object: number, name: number): Operand | undefined {
    const { text } = em.scope.string("builtin", name) as { text: string }
    return em.scope.isAddedMember(object, text) ? undefined : { kind: "builtinField", object, name: text }
}

/** Where a value goes: A, B, or a register by its name. */
export type Target = string

/** An operand that an operation can read where it is. */
export interface Leaf {
    readonly text: string
    readonly operands: readonly Operand[]
    readonly isField: boolean
}

/** Small integers that operations have inside of them. */
const inlineIntegers: readonly number[] = [0, 1]

export function leafOf(em: Emitter, e: Expr, allowField = false): Leaf | undefined {
    const constant = constantOf(em, e)
    if (constant) {
        const isInline = constant.kind === "int" && inlineIntegers.includes(constant.value)
        return isInline ? { text: String(constant.value), operands: [], isField: false } : { text: "K", operands: [constant], isField: false }
    }
    const place = placeOf(em, e)
    if (place) return "register" in place ? { text: `R${place.register}`, operands: [], isField: false } : undefined
    if (e.kind !== "op") return undefined
    if (e.op.name === "LOAD_GLOBAL") {
        const g = em.scope.global(e.immediate)
        return "base" in g ? { text: `g${g.base}`, operands: [], isField: false } : undefined
    }
    const field = allowField ? plainField(em, e) : undefined
    return field && { text: `${field.object.text}.K`, operands: [field.key], isField: true }
}

/** The same with constants as operands: what to try where an operation for the integer itself is not there. */
function withOperand(leaf: Leaf): Leaf {
    const n = Number(leaf.text)
    return Number.isNaN(n) ? leaf : { text: "K", operands: [{ kind: "int", value: n }], isField: false }
}

export function variants(leaf: Leaf): Leaf[] {
    const second = withOperand(leaf)
    return second === leaf ? [leaf] : [leaf, second]
}

/** A field with a constant name of an object in a register or a global, when nothing has to be brought up for it. */
export function plainField(em: Emitter, e: Expr): { object: Leaf; key: Operand } | undefined {
    const field = fieldOf(em, e)
    if (!field) return undefined
    const key = constantKey(em, field.key)
    if (!key || (key.kind === "string" && (em.scope.isNewField(key.text) || em.scope.isMigratedField(key.text)))) return undefined
    const object = leafOf(em, field.object)
    return object && /^[Rg]/.test(object.text) ? { object, key } : undefined
}

/** Where a local variable or a saved `ret_val` is, if B can be loaded from there. */
function placeOf(em: Emitter, e: Expr): Place | undefined {
    if (e.kind !== "op") return undefined
    const variable = e.op.name === "LOAD_LOCAL" ? e.immediate : e.op.name === "RET_VAL" ? RETURN_VALUE : undefined
    const place = variable === undefined ? undefined : em.placeOf(variable)
    return place && "slot" in place ? undefined : place
}

function builtinObject(index: number): Expr {
    return { kind: "op", op: op.BUILTIN_OBJECT, immediate: index, args: [] }
}

/** A field access as object and key, or undefined for anything else. */
export function fieldOf(em: Emitter, e: Expr): { object: Expr; key: Expr | Operand } | undefined {
    if (e.kind !== "op") return undefined
    switch (e.op.name) {
        case "INDEX":
            return { object: e.args[0], key: e.args[1] }
        case "ASCII_FIELD":
            return { object: e.args[0], key: em.scope.string("ascii", e.immediate) }
        case "UTF8_FIELD":
            return { object: e.args[0], key: em.scope.string("utf8", e.immediate) }
        case "BUILTIN_FIELD":
            return { object: e.args[0], key: em.scope.string("builtin", e.immediate) }
        // members that are not known when the image is loaded
        case "DS_FIELD":
            return { object: builtinObject(dsObject), key: em.scope.string("builtin", e.immediate) }
        case "MATH_FIELD":
            return { object: builtinObject(mathObject), key: em.scope.string("builtin", e.immediate) }
        case "OBJECT_FIELD":
            return { object: builtinObject(objectObject), key: em.scope.string("builtin", e.immediate) }
        default:
            return undefined
    }
}

export function isOperand(x: Expr | Operand): x is Operand {
    return x.kind !== "op" && x.kind !== "int"
}

/** The key of a field as an operand, when it is constant. */
export function constantKey(em: Emitter, key: Expr | Operand): Operand | undefined {
    return isOperand(key) ? key : constantOf(em, key)
}

/** Emits code that leaves the expression's value in A. */
export function evaluate(em: Emitter, e: Expr): void {
    evaluateTo(em, "A", e)
}

/** Emits code that leaves the expression's value in `to`; A may change, and B unless `clobbersB` says otherwise. */
export function evaluateTo(em: Emitter, to: Target, e: Expr): void {
    const variable = variableOf(e)
    if (variable !== undefined) return loadVariable(em, to, variable)
    if (e.kind === "int" || constantOf(em, e)) {
        const choices = variants(leafOf(em, e)!)
        emitValue(em, to, choices.map(c => [c.text, c.operands]))
        return
    }
    const name = e.op.name
    if (name === "LOAD_GLOBAL") {
        const g = em.scope.global(e.immediate)
        if ("base" in g) return emitValue(em, to, [[`g${g.base}`, []]])
        em.emit("A=cell", { kind: "cell", index: g.cell })
        return storeTo(em, to)
    }
    if (name === "LOAD_CLOSURE") {
        const { slot, levels } = em.scope.captured(e.immediate, levelsOf(em, e.args[0]))
        em.emit(`A=c${slot}`, { kind: "int", value: levels })
        return storeTo(em, to)
    }
    if (name === "MAKE_CLOSURE" || name === "STATIC_FUNCTION") {
        const closure = em.scope.closure(e.immediate)!
        if ("base" in closure) em.emit(`A=closure${closure.base}`)
        else em.emit(`A=new ${closure.kind}`, closure.added)
        return storeTo(em, to)
    }
    if (name === "LOAD_BUFFER") {
        const format = constantOf(em, e.args[1])
        if (!format) throw new RefusalSignal("HOV111", "a buffer is read in a format that is not constant", em.sourcePc)
        operands(em, e.args[0], e.args[2])
        em.emit("A=load buffer", format)
        return storeTo(em, to)
    }
    const field = fieldOf(em, e)
    if (field) return evaluateField(em, to, field.object, field.key)
    if (e.args.length === 1) return evaluateUnary(em, to, name, e.args[0])
    if (e.args.length === 2) return evaluateBinary(em, to, name, e.args[0], e.args[1])
    throw new RefusalSignal("HOV111", `${name} has no translation`, em.sourcePc)
}

function variableOf(e: Expr): number | undefined {
    if (e.kind !== "op") return undefined
    return e.op.name === "LOAD_LOCAL" ? e.immediate : e.op.name === "RET_VAL" ? RETURN_VALUE : undefined
}

function loadVariable(em: Emitter, to: Target, variable: number): void {
    const place = em.placeOf(variable)
    if (to !== "A" && place && !em.isMirrored(variable)) {
        if (to === "B" && !("slot" in place)) return em.loadB(place)
        if ("register" in place && em.emitOneOf([`${to}=R${place.register}`, []])) return
    }
    em.loadVariable(variable)
    storeTo(em, to)
}

function storeTo(em: Emitter, to: Target): void {
    if (to !== "A") em.emit(`${to}=A`)
}

/** Emits the first of these values that the base has an operation for, straight to its target or by way of A. */
function emitValue(em: Emitter, to: Target, values: readonly (readonly [text: string, operands: readonly Operand[]])[]): void {
    if (!tryValue(em, to, values)) throw new RefusalSignal("HOV111", `the base's executor lacks "A=${values[0][0]}"`, em.sourcePc)
}

function tryValue(em: Emitter, to: Target, values: readonly (readonly [text: string, operands: readonly Operand[]])[]): boolean {
    if (em.emitOneOf(...values.map(([text, operands]) => [`${to}=${text}`, operands] as const))) return true
    if (to === "A" || !em.emitOneOf(...values.map(([text, operands]) => [`A=${text}`, operands] as const))) return false
    em.emit(`${to}=A`)
    return true
}

export function levelsOf(em: Emitter, e: Expr): number {
    if (e.kind !== "int") throw new RefusalSignal("HOV111", "a captured variable at a level that is not constant", em.sourcePc)
    return e.value
}

function evaluateField(em: Emitter, to: Target, object: Expr, key: Expr | Operand): void {
    const constant = constantKey(em, key)
    if (!constant) {
        if (!em.scope.hasNewFields || isNumeric(key as Expr)) return evaluateIndex(em, to, object, key as Expr)
        loadComputedField(em, object, key as Expr)
        return storeTo(em, to)
    }
    if (constant.kind === "string" && em.scope.isMigratedField(constant.text)) {
        loadMigratedField(em, object, constant)
        return storeTo(em, to)
    }
    if (constant.kind === "string" && em.scope.isNewField(constant.text)) {
        loadNewField(em, object, constant)
        return storeTo(em, to)
    }
    const leaf = leafOf(em, object, true)
    if (leaf && tryValue(em, to, [[`${leaf.text} INDEX K`, [...leaf.operands, constant]]])) return
    evaluate(em, object)
    emitValue(em, to, [["A INDEX K", [constant]]])
}

const numeric: ReadonlySet<OpName> = new Set<OpName>(["SUB", "MUL", "DIV", "BIT_AND", "BIT_OR", "BIT_XOR", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED"])

/** Whether a key is a number for sure, and so no field's name. */
function isNumeric(key: Expr): boolean {
    return key.kind === "int" || (key.kind === "op" && numeric.has(key.op.name))
}

export function evaluateIndex(em: Emitter, to: Target, object: Expr, key: Expr): void {
    evaluateBinary(em, to, "INDEX", object, key)
}

function evaluateUnary(em: Emitter, to: Target, name: OpName, e: Expr): void {
    const leaf = leafOf(em, e, true)
    if (leaf && !isMirroredBy(em, e) && tryValue(em, to, [[`${name} ${leaf.text}`, leaf.operands]])) return
    evaluate(em, e)
    emitValue(em, to, [[`${name} A`, []]])
}

function isMirroredBy(em: Emitter, e: Expr): boolean {
    const variable = variableOf(e)
    return variable !== undefined && em.isMirrored(variable)
}

/** An operation with two operands: what stands before the left one, between them, and behind. */
export interface Binary {
    readonly name: OpName
    readonly left: Expr
    readonly right: Expr
}

/**
 * Brings two operands to where one of the operations is that `emit` tries, and has it emit that one: it gets the texts of
 * the operands, the best ones first, and returns false when the base lacks the operation. It must have one for (B, A).
 */
export function withOperands(em: Emitter, b: Binary, emit: (left: string, right: string, operands: readonly Operand[]) => boolean): void {
    const { left, right } = b
    const rightThrows = canThrow(right)
    // a field read after the other operand would throw after it
    const l = leafOf(em, left, !rightThrows)
    const r = leafOf(em, right, true)
    const tryLeaves = (ls: readonly Leaf[], rs: readonly Leaf[]) =>
        ls.some(x => rs.some(y => emit(x.text, y.text, [...x.operands, ...y.operands])))
    const inA: Leaf = { text: "A", operands: [], isField: false }
    const swapped = (ls: readonly Leaf[], rs: readonly Leaf[]) => commutative.has(b.name) && !(l?.isField && r?.isField) && tryLeaves(rs, ls)
    const lefts = l ? variants(l) : []
    const rights = r ? variants(r) : []
    if (isMirroredBy(em, left) && (tryLeaves([inA], rights) || swapped([inA], rights))) return
    if (isMirroredBy(em, right) && (tryLeaves(lefts, [inA]) || swapped(lefts, [inA]))) return
    if (tryLeaves(lefts, rights) || swapped(lefts, rights)) return
    /** Emits code for one operand, if an operation is there that takes it from A. */
    const half = (complex: Expr, ls: readonly Leaf[], rs: readonly Leaf[]) => {
        let found = false
        const probe = em.probe(() => (found = tryLeaves(ls, rs) || swapped(ls, rs)))
        if (!probe || !found) return false
        evaluate(em, complex)
        return tryLeaves(ls, rs) || swapped(ls, rs)
    }
    if (!l && r && half(left, [inA], rights)) return
    if (l && half(right, lefts, [inA])) return
    if (r && half(left, [inA], rights)) return
    operands(em, left, right)
    if (!emit("B", "A", [])) throw new RefusalSignal("HOV111", `the base's executor lacks ${b.name}`, em.sourcePc)
}

export function evaluateBinary(em: Emitter, to: Target, name: OpName, left: Expr, right: Expr): void {
    withOperands(em, { name, left, right }, (x, y, operands) => tryValue(em, to, [[`${x} ${name} ${y}`, operands]]))
}

const throwing: ReadonlySet<OpName> = new Set<OpName>(["INDEX", "ASCII_FIELD", "UTF8_FIELD", "BUILTIN_FIELD", "LOAD_BUFFER", "INSTANCE_OF", "NEW", "BIND"])

/** Whether working out an expression can end in an exception. */
export function canThrow(e: Expr): boolean {
    return e.kind === "op" && (throwing.has(e.op.name) || e.args.some(canThrow))
}

/** Leaves `left` in B and `right` in A. */
export function operands(em: Emitter, left: Expr, right: Expr): void {
    if (!em.clobbersB(right)) {
        evaluateTo(em, "B", left)
        evaluate(em, right)
        return
    }
    const leftPlace = placeOf(em, left)
    const leftConstant = constantOf(em, left)
    if (leftConstant || leftPlace) {
        // nothing that `right` does can change them
        evaluate(em, right)
        if (leftConstant) em.emit("B=K", leftConstant)
        else em.loadB(leftPlace!)
        return
    }
    evaluate(em, left)
    em.withTemporary(t => {
        em.storeA(t)
        evaluate(em, right)
        em.loadB(t)
    })
}
