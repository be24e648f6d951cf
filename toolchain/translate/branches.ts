import type { Expr } from "../devs/code.ts"
import type { OpName } from "../devs/opcodes.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { evaluate, leafOf, variants, withOperands } from "./select.ts"

const comparisons: ReadonlySet<OpName> = new Set<OpName>(["EQ", "LT", "LE"])

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
        if (name === "IS_NULLISH") {
            evaluate(em, condition.args[0])
            return emitBranch(em, "A nullish", [], targets)
        }
        // NE is true exactly where EQ is false
        if (name === "NE") return compare(em, "EQ", condition.args[0], condition.args[1], swapped)
        if (comparisons.has(name)) return compare(em, name, condition.args[0], condition.args[1], targets)
    }
    const leaf = leafOf(em, condition, true)
    const found = leaf && variants(leaf).find(l => em.has(`if ${l.text}`))
    if (found) return emitBranch(em, found.text, found.operands, targets)
    evaluate(em, condition)
    emitBranch(em, "A", [], targets)
}

function compare(em: Emitter, name: OpName, left: Expr, right: Expr, targets: Targets): void {
    withOperands(em, { name, left, right }, (x, y, operands) => {
        const text = `${x} ${name} ${y}`
        if (em.has(`if ${text}`)) emitBranch(em, text, operands, targets)
        else if (x === "B" && y === "A") {
            em.emit(`A=${text}`)
            emitBranch(em, "A", [], targets)
        } else return false
        return true
    })
}

function emitBranch(em: Emitter, condition: string, operands: readonly Operand[], targets: Targets): void {
    const label = (name: string): Operand => ({ kind: "label", name })
    if (!targets.loop) return em.emit(`if ${condition}`, ...operands, label(targets.whenFalse), label(targets.whenTrue))
    if (em.has(`loop if ${condition}`)) {
        if (countInto(em, condition, operands, targets)) return
        return em.emit(`loop if ${condition}`, ...operands, label(targets.whenFalse), label(targets.whenTrue))
    }
    const back = em.newLabel("back")
    const isTrue = targets.loop === "whenTrue"
    em.emit(`if ${condition}`, ...operands, label(isTrue ? targets.whenFalse : back), label(isTrue ? back : targets.whenTrue))
    em.label(back)
    em.emit("loop", label(targets[targets.loop]))
}

/** Joins the end of a counting loop with the step of its counter, when that stands right before it. */
function countInto(em: Emitter, condition: string, operands: readonly Operand[], targets: Targets): boolean {
    const last = em.items[em.items.length - 1]
    if (!last || !("operation" in last)) return false
    const name = `${last.operation}; loop if ${condition}`
    if (!em.has(name)) return false
    em.items.pop()
    em.emit(name, ...last.operands, ...operands, { kind: "label", name: targets.whenFalse }, { kind: "label", name: targets.whenTrue })
    return true
}
