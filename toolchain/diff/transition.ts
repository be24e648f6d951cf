import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { recordPlace } from "../link/registrations.ts"
import { locate } from "../program/compiled-program.ts"
import { refusal, type Refusal } from "../translate/refusal.ts"
import { isMigrateCall } from "./declared-migrations.ts"
import { type FieldStep, stepsInPlace } from "./in-place.ts"
import { expression, integer, Sequence } from "./sequence.ts"
import type { Side, SideUnit } from "./sides.ts"
import { recordsMarker } from "./two-programs.ts"
import { valueUses } from "./value-uses.ts"

/**
 * What has to be done in a running program so that its top-level code is as good as that of another build. The same rules
 * lead from the base to the new build and back.
 *
 * | top-level statement | when the program goes over |
 * |---|---|
 * | new variable | gets its first value, unless it has one |
 * | variable that is gone | stays until the next boot: code on a stack may read it, and the way back needs it |
 * | `let` with another first value | keeps its live value until the next boot |
 * | `const` with another value, or computed from something that changed | is set again, if nobody else holds the old one |
 * | `const` object literal, flat | properties are added, removed and set in the object as it is |
 * | `const` made by `new` with other arguments | the fields that hold those arguments are set |
 * | timer, subscription or fiber added | the statement runs |
 * | … removed | it is ended |
 * | … changed, or with arguments that changed | it is ended and, if it was still going on, the new one started |
 * | `migrate(…)` added | holds from now on |
 * | printing | nothing: it was printed |
 * | call of a new function that only registers things | runs; what it registers is ended on the way back |
 * | anything else | refused |
 */
export interface Transition {
    readonly code: Sequence
    readonly refusals: readonly Refusal[]
    /** what may not go live everywhere */
    readonly notes: readonly Refusal[]
    /** functions that this code calls once and whose registrations must be kept */
    readonly starters: ReadonlySet<number>
}

export type Relocate = (statements: readonly Statement[]) => readonly Statement[]

/**
 * @param relocate bring code of either build into the numbering of the sequence
 * @param isWayBack the code of `to` has run before, or has not if the board booted with the image
 */
export function transition(from: Side, to: Side, relocate: { readonly from: Relocate; readonly to: Relocate }, isWayBack: boolean): Transition {
    return new TransitionBuilder(from, to, relocate, isWayBack).build()
}

class TransitionBuilder {
    private readonly code = new Sequence()
    private readonly refusals: Refusal[] = []
    private readonly notes: Refusal[] = []
    private readonly starters = new Set<number>()
    /** globals of `to` whose value is another one afterwards */
    private readonly changedValues = new Set<number>()
    private readonly from: Side
    private readonly to: Side
    private readonly relocate: { readonly from: Relocate; readonly to: Relocate }
    private readonly isWayBack: boolean

    constructor(from: Side, to: Side, relocate: { readonly from: Relocate; readonly to: Relocate }, isWayBack: boolean) {
        this.from = from
        this.to = to
        this.relocate = relocate
        this.isWayBack = isWayBack
    }

    build(): Transition {
        for (const u of this.from.units) if (!u.partner) this.removed(u)
        for (const u of this.to.units) {
            if (!u.partner) this.added(u)
            else if (u.isSame) this.kept(u)
            else this.changed(u, u.partner)
        }
        return { code: this.code, refusals: this.refusals, notes: this.notes, starters: this.starters }
    }

    private removed(u: SideUnit): void {
        if (u.registration) this.release(u)
        // on the way back, what the image's own statement did is reported in the other direction
        else if (!declares(u) && !u.isPrint && !isMigration(this.from, u) && !this.isWayBack) this.refuse(this.from, u, "this statement was removed; it has run")
    }

    private added(u: SideUnit): void {
        if (u.isPrint) return
        if (u.waits) return this.refuse(this.to, u, "this statement waits, so other code would run in the middle of the update")
        if (u.registration) {
            const isOnce = u.registration.kind === "timeout" || this.isWayBack
            if (isOnce) this.code.when(notFalse(recordOf(u)), origin(u), () => this.start(u))
            else this.start(u)
        } else if (u.variable) {
            const { global } = u.variable
            this.code.when(this.expr(expression("IS_UNDEFINED", -1, expression("LOAD_GLOBAL", global))), origin(u), () => this.run(u))
        } else if (isMigration(this.to, u) || (declares(u) && this.onlySets(u))) this.run(u)
        else if (!this.isWayBack && this.isStarter(u)) {
            this.run(u)
            this.starters.add((u.statements[u.statements.length - 1].args[0] as { immediate: number }).immediate)
        } else if (!this.isWayBack) this.refuse(this.to, u, "this statement was added or changed, and nothing says what it is to do in a running program")
    }

