import type { Expr } from "../devs/code.ts"
import { builtinObjects } from "../devs/builtins.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import { generalRegisters } from "../executor/operations.ts"
import type { Operand } from "./guest-code.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import type { Place } from "./allocate.ts"
import type { Emitter } from "./emitter.ts"

/**
 * Instruction selection for expressions. The value of an expression ends in A; its second operand waits in B, or, when
 * working out A would need B again, in a register that is free at the time.
 */

const commutative: ReadonlySet<OpName> = new Set<OpName>(["MUL", "BIT_AND"])
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
            return em.scope.function(e.immediate)
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

/** Register of a local variable, if it is in one that has handlers of its own. */
export function generalRegisterOf(em: Emitter, e: Expr): number | undefined {
    const place = placeOf(em, e)
    return place && "register" in place && place.register < generalRegisters ? place.register : undefined
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
    const constant = constantOf(em, e)
    if (constant) {
        loadConstant(em, constant)
        return
    }
    if (e.kind === "int") return
    const name = e.op.name
    if (name === "LOAD_LOCAL" || name === "RET_VAL") {
        em.loadVariable(name === "RET_VAL" ? RETURN_VALUE : e.immediate)
        return
    }
    if (name === "LOAD_GLOBAL") {
        const g = em.scope.global(e.immediate)
        if ("base" in g) em.emit(`A=g${g.base}`)
        else em.emit("A=cell", { kind: "cell", index: g.cell })
        return
    }
    if (name === "LOAD_CLOSURE") {
        const levels = levelsOf(em, e.args[0])
        em.emit(`A=c${em.scope.capturedSlot(e.immediate, levels)}`, { kind: "int", value: levels })
        return
    }
    if (name === "MAKE_CLOSURE") {
        const target = em.scope.closure(e.immediate)
        if (target === undefined) throw new RefusalSignal("HOV109", "a function that captures variables was added", em.sourcePc)
        em.emit(`A=closure${target}`)
        return
    }
    if (name === "LOAD_BUFFER") {
        const format = constantOf(em, e.args[1])
        if (!format) throw new RefusalSignal("HOV111", "a buffer is read in a format that is not constant", em.sourcePc)
        operands(em, e.args[0], e.args[2])
        em.emit("A=load buffer", format)
        return
    }
    const field = fieldOf(em, e)
    if (field) {
        evaluateField(em, field.object, field.key)
        return
    }
    if (e.args.length === 1) {
        evaluate(em, e.args[0])
        em.emit(`A=${name} A`)
        return
    }
    if (e.args.length === 2) {
        evaluateBinary(em, name, e.args[0], e.args[1])
        return
    }
    throw new RefusalSignal("HOV111", `${name} has no translation`, em.sourcePc)
}

export function loadConstant(em: Emitter, constant: Operand): void {
    if (constant.kind === "special" && constant.value === "undefined") em.emit("A=undefined")
    else em.emit("A=K", constant)
}

export function levelsOf(em: Emitter, e: Expr): number {
    if (e.kind !== "int") throw new RefusalSignal("HOV111", "a captured variable at a level that is not constant", em.sourcePc)
    return e.value
}

function evaluateField(em: Emitter, object: Expr, key: Expr | Operand): void {
    const constant = constantKey(em, key)
    if (!constant) {
        if (em.scope.hasNewFields && !isNumeric(key as Expr)) em.loadComputedField(object, key as Expr)
        else evaluateBinary(em, "INDEX", object, key as Expr)
        return
    }
    if (constant.kind === "string" && em.scope.isMigratedField(constant.text)) {
        em.loadMigratedField(object, constant)
        return
    }
    if (constant.kind === "string" && em.scope.isNewField(constant.text)) {
        em.loadNewField(object, constant)
        return
    }
    const r = generalRegisterOf(em, object)
    if (r !== undefined) em.emit(`A=R${r} INDEX K`, constant)
    else {
        evaluate(em, object)
        em.emit("A=A INDEX K", constant)
    }
}

const numeric: ReadonlySet<OpName> = new Set<OpName>(["SUB", "MUL", "DIV", "BIT_AND", "BIT_OR", "BIT_XOR", "SHIFT_LEFT", "SHIFT_RIGHT", "SHIFT_RIGHT_UNSIGNED"])

/** Whether a key is a number for sure, and so no field's name. */
function isNumeric(key: Expr): boolean {
    return key.kind === "op" && numeric.has(key.op.name)
}

export function evaluateBinary(em: Emitter, name: OpName, left: Expr, right: Expr): void {
    const leftRegister = generalRegisterOf(em, left)
    const rightRegister = generalRegisterOf(em, right)
    const rightConstant = constantOf(em, right)
    if (leftRegister !== undefined && rightConstant && em.has(`A=R${leftRegister} ${name} K`)) {
        em.emit(`A=R${leftRegister} ${name} K`, rightConstant)
        return
    }
    if (rightConstant && em.has(`A=A ${name} K`)) {
        evaluate(em, left)
        em.emit(`A=A ${name} K`, rightConstant)
        return
    }
    if (rightRegister !== undefined && em.has(`A=A ${name} R${rightRegister}`)) {
        evaluate(em, left)
        em.emit(`A=A ${name} R${rightRegister}`)
        return
    }
    if (leftRegister !== undefined) {
        const swapped = commutative.has(name) ? `A=A ${name} R${leftRegister}` : `A=R${leftRegister} ${name} A`
        if (em.has(swapped)) {
            evaluate(em, right)
            em.emit(swapped)
            return
        }
    }
    operands(em, left, right)
    em.emit(`A=B ${name} A`)
}

/** Leaves `left` in B and `right` in A. */
export function operands(em: Emitter, left: Expr, right: Expr): void {
    const leftConstant = constantOf(em, left)
    const leftPlace = placeOf(em, left)
    if (!em.clobbersB(right)) {
        if (leftConstant) em.emit("B=K", leftConstant)
        else if (leftPlace) em.loadB(leftPlace)
        else {
            evaluate(em, left)
            em.emit("B=A")
        }
        evaluate(em, right)
        return
    }
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
