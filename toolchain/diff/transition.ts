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
import { valueUses, valueUsesIn } from "./value-uses.ts"

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
 * | statements that only fill what a `const` holds, added, removed or changed | it is made and filled anew, if nobody else holds it |
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
    readonly refusals: readonly UnitRefusal[]
    /** what may not go live everywhere */
    readonly notes: readonly Refusal[]
    /** functions that this code calls once and whose registrations must be kept */
    readonly starters: ReadonlySet<number>
}

/** A refusal and the statement that it is for. */
export interface UnitRefusal {
    readonly unit: SideUnit
    readonly refusal: Refusal
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
    private readonly refusals: UnitRefusal[] = []
    private readonly notes: Refusal[] = []
    private readonly starters = new Set<number>()
    /** globals of `to` whose value is another one afterwards */
    private readonly changedValues = new Set<number>()
    /** declarations of `to` whose values have to be filled anew, and those that nothing fills any more */
    private readonly refills = new Set<SideUnit>()
    private readonly emptied = new Set<SideUnit>()
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
        // the last rule goes first
        if (this.isWayBack)
            for (const u of [...this.from.units].reverse())
                if (!u.partner && isMigration(this.from, u)) this.code.copy(this.relocate.from(undeclared(this.from, u)))
        for (const u of this.to.units) {
            const table = this.to.fills.get(u)
            if (table) this.filled(u, table)
            else if (!u.partner) this.added(u)
            else if (u.isSame) this.kept(u)
            else this.changed(u, u.partner)
        }
        return { code: this.code, refusals: this.withoutHalves(), notes: this.notes, starters: this.starters }
    }

    /**
     * A statement that only fills what a `const` holds. When it is another one, or uses what changed, the object is made and
     * filled anew, behind the last of its statements.
     */
    private filled(u: SideUnit, table: SideUnit): void {
        const all = this.to.units.filter(x => this.to.fills.get(x) === table)
        if (!u.isSame || this.causeOfChange(u)) this.refills.add(table)
        if (u !== all[all.length - 1] || !(this.refills.has(table) || this.changedValues.has(table.variable!.global))) return
        if (!table.partner) return all.forEach(x => this.run(x))
        this.refills.delete(table)
        if (!this.setAgain(table, { what: "the statements that fill it" })) return
        for (const x of all) this.run(x)
    }

    private removed(u: SideUnit): void {
        const table = this.from.fills.get(u)
        if (table?.partner) {
            // nothing else may fill it any more, so that no statement of the other build is the last one
            if (![...this.to.fills.values()].includes(table.partner)) this.emptied.add(table.partner)
            this.refills.add(table.partner)
            return
        }
        if (table) return
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
        if (this.emptied.has(u)) return void this.setAgain(u, { what: "the statements that filled it" })
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
    private setAgain(u: SideUnit, cause: { what: string }): boolean {
        const refusals = this.refusals.length
        this.trySetAgain(u, cause)
        return this.refusals.length === refusals
    }

    private trySetAgain(u: SideUnit, cause: { what: string }): void {
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
            const changesIt = (side: Side, own: SideUnit) =>
                side.units.some(x => {
                    if (x === own || side.fills.get(x) === own) return false
                    const { mutated, escapes } = valueUsesIn(side.program, x.statements, own.variable!.global, isDeep(own))
                    return mutated || escapes
                })
            if (changesIt(this.to, u) || (u.partner?.variable && changesIt(this.from, u.partner)))
                return this.refuse(this.to, u, `const ${name} changed, but other statements have filled it or handed it on`)
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
        // of the new source, which is the one that a person has open
        const isOld = (side === this.from) !== this.isWayBack
        const place = isOld && u.partner ? { program: (side === this.from ? this.to : this.from).program, unit: u.partner } : { program: side.program, unit: u }
        this.refusals.push({ unit: u, refusal: refusal("HOV101", "top-level code", locate(place.program, 0, origin(place.unit)), detail) })
    }

    /** A statement that was edited is one that is gone and one that is new: they are reported as one. */
    private withoutHalves(): UnitRefusal[] {
        const gone = this.refusals.filter(r => !r.unit.partner && this.from.units.includes(r.unit))
        const whole = this.refusals.map(r => {
            if (r.unit.partner || !this.to.units.includes(r.unit)) return r
            const half = gone.findIndex(g => g.unit.path === r.unit.path && this.isBehindSame(g.unit, r.unit))
            if (half < 0) return r
            gone.splice(half, 1)
            return { ...r, refusal: { ...r.refusal, detail: "this statement changed; it has run" } }
        })
        return whole.filter(r => r.unit.partner || !this.from.units.includes(r.unit) || gone.includes(r))
    }

    /** Whether the statements before them that both builds have are the same. */
    private isBehindSame(before: SideUnit, after: SideUnit): boolean {
        const known = (side: Side, u: SideUnit) => side.units.slice(0, side.units.indexOf(u)).findLast(x => x.partner)
        return known(this.from, before) === known(this.to, after)?.partner
    }
}

const records = expression("LOAD_GLOBAL", recordsMarker)

function isMigration(side: Side, u: SideUnit): boolean {
    return isMigrateCall(side.program, u.statements[u.statements.length - 1])
}

/** A call of `migrate` as one that takes it back. */
function undeclared(side: Side, u: SideUnit): Statement[] {
    const { index } = side.program.functions.find(f => f.owner === "resident" && f.name === "unmigrate")!
    return u.statements.map(s => (isMigrateCall(side.program, s) ? { ...s, args: [expression("STATIC_FUNCTION", index), ...s.args.slice(1)] } : s))
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