    private kept(u: SideUnit): void {
        const cause = this.causeOfChange(u)
        if (cause === undefined || u.isPrint) return
        if (u.registration) this.replace(u, u)
        else if (u.variable) {
            if (u.variable.isConst) this.setAgain(u, cause)
        } else if (cause.isWeighty) {
            const detail = `this statement uses ${cause.what}, which changed; it has run`
            // one that may still be on its way gets the new function
            if (this.mayBeRunning(u)) this.note(this.to, u, `${detail}, or will run, in the new form`)
            else this.refuse(this.to, u, detail)
        }
    }

    private changed(u: SideUnit, before: SideUnit): void {
        if (u.registration && before.registration) {
            if (u.variable && !u.variable.isConst && this.isStoredElsewhere(u.variable.global)) return
            if (u.waits) return this.refuse(this.to, u, "this statement waits, so other code would run in the middle of the update")
            this.mayEnd(before)
            this.replace(u, before)
            if (u.variable) this.changedValues.add(u.variable.global)
            return
        }
        if (!u.variable) return this.refuse(this.to, u, "this statement changed; it has run")
        if (before.registration) this.release(before)
        if (!u.variable.isConst) return
        const steps = u.registration ? undefined : stepsInPlace(this.to, u, this.from, before)
        if (steps) {
            this.inPlace(u, steps)
            return
        }
        this.setAgain(u, { what: "its own statement" })
    }

    /** What of the things that a statement uses when it runs is another one now. */
    private causeOfChange(u: SideUnit): { what: string; isWeighty: boolean } | undefined {
        const { program, reach, changed } = this.to
        for (const g of reach.readBy(u.statements))
            if (this.changedValues.has(g)) return { what: `variable ${program.debug.globals[g].name}`, isWeighty: true }
        for (const i of reach.calledFrom(u.statements, false)) {
            const f = program.functions[i]
            if (f.owner === "app" && changed.has(i) && (u.variable?.isConst || reach.runsOnlyAtStart(f)))
                return { what: `function ${f.name}`, isWeighty: reach.runsOnlyAtStart(f) }
        }
        return undefined
    }

    /** A `const` gets its value anew. */
    private setAgain(u: SideUnit, cause: { what: string }): void {
        const { global, name } = u.variable!
        if (u.waits) return this.refuse(this.to, u, `const ${name} has another value, and computing it waits`)
        if (!this.to.reach.onlyComputes(u.statements, global))
            return this.refuse(this.to, u, `const ${name} depends on ${cause.what}, and computing it anew has other effects`)
        if (!isPrimitive(u)) {
            const uses = [this.to, this.from].map(side => {
                const own = side === this.to ? u : u.partner
                return valueUses(side.program, own?.variable?.global ?? global, isDeep(u) || (own !== undefined && isDeep(own)))
            })
            if (uses.some(x => x.mutated))
                return this.refuse(this.to, u, `const ${name} changed, but its value holds state that the program has changed since`)
            if (uses.some(x => x.escapes)) return this.refuse(this.to, u, `const ${name} changed, but other places may hold its old value`)
        }
        this.run(u)
        this.changedValues.add(global)
    }

    private inPlace(u: SideUnit, steps: readonly FieldStep[]): void {
        const { global } = u.variable!
        const object = this.expr(expression("LOAD_GLOBAL", global))
        for (const step of steps) {
            const key = this.expr(step.key, step.value ? this.relocate.to : this.relocate.from)
            if (!step.value) this.code.add("INDEX_DELETE", -1, origin(u), object, key)
            else {
                const value = this.expr(step.value)
                const set = () => this.code.add("INDEX_SET", -1, origin(u), object, key, value)
                if (step.keepsLive) this.code.when(expression("IS_UNDEFINED", -1, expression("INDEX", -1, object, key)), origin(u), set)
                else set()
            }
        }
        if (steps.length) this.changedValues.add(global)
    }

    private replace(u: SideUnit, before: SideUnit): void {
        this.release(before)
        this.code.when(expression("RET_VAL"), origin(u), () => this.start(u))
    }

    private mayEnd(before: SideUnit): void {
        const { variable, registration } = before
        if (registration?.kind !== "subscription" || !variable || !this.from.reach.isReadAtRuntime(variable.global)) return
        // the program may have called it: nobody knows whether the subscription still stands
        this.refuse(this.to, before, `the subscription in ${variable.name} changed, and the program may have ended it`)
    }

