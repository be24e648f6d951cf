import type { Expr, Statement } from "../devs/code.ts"
import { accumulatorSlot, registerCount } from "../executor/frame.ts"
import { allocate, entryMoves } from "./allocate.ts"
import { Emitter } from "./emitter.ts"
import type { GuestFunction, Operand, TryRange } from "./guest-code.ts"
import { countUses, definesReturnValue, liveness, RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import type { Scope } from "./scope.ts"
import { constantOf, generalRegisterOf } from "./select.ts"
import { translateStatement } from "./statements.ts"
import { finallyDetours, type TryRegion, tryRegions } from "./try-regions.ts"

export interface TranslationInput {
    readonly statements: readonly Statement[]
    readonly scope: Scope
    readonly parameterCount: number
    /** the call may have to be made again, or the VM looks at `this` when it ends: parameters must stay where they are */
    readonly keptParameters: boolean
    /** captured variables and the slot that inner functions read them from */
    readonly pinned: ReadonlyMap<number, number>
    /** names of the operations that the base's executor has */
    readonly operations: ReadonlySet<string>
}

/** Names the place of statement i. */
export function statementLabel(i: number): string {
    return `s${i}`
}

export function exceptionLabel(handler: number): string {
    return `x${handler}`
}

/** What the translation of a statement may ask about the function around it. */
export interface FunctionContext {
    readonly em: Emitter
    readonly statements: readonly Statement[]
    readonly indexOf: (pc: number) => number
    /** try regions around statement i, innermost first */
    readonly around: readonly TryRegion[][]
    /** a token that stands for a jump that finally blocks interrupt, and the code that a finally resumes it with */
    tokenFor(handler: number, target: string): Operand
    tokensOf(handler: number): readonly { token: Operand; target: string }[]
    /** what a jump out of the innermost `levels` regions has to do first */
    jumpOut(from: number, levels: number, target: string): void
}

/**
 * Translates one compiled function for the executor. Pure: the same input gives the same code.
 * Throws RefusalSignal for what cannot be translated.
 */
export function translateFunction(input: TranslationInput): GuestFunction {
    for (let temporaries = 0; ; temporaries++) {
        try {
            return translateWith(input, temporaries)
        } catch (e) {
            // not enough registers left for an expression: keep more variables out of them
            if (!(e instanceof RefusalSignal) || e.code !== "HOV107" || temporaries === temporariesMax) throw e
        }
    }
}

const temporariesMax = 4

function translateWith(input: TranslationInput, temporaries: number): GuestFunction {
    const { statements, scope, parameterCount } = input
    const { regions, around } = tryRegions(statements)
    const handlersAt = statements.map((_, i) => around[i].map(r => r.handler))
    const pinned = new Map(input.pinned)
    if (input.keptParameters) for (let p = 0; p < Math.min(parameterCount, registerCount); p++) pinned.set(p, p)
    const live = liveness(statements, handlersAt, finallyDetours(statements, around), new Set(pinned.keys()))
    const targets = jumpTargets(statements)
    for (const r of regions) targets.add(r.first).add(r.last)
    const keepsReturnValue = statements.some((s, i) => definesReturnValue(s) && !isConsumedNext(statements, live.liveOut, targets, i))
    const allocation = allocate({ statements, live, parameterCount, pinned, keepsReturnValue, temporaries })
    const em = new Emitter(scope, allocation, input.operations)
    const context = functionContext(em, statements, around)

    em.begin(0, allocation.freeAt(0))
    enterSpilled(em, parameterCount)
    const tryRanges: TryRange[] = regions.map(r => ({
        start: statementLabel(r.first),
        end: statementLabel(r.last),
        handler: exceptionLabel(r.handler),
    }))
    // a finally's tokens are known only when all jumps that go through it have been seen: those come before it
    statements.forEach((s, i) => {
        if (targets.has(i)) em.label(statementLabel(i))
        em.begin(s.pc, allocation.freeAt(i))
        if (!keepsReturnValue) saveReturnValue(em, s)
        translateStatement(context, s, i)
        if (definesReturnValue(s)) {
            if (keepsReturnValue && live.liveOut[i].has(RETURN_VALUE)) em.storeVariable(RETURN_VALUE)
            else em.mirror(RETURN_VALUE)
        }
    })
    return { items: em.items, tryRanges, tokens: tokenCount(context) }
}

/** Whether `ret_val` is used only by the statement behind the one that sets it. */
function isConsumedNext(statements: readonly Statement[], liveOut: readonly Set<number>[], targets: ReadonlySet<number>, i: number): boolean {
    if (!liveOut[i].has(RETURN_VALUE)) return true
    const next = statements[i + 1]
    if (!next || next.op.name === "JMP_RET_VAL_Z" || targets.has(i + 1)) return false
    return countUses(next.args, RETURN_VALUE) >= 1 && !liveOut[i + 1].has(RETURN_VALUE)
}

/**
 * A has `ret_val` right behind the statement that set it. If this statement uses it, and not before anything else that
 * goes through A, it waits in a free register.
 */
function saveReturnValue(em: Emitter, s: Statement): void {
    const uses = countUses(s.args, RETURN_VALUE)
    if (uses === 0 || (uses === 1 && s.args.length <= 3 && usesFirst(em, s.args))) return
    const register = em.reserveTemporary()
    em.emit(`R${register}=A`)
    em.returnValueRegister = register
    em.mirror(RETURN_VALUE)
}

/** Whether code for these operands touches A for `ret_val` first: all others must need no code of their own. */
function usesFirst(em: Emitter, args: readonly Expr[]): boolean {
    let found = false
    for (const e of args) {
        if (countUses([e], RETURN_VALUE) > 0) {
            if (e.kind !== "op") return false
            if (e.op.name !== "RET_VAL" && !usesFirst(em, e.args)) return false
            found = true
        } else if (constantOf(em, e) === undefined && generalRegisterOf(em, e) === undefined) return false
    }
    return found
}

/** Makes the spill array and moves the parameters that live in it. */
function enterSpilled(em: Emitter, parameterCount: number): void {
    const { spillRegister, spillCount } = em.allocation
    if (spillRegister === undefined) return
    const moves = entryMoves(em.allocation, parameterCount)
    // making the array takes A, where a ninth parameter arrived, and its register, where another may be
    const parked = new Map<number, string>()
    for (const { slot } of moves) {
        if (slot === accumulatorSlot) {
            em.emit("B=A")
            parked.set(slot, "A=B")
        } else if (slot === spillRegister) {
            const t = em.reserveTemporary()
            em.emit(`A=R${slot}`)
            em.emit(`R${t}=A`)
            parked.set(slot, `A=R${t}`)
        }
    }
    em.emit("A=[]", { kind: "int", value: spillCount })
    em.emit(`R${spillRegister}=A`)
    for (const { slot, spill } of moves) {
        em.emit(parked.get(slot) ?? `A=R${slot}`)
        em.emit(`R${spillRegister}[K]=A`, { kind: "int", value: spill })
    }
    em.mirror(undefined)
}

function jumpTargets(statements: readonly Statement[]): Set<number> {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const targets = new Set<number>()
    statements.forEach((s, i) => {
        if (s.op.immediate !== "jump") return
        if (s.op.name !== "TRY") targets.add(at.get(s.immediate)!)
        targets.add(i + 1)
    })
    return targets
}

function functionContext(em: Emitter, statements: readonly Statement[], around: TryRegion[][]): FunctionContext & { tokens: () => number } {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const byHandler = new Map<number, { token: Operand; target: string }[]>()
    let tokens = 0
    const context = {
        em,
        statements,
        around,
        indexOf: (pc: number) => at.get(pc)!,
        tokens: () => tokens,
        tokensOf: (handler: number) => byHandler.get(handler) ?? [],
        tokenFor(handler: number, target: string): Operand {
            const known = byHandler.get(handler) ?? []
            byHandler.set(handler, known)
            let entry = known.find(k => k.target === target)
            if (!entry) {
                entry = { token: { kind: "token", index: tokens++ }, target }
                known.push(entry)
            }
            return entry.token
        },
        jumpOut(from: number, levels: number, target: string): void {
            const popped = around[from].slice(0, levels)
            const firstFinally = popped.findIndex(r => r.isFinally)
            if (firstFinally < 0) {
                em.emit("jump", { kind: "label", name: target })
                return
            }
            const region = popped[firstFinally]
            // the rest of the way is taken by the finally, from where it stands
            const rest = levels - firstFinally - 1
            em.emit("A=K", context.tokenFor(region.handler, `${target}|${rest}`))
            em.emit("jump", { kind: "label", name: exceptionLabel(region.handler) })
        },
    }
    return context
}

function tokenCount(context: FunctionContext): number {
    return (context as FunctionContext & { tokens: () => number }).tokens()
}
