import type { Statement } from "../devs/code.ts"
import { accumulatorSlot, registerCount } from "../executor/frame.ts"
import { allocate, entryMoves } from "./allocate.ts"
import { Emitter, OutOfRegisters, ReturnValueLost } from "./emitter.ts"
import type { GuestFunction, GuestItem, Operand, TryRange } from "./guest-code.ts"
import { countUses, definesReturnValue, type Liveness, liveness, RETURN_VALUE } from "./liveness.ts"
import { RefusalSignal } from "./refusal.ts"
import { simplify } from "./simplify.ts"
import type { Scope } from "./scope.ts"
import { translateStatement } from "./statements.ts"
import { type TryRegion, tryRegions } from "./try-regions.ts"

export interface TranslationInput {
    readonly statements: readonly Statement[]
    readonly scope: Scope
    readonly parameterCount: number
    /** the call may have to be made again, or the VM looks at `this` when it ends: parameters must stay where they are */
    readonly keptParameters: boolean
    /** captured variables and the slot that inner functions read them from */
    readonly pinned: ReadonlyMap<number, number>
    /** names of the operations that the base's executor has */
    readonly operations: { has(operation: string): boolean }
    /** for the ledger, where calls of the function may wait; see src/hotswap/ledger.ts */
    readonly calls?: CallTracking
}

/**
 * Where a call of waiting code is noted: by the prelude of the base's function, by the code itself, or, when it goes on with
 * a loop of a call that the prelude has noted, with the number of that function.
 */
export type CallTracking = "prelude" | "own" | { readonly movedFrom: number }

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
    readonly calls: CallTracking | undefined
    readonly statements: readonly Statement[]
    readonly indexOf: (pc: number) => number
    /** try regions around statement i, innermost first */
    readonly around: readonly TryRegion[][]
    /** a token that stands for a jump that finally blocks interrupt, and the code that a finally resumes it with */
    tokenFor(handler: number, target: string): Operand
    tokensOf(handler: number): readonly { token: Operand; target: string }[]
    /** whether control can come to statement i from elsewhere than the one before it */
    isTarget(i: number): boolean
    /** whether `ret_val` is needed behind statement i */
    isReturnValueLive(i: number): boolean
    /** what a jump out of the innermost `levels` regions has to do first */
    jumpOut(from: number, levels: number, target: string): void
}

/**
 * Translates one compiled function for the executor. Pure: the same input gives the same code.
 * Throws RefusalSignal for what cannot be translated.
 */
export function translateFunction(input: TranslationInput): GuestFunction {
    try {
        return translateWith(input, undefined) ?? translateWith(input, spillingTemporaries)!
    } catch (e) {
        if (!(e instanceof OutOfRegisters)) throw e
        return translateWith(input, spillingTemporaries)!
    }
}

/** Instructions that the code of a long function has without a count of the budget in between; see diff/budget.ts. */
const stretchInstructionsMax = 24

/** Whether nothing comes behind a statement but by a jump. */
function endsControl(s: Statement): boolean {
    return s.op.name === "JMP" || s.op.name === "RETURN" || s.op.name.startsWith("THROW")
}

/** Registers that a function with a spill array leaves to its expressions, where parameters do not hold them all. */
const spillingTemporaries = 2