    private release(u: SideUnit): void {
        this.code.add("CALL1", -1, origin(u), expression("INDEX", -1, records, integer(recordPlace.release)), integer(u.record))
    }

    /** Runs a registration and keeps its handle. */
    private start(u: SideUnit): void {
        this.code.copy(this.relocate.to(recorded(u)))
    }

    private run(u: SideUnit): void {
        this.code.copy(this.relocate.to(u.statements))
    }

    private expr(e: Expr, relocate = this.relocate.to): Expr {
        return relocate([{ pc: 0, end: 0, op: op.RETURN, immediate: -1, args: [e] }])[0].args[0]
    }

    private isStoredElsewhere(global: number): boolean {
        return this.to.program.functions.some(f => f.index !== 0 && f.statements.some(s => s.op.name === "STORE_GLOBAL" && s.immediate === global))
    }

    /** A declaration of several variables at once, all of them new. */
    private onlySets(u: SideUnit): boolean {
        const stores = u.statements.filter(s => s.op.name === "STORE_GLOBAL")
        return stores.every(s => !this.to.hasGlobal(s.immediate)) && u.statements.every(s => !s.op.name.startsWith("CALL"))
    }

    /** A call of a new function that does nothing but compute and register things. */
    private isStarter(u: SideUnit): boolean {
        const call = u.statements[u.statements.length - 1]
        const callee = call.args[0]
        if (!/^CALL\d$/.test(call.op.name) || callee?.kind !== "op" || callee.op.name !== "STATIC_FUNCTION") return false
        const f = this.to.program.functions[callee.immediate]
        return f.owner === "app" && this.to.changed.has(f.index) && this.to.reach.runsOnlyAtStart(f) && this.to.reach.isStarter(f)
    }

    /** Top-level code that waits goes on later: this statement, or one before it. */
    private mayBeRunning(u: SideUnit): boolean {
        return this.to.units.slice(0, this.to.units.indexOf(u) + 1).some(x => x.waits)
    }

    private note(side: Side, u: SideUnit, detail: string): void {
        if (!this.isWayBack) this.notes.push(refusal("HOV101", "top-level code", locate(side.program, 0, origin(u)), detail))
    }

    private refuse(side: Side, u: SideUnit, detail: string): void {
        this.refusals.push(refusal("HOV101", "top-level code", locate(side.program, 0, origin(u)), detail))
    }
}

const records = expression("LOAD_GLOBAL", recordsMarker)

function isMigration(side: Side, u: SideUnit): boolean {
    return isMigrateCall(side.program, u.statements[u.statements.length - 1])
}

function recordOf(u: SideUnit): Expr {
    return expression("INDEX", -1, records, integer(u.record))
}

function notFalse(e: Expr): Expr {
    return expression("NE", -1, e, expression("FALSE"))
}

function origin(u: SideUnit): number {
    return u.statements[0].pc
}

/** A registration's statements, with one that keeps its handle. */
export function recorded(u: SideUnit): Statement[] {
    const last = u.statements[u.statements.length - 1]
    const handle = u.registration!.keptIn === undefined ? expression("RET_VAL") : expression("LOAD_GLOBAL", u.registration!.keptIn)
    return [
        ...u.statements,
        // between two statements of the compiler's
        { pc: last.pc + 0.5, end: last.end, op: op.INDEX_SET, immediate: -1, args: [records, integer(u.record), handle] },
    ]
}

function declares(u: SideUnit): boolean {
    return u.statements.some(s => s.op.name === "STORE_GLOBAL") && /^(const|let)\b/.test(u.node.getText().replace(/^export\s+/, "")) || u.variable !== undefined
}

/** A value that is not an object: nobody can hold a part of it. */
function isPrimitive(u: SideUnit): boolean {
    return u.statements.every(s => {
        if (s.op.name.startsWith("ALLOC")) return false
        let plain = true
        visitExprs(s.args, e => {
            if (e.kind === "op" && ["NEW", "STATIC_BUFFER", "LOAD_GLOBAL", "STATIC_FUNCTION"].includes(e.op.name)) plain = false
        })
        if (!s.op.name.startsWith("CALL")) return plain
        const callee = s.args[0]
        return plain && callee.kind === "op" && callee.op.name === "MATH_FIELD"
    })
}

/** Whether the parts of the value are objects too. */
function isDeep(u: SideUnit): boolean {
    let made = 0
    let other = false
    for (const s of u.statements) {
        if (s.op.name.startsWith("ALLOC")) made++
        visitExprs(s.args, e => {
            if (e.kind === "op" && ["NEW", "LOAD_GLOBAL", "STATIC_FUNCTION"].includes(e.op.name)) other = true
        })
    }
    return made > 1 || other
}
