import type { Expr } from "../devs/code.ts"
import { builtinObjects } from "../devs/builtins.ts"
import { op } from "../devs/opcodes.ts"
import type { Operand } from "./guest-code.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import type { Place } from "./allocate.ts"
import type { Emitter } from "./emitter.ts"
import { loadComputedField, loadMigratedField, loadNewField } from "./migrated-fields.ts"
import { bestTile, emitTile } from "./tiles.ts"

/**
 * Instruction selection for expressions: each is covered with as few of the base's operations as there are for it (tiles.ts).
 * What an operation does not read where it is goes through A, then B, then a register that is free at the time.
 */

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
    const tile = bestTile(em, [e], ([text]) => (to === "A" ? [[`A=${text}`, 1]] : [[`${to}=${text}`, 1], [`A=${text}`, 2]]))
    if (tile) {
        emitTile(em, tile)
        if (to !== "A" && tile.name.startsWith("A=")) em.emit(`${to}=A`)
        return
    }
    evaluateSpecial(em, e)
    storeTo(em, to)
}

/** What has operations of its own: leaves its value in A. */
function evaluateSpecial(em: Emitter, e: Expr): void {
    if (e.kind === "int") throw new RefusalSignal("HOV111", "the base's executor lacks constants", em.sourcePc)
    const { name } = e.op
    if (name === "LOAD_GLOBAL") {
        const g = em.scope.global(e.immediate)
        if ("base" in g) throw new RefusalSignal("HOV111", `the base's executor lacks "A=g${g.base}"`, em.sourcePc)
        return em.emit("A=cell", { kind: "cell", index: g.cell })
    }
    if (name === "LOAD_CLOSURE") {
        const { slot, levels } = em.scope.captured(e.immediate, levelsOf(em, e.args[0]))
        return em.emit(`A=c${slot}`, { kind: "int", value: levels })
    }
    if (name === "MAKE_CLOSURE" || name === "STATIC_FUNCTION") {
        const closure = em.scope.closure(e.immediate)!
        if ("base" in closure) return em.emit(`A=closure${closure.base}`)
        return em.emit(`A=new ${closure.kind}`, closure.added)
    }
    if (name === "LOAD_BUFFER") {
        const format = constantOf(em, e.args[1])
        if (!format) throw new RefusalSignal("HOV111", "a buffer is read in a format that is not constant", em.sourcePc)
        operands(em, e.args[0], e.args[2])
        return em.emit("A=load buffer", format)
    }
    const field = fieldOf(em, e)
    const key = field && constantKey(em, field.key)
    if (field && key?.kind === "string" && em.scope.isMigratedField(key.text)) return loadMigratedField(em, field.object, key)
    if (field && key?.kind === "string" && em.scope.isNewField(key.text)) return loadNewField(em, field.object, key)
    if (field && !key && em.scope.hasNewFields) return loadComputedField(em, field.object, field.key as Expr)
    throw new RefusalSignal("HOV111", `${name} has no translation`, em.sourcePc)
}

export function variableOf(e: Expr): number | undefined {
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

export function levelsOf(em: Emitter, e: Expr): number {
    if (e.kind !== "int") throw new RefusalSignal("HOV111", "a captured variable at a level that is not constant", em.sourcePc)
    return e.value
}

/** A field access whose key is computed, by what the VM has for it alone. */
export function evaluateIndex(em: Emitter, to: Target, object: Expr, key: Expr): void {
    operands(em, object, key)
    em.emit("A=B INDEX A")
    storeTo(em, to)
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
