import type { Expr, Statement } from "../devs/code.ts"
import type { Emitter } from "./emitter.ts"
import { RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import { branch } from "./branches.ts"
import { call } from "./calls.ts"
import { countUses } from "./liveness.ts"
import { bringUp } from "./migrated-fields.ts"
import { constantKey, constantOf, evaluate, evaluateTo, levelsOf, operands } from "./select.ts"
import { bestTile, emitTile } from "./tiles.ts"
import { exceptionLabel, type FunctionContext, statementLabel } from "./translate-function.ts"

/** Translates one statement. What it leaves in `ret_val` is in A afterwards. */
export function translateStatement(context: FunctionContext, s: Statement, i: number): void {
    const { em } = context
    const name = s.op.name
    switch (name) {
        case "STORE_LOCAL":
            return storeLocal(context, s)
        case "STORE_GLOBAL": {
            const g = em.scope.global(s.immediate)
            if ("base" in g) return evaluateTo(em, `g${g.base}`, s.args[0])
            evaluate(em, s.args[0])
            em.emit("cell=A", { kind: "cell", index: g.cell })
            return
        }
        case "STORE_CLOSURE": {
            const { slot, levels } = em.scope.captured(s.immediate, levelsOf(em, s.args[0]))
            const tile = bestTile(em, [s.args[1]], ([text]) => [[`c${slot}_${levels}=${text}`, 1]], { isInner: true })
            if (tile) return emitTile(em, tile)
            evaluate(em, s.args[1])
            em.emit(`c${slot}=A`, { kind: "int", value: levels })
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
                bringUp(em, () => em.emit("B=A"), field)
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
            if (context.calls) em.emit("leave call")
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
            em.emit("A=K", { kind: "special", value: "undefined" })
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
            if (name.startsWith("CALL")) return callStatement(context, s, i)
            throw new RefusalSignal("HOV111", `${name} has no translation`, s.pc)
    }
}

function callStatement(context: FunctionContext, s: Statement, i: number): void {
    const { em } = context
    const register = resultRegister(context, i)
    const targets = register !== undefined ? [`R${register}`] : context.isReturnValueLive(i) ? [] : [""]
    const to = call(em, s.args[0], s.args.slice(1), targets)
    em.resultRegister = to === `R${register}` ? register : undefined
}

/** Register of the variable that the next statement stores a call's result in, when that is all that is done with it. */
function resultRegister(context: FunctionContext, i: number): number | undefined {
    const next = context.statements[i + 1]
    if (next?.op.name !== "STORE_LOCAL" || context.isTarget(i + 1) || context.isReturnValueLive(i + 1)) return undefined
    const [value] = next.args
    const place = context.em.allocation.places.get(next.immediate)
    return value.kind === "op" && value.op.name === "RET_VAL" && place && "register" in place ? place.register : undefined
}

function storeLocal(context: FunctionContext, s: Statement): void {
    const { em } = context
    const place = em.allocation.places.get(s.immediate)
    const [value] = s.args
    if (place && "register" in place) {
        const isResult = value.kind === "op" && value.op.name === "RET_VAL"
        // the call has stored it there
        if (isResult && em.resultRegister === place.register) return
        const held = value.kind === "op" && value.op.name === "LOAD_LOCAL" ? em.allocation.places.get(value.immediate) : undefined
        // two variables that share a register
        if (held && "register" in held && held.register === place.register) return
        // a value that A has anyway
        if (isResult || isMirroredVariable(em, value)) {
            evaluate(em, value)
            em.storeVariable(s.immediate)
        } else evaluateTo(em, `R${place.register}`, value)
        return
    }
    evaluate(em, value)
    em.storeVariable(s.immediate)
}

function isMirroredVariable(em: Emitter, e: Expr): boolean {
    return e.kind === "op" && e.op.name === "LOAD_LOCAL" && em.isMirrored(e.immediate)
}

function indexSet(em: Emitter, object: Expr, key: Expr, value: Expr): void {
    const constant = constantKey(em, key)
    const isMigrated = constant?.kind === "string" && em.scope.isMigratedField(constant.text)
    const tile = isMigrated ? undefined : bestTile(em, [object, key, value], ([o, k, v]) => [[`${primary(o)}[${k}]=${v}`, 1]], { isInner: true })
    if (tile) return emitTile(em, tile)
    em.withTemporary(t => {
        evaluate(em, object)
        em.storeA(t)
        if (!constant) {
            operands(em, key, value)
            if ("register" in t) em.emit(`R${t.register}[B]=A`)
            else em.emit("S[K][B]=A", { kind: "int", value: t.spill })
        } else {
            if (isMigrated) bringUp(em, () => em.loadB(t), constant)
            evaluate(em, value)
            em.loadB(t)
            em.emit("B[K]=A", constant)
        }
    }, !constant)
}

function primary(text: string): string {
    return text.includes(" ") && !text.startsWith("(") ? `(${text})` : text
}

function storeBuffer(em: Emitter, s: Statement): void {
    const [buffer, format, offset, value] = s.args
    const constantFormat = constantOf(em, format)
    if (!constantFormat) throw new RefusalSignal("HOV111", "a buffer is written in a format that is not constant", s.pc)
    const tile = bestTile(em, s.args, texts => [[`STORE_BUFFER(${texts.join(",")})`, 1]], { isInner: true })
    if (tile) return emitTile(em, tile)
    const place = em.reserveSpill()
    evaluate(em, buffer)
    em.storeA(place)
    operands(em, offset, value)
    em.emit("store buffer S[K]", constantFormat, { kind: "int", value: place.spill })
}

/** A jump to a statement; one that goes back counts against the budget, so that no loop runs into the VM's step limit. */
function jump(context: FunctionContext, from: number, to: number): void {
    const { em } = context
    if (to > from) return em.emit("jump", { kind: "label", name: statementLabel(to) })
    // a loop's condition is tested at its end too, where it then needs one jump less
    const head = context.statements[to]
    const condition = head.op.name === "JMP_Z" && context.around[to].length === context.around[from].length ? head.args[0] : undefined
    if (condition && nodes(condition) <= conditionNodesMax && countUses(head.args, RETURN_VALUE) === 0) {
        const exit = context.indexOf(head.immediate)
        if (exit > from) {
            branch(em, condition, { whenFalse: statementLabel(exit), whenTrue: statementLabel(to + 1), loop: "whenTrue" })
            return
        }
    }
    em.emit("loop", { kind: "label", name: statementLabel(to) })
}

/** Larger conditions are not written twice. */
const conditionNodesMax = 6

function nodes(e: Expr): number {
    return e.kind === "int" ? 1 : e.args.reduce((n, x) => n + nodes(x), 1)
}

function jumpIfFalse(context: FunctionContext, condition: Expr, i: number, target: number): void {
    const loop = target <= i ? ("whenFalse" as const) : undefined
    branch(context.em, condition, { whenFalse: statementLabel(target), whenTrue: statementLabel(i + 1), loop })
}

function jumpIfNullish(context: FunctionContext, i: number, target: number): void {
    const { em } = context
    em.loadVariable(RETURN_VALUE)
    const nullish = em.newLabel("nullish")
    em.emit("if A nullish", { kind: "label", name: statementLabel(i + 1) }, { kind: "label", name: nullish })
    em.label(nullish)
    em.emit("A=K", { kind: "special", value: "undefined" })
    em.storeVariable(RETURN_VALUE)
    em.emit(target <= i ? "loop" : "jump", { kind: "label", name: statementLabel(target) })
}

function returnValue(em: Emitter, value: Expr): void {
    const constant = constantOf(em, value)
    if (constant?.kind === "special" && constant.value === "undefined") return em.emit("return undefined")
    const tile = bestTile(em, [value], ([text]) => [[`return ${text}`, 1], [`A=${text}`, 2]], { isInner: true })
    if (!tile || tile.name.startsWith("A=")) {
        evaluate(em, value)
        em.emit("return A")
    } else emitTile(em, tile)
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
        em.emit("B=K", token)
        em.emit("A=B EQ A")
        em.emit("if A", { kind: "label", name: other }, { kind: "label", name: resume })
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
