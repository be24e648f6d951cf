import type { Expr, Statement } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import { constantKey, constantOf, evaluate, fieldOf, generalRegisterOf, levelsOf, operands } from "./select.ts"
import { exceptionLabel, type FunctionContext, statementLabel } from "./translate-function.ts"

/** Translates one statement. What it leaves in `ret_val` is in A afterwards. */
export function translateStatement(context: FunctionContext, s: Statement, i: number): void {
    const { em } = context
    const name = s.op.name
    switch (name) {
        case "STORE_LOCAL":
            return storeLocal(em, s.immediate, s.args[0])
        case "STORE_GLOBAL": {
            evaluate(em, s.args[0])
            const g = em.scope.global(s.immediate)
            if ("base" in g) em.emit(`g${g.base}=A`)
            else em.emit("cell=A", { kind: "cell", index: g.cell })
            return
        }
        case "STORE_CLOSURE": {
            const levels = levelsOf(em, s.args[0])
            evaluate(em, s.args[1])
            em.emit(`c${em.scope.capturedSlot(s.immediate, levels)}=A`, { kind: "int", value: levels })
            return
        }
        case "STORE_RET_VAL":
            evaluate(em, s.args[0])
            return
        case "STORE_BUFFER":
            return storeBuffer(em, s)
        case "INDEX_SET":
            return indexSet(em, s.args[0], s.args[1], s.args[2])
        case "INDEX_DELETE": {
            const field = constantOf(em, s.args[1])
            if (field?.kind === "string" && em.scope.isNewField(field.text))
                throw new RefusalSignal("HOV118", `field ${field.text}, which older objects get when it is missing, is deleted`, s.pc)
            if (field?.kind === "string" && em.scope.isMigratedField(field.text)) {
                evaluate(em, s.args[0])
                em.bringUp(() => em.emit("B=A"), field)
            }
            operands(em, s.args[0], s.args[1])
            em.emit("delete B[A]")
            return
        }
        case "JMP":
            return jump(context, i, context.indexOf(s.immediate))
        case "JMP_Z":
            return jumpIfFalse(context, s.args[0], i, context.indexOf(s.immediate))
        case "JMP_RET_VAL_Z":
            return jumpIfNullish(context, i, context.indexOf(s.immediate))
        case "CALL_ARRAY":
            operands(em, s.args[0], s.args[1])
            em.emit("call B(...A)")
            return
        case "RETURN":
            return returnValue(em, s.args[0])
        case "THROW":
            evaluate(em, s.args[0])
            em.emit("throw A")
            return
        case "RE_THROW":
            return rethrow(context, s.args[0], i)
        case "TRY":
            return
        case "END_TRY":
            em.emit("jump", { kind: "label", name: statementLabel(context.indexOf(s.immediate)) })
            return
        case "CATCH":
            em.label(exceptionLabel(i))
            return
        case "FINALLY":
            em.emit("A=undefined")
            em.label(exceptionLabel(i))
            return
        case "THROW_JMP":
            return context.jumpOut(i, levelsOf(em, s.args[0]), statementLabel(context.indexOf(s.immediate)))
        case "ALLOC_MAP":
            em.emit("A={}")
            return
        case "ALLOC_ARRAY": {
            const size = constantOf(em, s.args[0])
            em.emit("A=[]", size ?? { kind: "int", value: 0 })
            return
        }
        case "ALLOC_BUFFER":
            evaluate(em, s.args[0])
            em.emit("A=buffer")
            return
        case "DEBUGGER":
            em.emit("debugger")
            return
        default:
            if (name.startsWith("CALL")) return call(em, s.args[0], s.args.slice(1))
            throw new RefusalSignal("HOV111", `${name} has no translation`, s.pc)
    }
}

function storeLocal(em: Emitter, variable: number, value: Expr): void {
    const place = em.allocation.places.get(variable)
    const register = place && "register" in place ? place.register : undefined
    const constant = constantOf(em, value)
    if (register !== undefined && constant && !(constant.kind === "special" && constant.value === "undefined" && em.isMirrored(variable))) {
        em.emit(`R${register}=K`, constant)
        return
    }
    if (register !== undefined && value.kind === "op" && value.op.name === "ADD" && em.has(`R${register}=R${register} ADD A`)) {
        const [left, right] = value.args
        if (generalRegisterOf(em, left) === register) {
            const step = constantOf(em, right)
            if (step) em.emit(`R${register}=R${register} ADD K`, step)
            else {
                evaluate(em, right)
                em.emit(`R${register}=R${register} ADD A`)
            }
            if (em.isMirrored(variable)) em.mirror(undefined)
            return
        }
    }
    evaluate(em, value)
    em.storeVariable(variable)
}