function translateWith(input: TranslationInput, temporaries: number | undefined): GuestFunction | undefined {
    const { scope, parameterCount } = input
    const pinned = new Map(input.pinned)
    if (input.keptParameters) for (let p = 0; p < Math.min(parameterCount, registerCount); p++) pinned.set(p, p)
    const statements = simplify(input.statements, new Set(pinned.keys()))
    const { regions, around } = tryRegions(statements)
    const live = liveness(statements, around, new Set(pinned.keys()))
    const targets = jumpTargets(statements)
    for (const r of regions) targets.add(r.first).add(r.last)
    const keepsReturnValue = statements.some((s, i) => definesReturnValue(s) && !isConsumedNext(statements, live.liveOut, targets, i))
    const allocation = allocate({ statements, live, parameterCount, pinned, keepsReturnValue, temporaries })
    if (!allocation) return undefined
    const em = new Emitter(scope, allocation, input.operations)
    const context = functionContext(em, input.calls, statements, around, live, targets)

    em.begin(0, allocation.freeAt(0))
    const tryRanges: TryRange[] = regions.map(r => ({
        start: statementLabel(r.first),
        end: statementLabel(r.last),
        handler: exceptionLabel(r.handler),
    }))
    let counted = 0
    // a finally's tokens are known only when all jumps that go through it have been seen: those come before it
    statements.forEach((s, i) => {
        if (targets.has(i)) em.label(statementLabel(i))
        em.begin(s.sourcePc ?? s.pc, allocation.freeAt(i))
        placed(em.sourcePc, () => translateWithReturnValue(context, s, i))
        em.isReturnValueInA = definesReturnValue(s) && isConsumedNext(statements, live.liveOut, targets, i)
        if (!definesReturnValue(s)) em.resultRegister = undefined
        else if (em.resultRegister === undefined) {
            if (keepsReturnValue && !em.isReturnValueInA && live.liveOut[i].has(RETURN_VALUE)) em.storeVariable(RETURN_VALUE)
            else em.mirror(RETURN_VALUE)
        }
        if (em.instructions - counted > stretchInstructionsMax && !live.liveOut[i].has(RETURN_VALUE) && !endsControl(s)) {
            const here = em.newLabel("counted")
            em.emit("loop", { kind: "label", name: here })
            em.label(here)
            counted = em.instructions
        }
    })
    const body = tryRanges.length ? em.items : withoutJumpsToEnds(em.items)
    em.items = []
    if (input.calls === "own") em.emit("enter call")
    else if (typeof input.calls === "object") em.emit("move call", { kind: "int", value: input.calls.movedFrom })
    enterSpilled(em, parameterCount)
    return { items: [...em.items, ...body], tryRanges, tokens: tokenCount(context) }
}

/** Ends of loops and functions take the place of jumps to them: they are one instruction as those are. */
function withoutJumpsToEnds(items: readonly GuestItem[]): GuestItem[] {
    const at = new Map(items.flatMap((item, i) => ("label" in item ? [[item.label, i] as const] : [])))
    return items.map(item => {
        if (!("operation" in item) || item.operation !== "jump") return item
        const [label] = item.operands
        const end = items.slice(label.kind === "label" ? at.get(label.name)! : items.length).find(x => "operation" in x)
        return end && "operation" in end && /^return\b|\bloop if\b/.test(end.operation) ? end : item
    })
}

/** A refusal of something that code refers to is one of the statement that does. */
function placed(pc: number, translate: () => void): void {
    try {
        translate()
    } catch (e) {
        throw e instanceof RefusalSignal && e.pc === 0 ? new RefusalSignal(e.code, e.message, pc) : e
    }
}

/** Whether `ret_val` is used only by the statement behind the one that sets it. */
function isConsumedNext(statements: readonly Statement[], liveOut: readonly Set<number>[], targets: ReadonlySet<number>, i: number): boolean {
    if (!liveOut[i].has(RETURN_VALUE)) return true
    const next = statements[i + 1]
    if (!next || next.op.name === "JMP_RET_VAL_Z" || targets.has(i + 1)) return false
    return countUses(next.args, RETURN_VALUE) >= 1 && (definesReturnValue(next) || !liveOut[i + 1].has(RETURN_VALUE))
}

/**
 * A has `ret_val` right behind the statement that set it. If this statement uses it, and not before anything else that
 * goes through A, it waits in a free register.
 */
function translateWithReturnValue(context: FunctionContext, s: Statement, i: number): void {
    const { em } = context
    if (em.attempt(ReturnValueLost, () => translateStatement(context, s, i))) return
    const place = em.reserveTemporary()
    em.storeA(place)
    em.returnValuePlace = place
    em.mirror(RETURN_VALUE)
    translateStatement(context, s, i)
}

/** Makes the spill array and moves the parameters that live in it; one that arrived in A goes first. */
function enterSpilled(em: Emitter, parameterCount: number): void {
    if (!em.spillSize) return
    em.emit("S=[]", { kind: "int", value: em.spillSize })
    for (const { slot, spill } of entryMoves(em.allocation, parameterCount)) {
        if (slot !== accumulatorSlot) em.emit(`A=R${slot}`)
        em.emit("S[K]=A", { kind: "int", value: spill })
    }
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

function functionContext(em: Emitter, calls: CallTracking | undefined, statements: readonly Statement[], around: TryRegion[][], live: Liveness, targets: ReadonlySet<number>): FunctionContext & { tokens: () => number } {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    const byHandler = new Map<number, { token: Operand; target: string }[]>()
    let tokens = 0
    const context = {
        em,
        calls,
        statements,
        around,
        indexOf: (pc: number) => at.get(pc)!,
        tokens: () => tokens,
        isTarget: (i: number) => targets.has(i),
        isReturnValueLive: (i: number) => live.liveOut[i].has(RETURN_VALUE),
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
