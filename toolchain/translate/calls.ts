import type { Expr } from "../devs/code.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { constantKey, constantOf, evaluate, evaluateTo, fieldOf, type Leaf, leafOf, operands, plainField, type Target, variants } from "./select.ts"

const inA: Leaf = { text: "A", operands: [], isField: false }
const inB: Leaf = { text: "B", operands: [], isField: false }

/**
 * A call. Its result goes to A, or where the first of `targets` that there is an operation for says: a register, or ""
 * when nobody needs it. Returns where it is.
 */
export function call(em: Emitter, callee: Expr, args: readonly Expr[], targets: readonly Target[]): Target {
    const direct = tryDirect(em, callee, args, targets)
    if (direct === undefined) callThroughA(em, callee, args)
    return direct ?? "A"
}

function callThroughA(em: Emitter, callee: Expr, args: readonly Expr[]): void {
    const target = constantOf(em, callee)
    const field = target ? undefined : fieldOf(em, callee)
    const method = field ? constantKey(em, field.key) : undefined
    if (args.length === 0) {
        if (target) em.emit("A=call K()", target)
        else if (field && method) {
            evaluate(em, field.object)
            em.emit("A=call A.K()", method)
        } else {
            evaluate(em, callee)
            em.emit("A=call A()")
        }
    } else if (args.length === 1) {
        if (target) {
            evaluate(em, args[0])
            em.emit("A=call K(A)", target)
        } else if (field && method) {
            operands(em, field.object, args[0])
            em.emit("A=call B.K(A)", method)
        } else {
            operands(em, callee, args[0])
            em.emit("A=call B(A)")
        }
    } else if (args.length === 2 && target) {
        operands(em, args[0], args[1])
        em.emit("A=call K(B,A)", target)
    } else callWithArray(em, callee, args)
}

/** Looks for one operation that does the whole call; what it cannot read where it is goes to A, B and free registers. */
function tryDirect(em: Emitter, callee: Expr, args: readonly Expr[], targets: readonly Target[]): Target | undefined {
    const places = em.probe(() => place(em, callee, args, false))
    if (!places || !find(em, places, targets)) return undefined
    const found = place(em, callee, args, true)!
    const choice = find(em, found, targets)!
    em.emit(choice.name, ...choice.operands)
    return choice.to
}

interface Placed {
    readonly callee: Leaf
    readonly args: readonly Leaf[]
}

function find(em: Emitter, { callee, args }: Placed, targets: readonly Target[]): { name: string; operands: Operand[]; to: Target } | undefined {
    const choices = args.reduce<Leaf[][]>((all, arg) => all.flatMap(chosen => variants(arg).map(v => [...chosen, v])), [[]])
    for (const to of [...targets, "A"])
        for (const chosen of choices.slice(0, 16)) {
            const name = `${to && `${to}=`}call ${callee.text}(${chosen.map(c => c.text).join(",")})`
            if (em.has(name)) return { name, operands: [...callee.operands, ...chosen.flatMap(c => c.operands)], to }
        }
    return undefined
}

/** Puts everything where an operation can read it; with `emit` it emits the code for that. */
function place(em: Emitter, callee: Expr, args: readonly Expr[], emit: boolean): Placed | undefined {
    const leaves = args.map(arg => leafOf(em, arg, args.length === 1))
    const complex = args.flatMap((arg, i) => (leaves[i] ? [] : [{ arg, i }]))
    const target = calleeLeaf(em, callee)
    const method = target ? undefined : methodOf(em, callee)
    let calleePlace = target
    const free = ["B"]
    if (!target) {
        // worked out before the arguments, as the VM does
        const value = method?.object ?? callee
        const text = complex.length === 0 ? "A" : complex.length === 1 && !em.clobbersB(complex[0].arg) ? "B" : undefined
        if (text) {
            if (emit) evaluateTo(em, text, value)
            free.length = 0
        }
        const temporary = text ?? temporaryFor(em, value, emit)
        if (temporary === undefined) return undefined
        calleePlace = { text: method ? `${temporary}.K` : temporary, operands: method ? [method.key] : [], isField: false }
    }
    complex.forEach(({ arg, i }, n) => {
        const rest = complex.slice(n + 1)
        if (rest.length === 0) {
            if (emit) evaluate(em, arg)
            leaves[i] = inA
        } else if (rest.length === 1 && free.length && !em.clobbersB(rest[0].arg)) {
            if (emit) evaluateTo(em, "B", arg)
            leaves[i] = inB
        } else {
            const text = temporaryFor(em, arg, emit)
            if (text) leaves[i] = { text, operands: [], isField: false }
        }
    })
    return leaves.every(l => l !== undefined) ? { callee: calleePlace!, args: leaves as Leaf[] } : undefined
}

/** A register for the rest of the statement with the value of an expression. */
function temporaryFor(em: Emitter, e: Expr, emit: boolean): string | undefined {
    const register = em.tryReserveRegister()
    if (register === undefined) return undefined
    if (emit) evaluateTo(em, `R${register}`, e)
    return `R${register}`
}

function calleeLeaf(em: Emitter, callee: Expr): Leaf | undefined {
    const leaf = leafOf(em, callee)
    if (leaf) return leaf
    const field = plainField(em, callee)
    return field && { text: `${field.object.text}.K`, operands: [field.key], isField: true }
}

function methodOf(em: Emitter, callee: Expr): { object: Expr; key: Operand } | undefined {
    const field = fieldOf(em, callee)
    const key = field && constantKey(em, field.key)
    return field && key ? { object: field.object, key } : undefined
}

/** Arguments in an array: what no operation takes directly. */
export function callWithArray(em: Emitter, callee: Expr, args: readonly Expr[]): void {
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