function indexSet(em: Emitter, object: Expr, key: Expr, value: Expr): void {
    const register = generalRegisterOf(em, object)
    const constant = constantKey(em, key)
    const isMigrated = constant?.kind === "string" && em.scope.isMigratedField(constant.text)
    if (register !== undefined && constant) {
        if (isMigrated) em.bringUp(() => em.emit(`B=R${register}`), constant)
        evaluate(em, value)
        em.emit(`R${register}[K]=A`, constant)
        return
    }
    if (register !== undefined) {
        operands(em, key as Expr, value)
        em.emit(`R${register}[B]=A`)
        return
    }
    em.withTemporary(t => {
        evaluate(em, object)
        em.storeA(t)
        if (!constant) {
            operands(em, key as Expr, value)
            if ("register" in t) em.emit(`R${t.register}[B]=A`)
            else em.emit("S[K][B]=A", { kind: "int", value: t.spill })
        } else {
            if (isMigrated) em.bringUp(() => em.loadB(t), constant)
            evaluate(em, value)
            em.loadB(t)
            em.emit("B[K]=A", constant)
        }
    }, !constant)
}

function storeBuffer(em: Emitter, s: Statement): void {
    const [buffer, format, offset, value] = s.args
    const constantFormat = constantOf(em, format)
    if (!constantFormat) throw new RefusalSignal("HOV111", "a buffer is written in a format that is not constant", s.pc)
    const register = generalRegisterOf(em, buffer)
    if (register !== undefined) {
        operands(em, offset, value)
        em.emit(`store buffer R${register}`, constantFormat)
        return
    }
    em.withTemporary(t => {
        evaluate(em, buffer)
        em.storeA(t)
        operands(em, offset, value)
        if ("register" in t) em.emit(`store buffer R${t.register}`, constantFormat)
        else em.emit("store buffer S[K]", constantFormat, { kind: "int", value: t.spill })
    }, true)
}

/** A jump to a statement; one that goes back counts against the budget, so that no loop runs into the VM's step limit. */
function jump(context: FunctionContext, from: number, to: number): void {
    const label: Operand = { kind: "label", name: statementLabel(to) }
    context.em.emit(to <= from ? "loop" : "jump", label)
}

const comparisons: ReadonlySet<OpName> = new Set<OpName>(["EQ", "NE", "LT", "LE"])

function jumpIfFalse(context: FunctionContext, condition: Expr, i: number, target: number): void {
    const { em } = context
    // a conditional jump back would pass the budget by
    const backwards = target <= i
    const landing = backwards ? em.newLabel("back") : statementLabel(target)
    branch(em, condition, landing, statementLabel(i + 1))
    if (backwards) {
        em.label(landing)
        em.emit("loop", { kind: "label", name: statementLabel(target) })
    }
}

function branch(em: Emitter, condition: Expr, whenFalse: string, whenTrue: string): void {
    const targets: [Operand, Operand] = [
        { kind: "label", name: whenFalse },
        { kind: "label", name: whenTrue },
    ]
    if (condition.kind === "op" && condition.op.name === "NOT") {
        branch(em, condition.args[0], whenTrue, whenFalse)
        return
    }
    if (condition.kind === "op" && condition.op.name === "TO_BOOL") {
        branch(em, condition.args[0], whenFalse, whenTrue)
        return
    }
    if (condition.kind === "op" && condition.op.name === "IS_NULLISH") {
        evaluate(em, condition.args[0])
        em.emit("if A nullish", ...targets)
        return
    }
    if (condition.kind === "op" && comparisons.has(condition.op.name)) {
        compare(em, condition.op.name, condition.args[0], condition.args[1], targets)
        return
    }
    const register = generalRegisterOf(em, condition)
    if (register !== undefined) em.emit(`if R${register}`, ...targets)
    else {
        evaluate(em, condition)
        em.emit("if A", ...targets)
    }
}

function compare(em: Emitter, name: OpName, left: Expr, right: Expr, targets: [Operand, Operand]): void {
    const constant = constantOf(em, right)
    const leftRegister = generalRegisterOf(em, left)
    const rightRegister = generalRegisterOf(em, right)
    if (constant) {
        if (leftRegister !== undefined) em.emit(`if R${leftRegister} ${name} K`, constant, ...targets)
        else {
            evaluate(em, left)
            em.emit(`if A ${name} K`, constant, ...targets)
        }
    } else if (rightRegister !== undefined) {
        evaluate(em, left)
        em.emit(`if A ${name} R${rightRegister}`, ...targets)
    } else if (leftRegister !== undefined && em.has(`if R${leftRegister} ${name} A`)) {
        evaluate(em, right)
        em.emit(`if R${leftRegister} ${name} A`, ...targets)
    } else {
        operands(em, left, right)
        em.emit(`if B ${name} A`, ...targets)
    }
}

