import { Assembler } from "../devs/assembler.ts"
import { decodeCode, type Expr, mapImmediates, type Statement, visitExprs } from "../devs/code.ts"
import type { DevsFunction } from "../devs/image.ts"
import { emitStatement, expressionOf, placeOf } from "../devs/reassemble.ts"
import type { OpName } from "../devs/opcodes.ts"
import { isSimple } from "./code-facts.ts"
import { liveValues, readBy, RESULT } from "./live-values.ts"
import { shrinkCode } from "./shrink-code.ts"

/**
 * Puts the bodies of functions in the place of their calls where that makes the program smaller: the VM's limit counts 16
 * bytes for each function beside its code. A function that is then named nowhere is left out by `dropFunctions`.
 *
 * A body stands in the frame of its caller, in locals behind the caller's own. What it does, and in which order, stays as
 * it was; only the VM's stack traces name the caller in its place.
 */
export function inlineCalls(functions: readonly DevsFunction[], options: InlineOptions): Inlined {
    return new Inliner(functions, options).run()
}

export interface InlineOptions {
    /** Functions whose code may be written anew, and put in others of them. */
    readonly own: ReadonlySet<number>
    /** Locals that closures reach, by function. */
    readonly captured: ReadonlyMap<number, ReadonlySet<number>>
}

/** Where the statements of a function went: theirs by the function they came from and their offset in its code. */
export type Origins = ReadonlyMap<number, ReadonlyMap<number, number>>

export interface Inlined {
    readonly functions: readonly DevsFunction[]
    readonly origins: ReadonlyMap<number, Origins>
}

/** Locals that a frame may have: the VM takes 148, and each is 8 bytes of a frame that may live long. */
const SLOTS_MAX = 100
const FUNCTION_BYTES = 16
const leavesTry: ReadonlySet<OpName> = new Set(["TRY", "CATCH", "FINALLY", "END_TRY", "THROW_JMP", "DEBUGGER"])

interface Body {
    readonly statements: readonly Statement[]
    readonly slots: number
    readonly args: number
    /** locals that it may read before it has written them */
    readonly unset: readonly number[]
    readonly origins: Origins
}

class Inliner {
    private readonly functions: DevsFunction[]
    private readonly origins = new Map<number, Origins>()
    private readonly bodies = new Map<number, Body>()
    private readonly calls: ReadonlyMap<number, Uses>
    private readonly done = new Set<number>()
    private readonly open = new Set<number>()

    constructor(
        functions: readonly DevsFunction[],
        private readonly options: InlineOptions,
    ) {
        this.functions = [...functions]
        this.calls = usesOf(functions, options.own)
    }

    run(): Inlined {
        for (const i of this.options.own) this.visit(i)
        return { functions: this.functions, origins: this.origins }
    }

    /** Functions that are called come first, so that a body is finished before it is copied. */
    private visit(i: number): void {
        if (this.done.has(i) || !this.options.own.has(i)) return
        this.open.add(i)
        for (const callee of this.calls.get(i)?.callees ?? []) if (!this.open.has(callee)) this.visit(callee)
        this.open.delete(i)
        this.done.add(i)
        this.rewrite(i)
        const body = this.bodyOf(i)
        if (body) this.bodies.set(i, body)
    }

    private rewrite(i: number): void {
        const f = this.functions[i]
        const statements = decodeCode(f.code)
        const live = liveValues(statements)
        const a = new Assembler()
        const own = new Map<number, string>()
        const labels = new Map<number, Map<number, string>>([[i, own]])
        let slots = f.slots
        statements.forEach((s, k) => {
            a.label(placeOf(s.pc))
            own.set(s.pc, placeOf(s.pc))
            const body = this.calledBody(s, f.slots)
            if (!body) return emitStatement(a, s)
            const prefix = `call${k} `
            emitBody(a, body, s.args.slice(1), f.slots, prefix, live.behind[k].has(RESULT))
            slots = Math.max(slots, f.slots + body.slots)
            for (const [from, table] of body.origins) {
                const into = labels.get(from) ?? new Map<number, string>()
                labels.set(from, into)
                for (const [pc, place] of table) if (!into.has(pc)) into.set(pc, prefix + placeOf(place))
            }
        })
        a.label("end")
        const written = a.finish()
        const shrunk = shrinkCode(written.code, this.options.captured.get(i))
        // a place may be in the middle of what became one statement
        const place = (label: string) => nearest(shrunk.places, written.labels.get(label))
        this.functions[i] = { ...f, code: shrunk.code, slots }
        this.origins.set(i, new Map([...labels].map(([from, table]) => [from, new Map([...table].map(([pc, label]) => [pc, place(label)]))])))
    }

    private calledBody(s: Statement, slots: number): Body | undefined {
        const callee = calleeOf(s)
        const body = callee === undefined ? undefined : this.bodies.get(callee)
        return body && slots + body.slots <= SLOTS_MAX ? body : undefined
    }

