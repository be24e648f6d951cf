import type { Expr } from "../devs/code.ts"
import type { Emitter } from "./emitter.ts"
import { constantKey, constantOf, evaluate, evaluateTo, fieldOf, operands, type Target } from "./select.ts"
import { bestTile, costOf, emitTile, leafParts, type Naming } from "./tiles.ts"


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

/**
 * Looks for one operation that does the whole call. What it cannot read where it is goes to A and B, and before those, in
 * the order of the program, to free registers: as few as make the call cheapest.
 */
function tryDirect(em: Emitter, callee: Expr, args: readonly Expr[], targets: readonly Target[]): Target | undefined {
    const method = constantOf(em, callee) ? undefined : fieldOf(em, callee)
    const inRegisters = [method ? method.object : callee, ...args].filter(e => leafParts(em, e).length === 0)
    const naming: Naming = ([f, ...texts]) => [...targets, "A"].map(to => [`${to && `${to}=`}call ${f.includes(" ") ? `(${f})` : f}(${texts.join(",")})`, 1])
    const choices = inRegisters.map((_, n) => n).concat(inRegisters.length)
    let best: { readonly count: number; readonly cost: number } | undefined
    for (const count of choices) {
        const cost = em.probe(() => {
            if (!lend(em, inRegisters.slice(0, count), false)) return undefined
            const tile = bestTile(em, [callee, ...args], naming, { isInner: true })
            return tile && tile.cost + inRegisters.slice(0, count).reduce((n, e) => n + costOf(em, e), 0)
        })
        if (cost !== undefined && (!best || cost < best.cost)) best = { count, cost }
    }
    if (!best) return undefined
    lend(em, inRegisters.slice(0, best.count), true)
    const tile = bestTile(em, [callee, ...args], naming, { isInner: true })!
    emitTile(em, tile)
    return /^(\w+)=call/.exec(tile.name)?.[1] ?? ""
}

/** Works out values into registers for the rest of the statement. */
function lend(em: Emitter, values: readonly Expr[], emit: boolean): boolean {
    // A changes on the way
    if (!emit && values.length) em.mirror(undefined)
    for (const e of values) {
        const register = em.tryReserveRegister()
        if (register === undefined) return false
        if (emit) evaluateTo(em, `R${register}`, e)
        em.lend(e, `R${register}`)
    }
    return true
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