function jumpIfNullish(context: FunctionContext, i: number, target: number): void {
    const { em } = context
    em.loadVariable(RETURN_VALUE)
    const nullish = em.newLabel("nullish")
    em.emit("if A nullish", { kind: "label", name: statementLabel(i + 1) }, { kind: "label", name: nullish })
    em.label(nullish)
    em.emit("A=undefined")
    em.storeVariable(RETURN_VALUE)
    em.emit(target <= i ? "loop" : "jump", { kind: "label", name: statementLabel(target) })
}

function returnValue(em: Emitter, value: Expr): void {
    const constant = constantOf(em, value)
    if (constant?.kind === "special" && constant.value === "undefined") em.emit("return undefined")
    else if (constant) em.emit("return K", constant)
    else {
        evaluate(em, value)
        em.emit("return A")
    }
}

/**
 * The end of a finally block: goes on with the jump or the exception that it interrupted. Whatever can arrive in its
 * variable is known: `undefined`, a token for each jump that passes through, else an exception.
 */
function rethrow(context: FunctionContext, value: Expr, i: number): void {
    const { em } = context
    const handler = enclosingFinally(context, i)
    evaluate(em, value)
    const tokens = handler === undefined ? [] : context.tokensOf(handler)
    for (const { token, target } of tokens) {
        const [label, levels] = target.split("|")
        const other = em.newLabel("next")
        const resume = em.newLabel("resume")
        em.emit("if A EQ K", token, { kind: "label", name: other }, { kind: "label", name: resume })
        em.label(resume)
        context.jumpOut(i, Number(levels), label)
        em.label(other)
        evaluate(em, value)
    }
    em.emit("rethrow A")
}

/** The finally block that a RE_THROW ends: the nearest one before it that no other RE_THROW has ended. */
function enclosingFinally(context: FunctionContext, i: number): number | undefined {
    let depth = 0
    for (let k = i - 1; k >= 0; k--) {
        const name = context.statements[k].op.name
        if (name === "RE_THROW") depth++
        if (name === "FINALLY" && depth-- === 0) return k
    }
    return undefined
}

function call(em: Emitter, callee: Expr, args: readonly Expr[]): void {
    const target = constantOf(em, callee)
    const field = target ? undefined : fieldOf(em, callee)
    const method = field ? constantKey(em, field.key) : undefined
    if (args.length > 2) return callWithArray(em, callee, args)
    if (target) {
        if (args.length === 1) evaluate(em, args[0])
        if (args.length === 2) operands(em, args[0], args[1])
        em.emit(["call K()", "call K(A)", "call K(B,A)"][args.length], target)
        return
    }
    if (field && method) return callMethod(em, callee, field.object, method, args)
    if (args.length === 0) {
        evaluate(em, callee)
        em.emit("call A()")
    } else if (args.length === 1) {
        operands(em, callee, args[0])
        em.emit("call B(A)")
    } else
        em.withTemporary(t => {
            if (!("register" in t)) return callWithArray(em, callee, args)
            evaluate(em, callee)
            em.storeA(t)
            operands(em, args[0], args[1])
            em.emit(`call R${t.register}(B,A)`)
        }, true)
}

function callMethod(em: Emitter, callee: Expr, object: Expr, method: Operand, args: readonly Expr[]): void {
    const register = generalRegisterOf(em, object)
    const withRegister = (r: number) => {
        if (args.length === 1) evaluate(em, args[0])
        if (args.length === 2) operands(em, args[0], args[1])
        em.emit([`call R${r}.K()`, `call R${r}.K(A)`, `call R${r}.K(B,A)`][args.length], method)
    }
    if (register !== undefined) {
        withRegister(register)
        return
    }
    if (args.length === 0) {
        evaluate(em, object)
        em.emit("call A.K()", method)
    } else if (args.length === 1) {
        operands(em, object, args[0])
        em.emit("call B.K(A)", method)
    } else
        em.withTemporary(t => {
            if (!("register" in t)) return callWithArray(em, callee, args)
            evaluate(em, object)
            em.storeA(t)
            withRegister(t.register)
        }, true)
}

/** Three and more arguments go through an array, as the VM has no calls with computed argument slots. */
function callWithArray(em: Emitter, callee: Expr, args: readonly Expr[]): void {
    em.withTemporary(f => {
        const target = constantOf(em, callee)
        if (!target) {
            evaluate(em, callee)
            em.storeA(f)
        }
        em.withTemporary(t => {
            em.emit("A=[]", { kind: "int", value: args.length })
            em.storeA(t)
            args.forEach((arg, n) => {
                evaluate(em, arg)
                if ("register" in t) em.emit(`R${t.register}[K]=A`, { kind: "int", value: n })
                else {
                    em.emit("B=K", { kind: "int", value: n })
                    em.emit("S[K][B]=A", { kind: "int", value: t.spill })
                }
            })
            if (target) em.emit("B=K", target)
            else em.loadB(f)
            em.loadA(t)
            em.emit("call B(...A)")
        }, true)
    })
}
