import type { Expr } from "../devs/code.ts"
import type { Emitter } from "./emitter.ts"
import type { Operand } from "./guest-code.ts"
import { evaluate, evaluateIndex, operands } from "./select.ts"

/**
 * Reads a field that objects made by the base may not have yet. When it comes out undefined, the object is brought up to
 * its new layout, once, and read again.
 */
export function loadNewField(em: Emitter, object: Expr, field: Operand): void {
    em.withTemporary(t => {
        evaluate(em, object)
        em.storeA(t)
        em.emit("A=A.K", field)
        const done = leaveUnlessUndefined(em)
        bringUp(em, () => em.loadB(t), field)
        em.label(done)
    })
}

/** The same where the field's name is computed. */
export function loadComputedField(em: Emitter, object: Expr, key: Expr): void {
    const finish = () => {
        const done = leaveUnlessUndefined(em)
        return () => {
            em.emit("A=call K(B,A)", { kind: "bringUp" })
            em.label(done)
        }
    }
    if (isVariable(object) && isVariable(key)) {
        evaluateIndex(em, "A", object, key)
        const bring = finish()
        operands(em, object, key)
        bring()
        return
    }
    em.withTemporary(o => {
        em.withTemporary(k => {
            evaluate(em, object)
            em.storeA(o)
            evaluate(em, key)
            em.storeA(k)
            em.loadB(o)
            em.emit("A=B INDEX A")
            const bring = finish()
            em.loadB(o)
            em.loadA(k)
            bring()
        })
    })
}

/** Reads a field that a declared migration changes: the object is brought up before. */
export function loadMigratedField(em: Emitter, object: Expr, field: Operand): void {
    evaluate(em, object)
    bringUp(em, () => em.emit("B=A"), field)
}

/** Brings the object that `loadB` puts into B up to its class's new layout; A is then the field. */
export function bringUp(em: Emitter, loadB: () => void, field: Operand): void {
    loadB()
    em.emit("A=K", field)
    em.emit("A=call K(B,A)", { kind: "bringUp" })
}

/** Goes to the label that it returns unless A is undefined. */
function leaveUnlessUndefined(em: Emitter): string {
    const slow = em.newLabel("migrate")
    const done = em.newLabel("migrated")
    // null is nullish too: bringing up an object that is already up changes nothing
    em.emit("if A nullish", { kind: "label", name: done }, { kind: "label", name: slow })
    em.label(slow)
    return done
}

/** Whether an expression may be worked out twice. */
function isVariable(e: Expr): boolean {
    return e.kind === "op" && (e.op.name === "LOAD_LOCAL" || e.op.name === "LOAD_GLOBAL")
}
