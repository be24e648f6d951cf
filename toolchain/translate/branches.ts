import type { Expr } from "../devs/code.ts"
import { destinationOf } from "../executor/patterns.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { evaluate } from "./select.ts"
import { bestTile, emitTile, withOperator } from "./tiles.ts"

/** Where control goes; the end of a loop counts against the budget, so that no loop runs into the VM's step limit. */
export interface Targets {
    readonly whenFalse: string
    readonly whenTrue: string
    /** the target that goes back to a loop's start */
    readonly loop?: "whenTrue" | "whenFalse"
}

/** Emits a conditional jump. */
export function branch(em: Emitter, condition: Expr, targets: Targets): void {
    const swapped: Targets = {
        whenFalse: targets.whenTrue,
        whenTrue: targets.whenFalse,
        loop: targets.loop && (targets.loop === "whenTrue" ? "whenFalse" : "whenTrue"),
    }
    if (condition.kind === "op") {
        const { name } = condition.op
        if (name === "NOT") return branch(em, condition.args[0], swapped)
        if (name === "TO_BOOL") return branch(em, condition.args[0], targets)
        // NE is true exactly where EQ is false
        if (name === "NE") return branch(em, withOperator("EQ", condition.args), swapped)
    }
    const label = (name: string): Operand => ({ kind: "label", name })
    const labels = [label(targets.whenFalse), label(targets.whenTrue)]
    const tile = bestTile(em, [condition], ([text]) => (targets.loop ? [[`loop if ${text}`, 1], [`if ${text}`, 2]] : [[`if ${text}`, 1]]), { isInner: true, freeOperators: 1 })
    if (tile?.name.startsWith("loop ")) {
        if (!countInto(em, tile.name, tile.operands, targets)) emitTile(em, tile, ...labels)
        return
    }
    const isNullish = condition.kind === "op" && condition.op.name === "IS_NULLISH"
    const choose = (...to: Operand[]) => {
        if (isNullish && (!tile || tile.holes.length)) {
            evaluate(em, condition.args[0])
            em.emit("if A nullish", ...to)
        } else emitTile(em, tile!, ...to)
    }
    if (!targets.loop) return choose(...labels)
    const back = em.newLabel("back")
    const isTrue = targets.loop === "whenTrue"
    choose(label(isTrue ? targets.whenFalse : back), label(isTrue ? back : targets.whenTrue))
    em.label(back)
    em.emit("loop", label(targets[targets.loop]))
}

/** Joins the end of a counting loop with the step of its counter, when that stands right before it. */
function countInto(em: Emitter, branchName: string, operands: readonly Operand[], targets: Targets): boolean {
    const last = em.items[em.items.length - 1]
    if (!last || !("operation" in last) || /\bA\b/.test(branchName) || destinationOf(last.operation) === undefined) return false
    const name = `${last.operation}; ${branchName}`
    if (!em.has(name)) return false
    em.items.pop()
    em.emit(name, ...last.operands, ...operands, { kind: "label", name: targets.whenFalse }, { kind: "label", name: targets.whenTrue })
    return true
}