    /** What stands in the place of a call; undefined when the function stays one, or its callers are too many. */
    private bodyOf(i: number): Body | undefined {
        const f = this.functions[i]
        const uses = this.calls.get(i)
        if (!uses || uses.isValue || uses.sites === 0 || f.flags !== 0 || reaches(this.calls, i)) return undefined
        if (this.options.captured.get(i)?.size || uses.argumentsMax > f.args) return undefined
        const statements = decodeCode(f.code)
        if (statements.some(s => leavesTry.has(s.op.name) || namesFrame(s))) return undefined
        const codeBytes = f.code.length
        const growth = codeBytes - 8 + f.args
        if (uses.sites > 1 && uses.sites * growth >= FUNCTION_BYTES + ((codeBytes + 3) & ~3)) return undefined
        return { statements, slots: f.slots, args: f.args, unset: unsetLocals(statements), origins: this.origins.get(i)! }
    }
}

interface Uses {
    callees: Set<number>
    /** calls of it by functions that may be written anew */
    sites: number
    argumentsMax: number
    /** it is named in another place than such a call */
    isValue: boolean
}

function usesOf(functions: readonly DevsFunction[], own: ReadonlySet<number>): Map<number, Uses> {
    const uses = new Map<number, Uses>(functions.map((_, i) => [i, { callees: new Set(), sites: 0, argumentsMax: 0, isValue: false }]))
    functions.forEach((f, i) => {
        for (const s of decodeCode(f.code)) {
            const callee = own.has(i) ? calleeOf(s) : undefined
            visitExprs(callee === undefined ? s.args : s.args.slice(1), e => {
                if (e.kind === "op" && e.op.immediate === "function") uses.get(e.immediate)!.isValue = true
            })
            if (callee === undefined) continue
            const called = uses.get(callee)!
            uses.get(i)!.callees.add(callee)
            called.sites++
            called.argumentsMax = Math.max(called.argumentsMax, s.args.length - 1)
        }
    })
    return uses
}

/** Function that a statement calls by its name. */
function calleeOf(s: Statement): number | undefined {
    if (!/^CALL\d$/.test(s.op.name)) return undefined
    const callee = s.args[0]
    return callee.kind === "op" && callee.op.name === "STATIC_FUNCTION" ? callee.immediate : undefined
}

function namesFrame(s: Statement): boolean {
    let found = s.op.name === "STORE_CLOSURE"
    visitExprs(s.args, e => {
        if (e.kind === "op" && (e.op.name === "MAKE_CLOSURE" || e.op.name === "LOAD_CLOSURE")) found = true
    })
    return found
}

/** Whether a function calls itself, on whatever way. */
function reaches(calls: ReadonlyMap<number, Uses>, start: number): boolean {
    const seen = new Set<number>()
    const open = [...calls.get(start)!.callees]
    while (open.length) {
        const i = open.pop()!
        if (i === start) return true
        if (seen.has(i)) continue
        seen.add(i)
        open.push(...calls.get(i)!.callees)
    }
    return false
}

/** A statement whose locals are behind those of the frame it comes into. */
function moved(s: Statement, firstSlot: number): Statement {
    const immediate = s.op.immediate === "local" ? s.immediate + firstSlot : s.immediate
    return { ...s, immediate, args: s.args.map(e => movedExpr(e, firstSlot)) }
}

function movedExpr(e: Expr, firstSlot: number): Expr {
    return mapImmediates(e, (kind, value) => (kind === "local" ? value + firstSlot : value))
}

function emitBody(a: Assembler, body: Body, args: readonly Expr[], firstSlot: number, prefix: string, isRead: boolean): void {
    args.forEach((e, i) => a.emit("STORE_LOCAL", firstSlot + i, expressionOf(e)))
    for (const slot of body.unset) if (slot >= args.length) a.emit("STORE_LOCAL", firstSlot + slot, ["UNDEFINED"])
    const end = `${prefix}end`
    const label = (pc: number) => prefix + placeOf(pc)
    body.statements.forEach((s, k) => {
        a.label(label(s.pc))
        if (s.op.name !== "RETURN") return emitStatement(a, moved(s, firstSlot), label)
        const value = movedExpr(s.args[0], firstSlot)
        const isThere = readBy(value) === RESULT
        if (isRead ? !isThere : !isSimple(value)) a.emit("STORE_RET_VAL", expressionOf(value))
        if (k < body.statements.length - 1) a.emit("JMP", end)
    })
    a.label(end)
}

/** Locals that may be read before they are written, parameters that a call leaves out among them. */
function unsetLocals(statements: readonly Statement[]): number[] {
    return [...(liveValues(statements).inFront[0] ?? [])].filter(l => l !== RESULT).sort((x, y) => x - y)
}

/** The offset of the statement that an offset is in, after a move. */
function nearest(places: ReadonlyMap<number, number>, pc = 0): number {
    const exact = places.get(pc)
    if (exact !== undefined) return exact
    let best = 0
    for (const [from, to] of places) if (from <= pc) best = Math.max(best, to)
    return best
}
