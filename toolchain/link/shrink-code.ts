import { Assembler } from "../devs/assembler.ts"
import { decodeCode, type Expr, type Statement, replaceExprs, visitExprs } from "../devs/code.ts"
import { emitStatement, placeOf } from "../devs/reassemble.ts"
import { DIRECT_CONST_OFFSET, DIRECT_CONST_OPCODE, FIRST_MULTIBYTE_INT, op, type OpName } from "../devs/opcodes.ts"
import { isSimple, noFallThrough, writesResult } from "./code-facts.ts"
import { CodeLines, type Line } from "./code-lines.ts"
import { constantOf, opposite, truth, truthOf } from "./conditions.ts"
import { isLocal, type Liveness, liveValues, readBy, RESULT, written } from "./live-values.ts"
import { mergeTails } from "./merge-tails.ts"

/**
 * Writes a function in fewer bytes. The stock compiler gives every jump three bytes, every call's result a local, and every
 * `&&` a local and a second jump; the VM's limit on code counts all of that. Only for functions that no image replaces, as
 * images are made from the compiler's own shapes.
 *
 * What a statement does, and the order of what can throw, stays as it was.
 *
 * @param captured locals that closures reach, which stay as they are; without it, a function that makes closures only gets
 * shorter jumps
 */
export function shrinkCode(code: Uint8Array, captured?: ReadonlySet<number>): { code: Uint8Array; places: ReadonlyMap<number, number> } {
    const body = new Body(decodeCode(code), captured ?? new Set())
    const mayForward = captured !== undefined || !body.makesClosures()
    for (let i = 0; i < PASSES_MAX; i++) {
        let changed = body.simplifyJumps()
        if (mayForward) changed = body.forwardValues() || changed
        if (!changed && !mergeTails(body)) break
    }
    // the last merge's jumps too
    body.simplifyJumps()
    return body.write()
}

const PASSES_MAX = 12
/** The VM's expression stack has 16 places. */
const STACK_MAX = 12

const result: Expr = { kind: "op", op: op.RET_VAL, immediate: -1, args: [] }
const short: ReadonlySet<OpName> = new Set<OpName>(["UNDEFINED", "NULL", "TRUE", "FALSE"])
/** A constant that takes no more bytes than a local. */
const isShort = (e: Expr) => (e.kind === "int" ? e.value >= -DIRECT_CONST_OFFSET && e.value < 256 - DIRECT_CONST_OPCODE - DIRECT_CONST_OFFSET : short.has(e.op.name))

class Body extends CodeLines {
    constructor(
        statements: readonly Statement[],
        private readonly captured: ReadonlySet<number>,
    ) {
        super(statements)
    }

    makesClosures(): boolean {
        let found = false
        for (const s of this.statements)
            visitExprs(s.args, e => {
                if (e.kind === "op" && e.op.name === "MAKE_CLOSURE") found = true
            })
        return found
    }

    private isOwn(local: number): boolean {
        return !this.captured.has(local)
    }

    simplifyJumps(): boolean {
        let changed = false
        for (const [i, s] of this.statements.entries()) {
            if (s.removed) continue
            changed = this.turnJump(s, i) || changed
            const always = s.op.name === "JMP_Z" && s.args[0].kind === "op" ? s.args[0].op.name : undefined
            if (always === "TRUE") s.removed = changed = true
            else if (always === "FALSE" || always === "UNDEFINED" || always === "NULL") {
                s.op = op.JMP
                s.args = []
                changed = true
            }
            if (s.op.name === "JMP" || s.op.name === "JMP_Z") changed = this.threadJump(s, i) || changed
        }
        return this.removeUnreachable() || changed
    }

    /** A condition without what changes nothing; `if (!x) goto A; goto B; A:` is `if (x) goto B`. */
    private turnJump(s: Line, i: number): boolean {
        if (s.op.name !== "JMP_Z") return false
        const condition = truth(s.args[0])
        let changed = condition !== s.args[0]
        if (changed) s.args = [condition]
        const over = this.alive(i + 1)
        const next = this.statements[over]
        if (next?.op.name === "JMP" && this.target(s) === this.alive(over + 1) && !this.joins().has(over)) {
            s.args = [opposite(condition)]
            s.immediate = next.immediate
            next.removed = changed = true
        }
        return changed
    }

    /** A jump to a jump goes where that one goes. */
    private threadJump(s: Line, i: number): boolean {
        let changed = false
        for (let n = 0; n < PASSES_MAX; n++) {
            const at = this.target(s)
            const next = this.statements[at]
            if (!next || next === s) break
            let to: number | undefined
            const known = s.op.name === "JMP" && next.op.name === "JMP_Z" ? this.constantCondition(next.args[0], i) : undefined
            if (next.op.name === "JMP") to = this.target(next)
            else if (known !== undefined) to = known ? this.alive(at + 1) : this.target(next)
            else if (s.op.name === "JMP_Z" && next.op.name === "JMP_Z") {
                const here = this.known(truthOf(s.args[0]), i)
                const there = truthOf(next.args[0])
                // the jump was taken, so the local is false, or true where its opposite was asked
                if (here && there && here.local === there.local) to = here.negated === there.negated ? this.target(next) : this.alive(at + 1)
            }
            if (to === undefined || to === at || to >= this.statements.length) break
            s.immediate = this.statements[to].pc
            changed = true
        }
        return changed
    }

    /** The condition's value when what it reads has just been set to a constant, in the statement in front of this one. */
    private constantCondition(condition: Expr, i: number): boolean | undefined {
        const asked = truthOf(condition)
        const s = this.inFrontOf(i)
        const value = s && asked && written(s) === asked.local ? constantOf(s) : undefined
        return value === undefined ? undefined : value !== asked!.negated
    }

    private inFrontOf(i: number): Line | undefined {
        const before = this.joins().has(i) ? undefined : this.before(i)
        return before === undefined ? undefined : this.statements[before]
    }

    /** What a condition asks for: of a result that has just been stored, the local. */
    private known(asked: ReturnType<typeof truthOf>, i: number): ReturnType<typeof truthOf> {
        const s = asked?.local === RESULT ? this.inFrontOf(i) : undefined
        if (!asked || !s) return asked
        const isStored = s?.op.name === "STORE_LOCAL" && readBy(s.args[0]) === RESULT && this.isOwn(s.immediate)
        return isStored ? { ...asked, local: s.immediate } : asked
    }

    private removeUnreachable(): boolean {
        const reached = new Set<number>()
        const open = [0]
        while (open.length) {
            const i = this.alive(open.pop()!)
            const s = this.statements[i]
            if (!s || reached.has(i)) continue
            reached.add(i)
            if (this.isJump(s)) open.push(this.target(s))
            if (!noFallThrough.has(s.op.name)) open.push(i + 1)
        }
        let changed = false
        this.statements.forEach((s, i) => {
            if (s.removed) return
            const leadsOn = s.op.name === "JMP" && this.target(s) === this.alive(i + 1)
            if (reached.has(i) && !leadsOn) return
            s.removed = true
            changed = true
        })
        return changed
    }

    /** Uses results where they are, and drops the locals that nobody reads any more. */
    forwardValues(): boolean {
        const before = this.statements.filter(s => s.removed).length
        let changed = this.copyResults()
        const liveBehind = liveValues(this.statements).behind
        this.statements.forEach((s, i) => {
            if (s.removed) return
            if (s.op.name === "STORE_RET_VAL" && isSimple(s.args[0]) && !liveBehind[i].has(RESULT)) s.removed = true
            if (s.op.name !== "STORE_LOCAL") return
            if (isSimple(s.args[0]) && this.isOwn(s.immediate) && !liveBehind[i].has(s.immediate)) s.removed = true
        })
        changed = this.mergeIntoNext(liveValues(this.statements)) || changed
        while (this.mergeLocals()) changed = true
        return changed || this.statements.filter(s => s.removed).length !== before
    }

    /** `L = RET_VAL; f(L)` is `f(RET_VAL)` until something else is called; `L = M; f(L)` is `f(M)`. */
    private copyResults(): boolean {
        const joins = this.joins()
        const copies = new Map<number, Expr>()
        let changed = false
        const substitute = (e: Expr): Expr => {
            if (e.kind === "int") return e
            const copy = isLocal(e) ? copies.get(e.immediate) : undefined
            if (copy) {
                changed = true
                return copy
            }
            return e.args.length ? { ...e, args: e.args.map(substitute) } : e
        }
        this.statements.forEach((s, i) => {
            if (s.removed) return
            if (joins.has(i)) copies.clear()
            s.args = s.args.map(substitute)
            if (writesResult(s.op.name)) for (const [local, copy] of copies) if (copy === result) copies.delete(local)
            if (s.op.name === "STORE_LOCAL") {
                copies.delete(s.immediate)
                for (const [local, copy] of copies) if (isLocal(copy) && copy.immediate === s.immediate) copies.delete(local)
                const value = s.args[0]
                if (!this.isOwn(s.immediate)) return
                if (value.kind === "op" && value.op.name === "RET_VAL") copies.set(s.immediate, result)
                else if (isLocal(value) ? value.immediate !== s.immediate && this.isOwn(value.immediate) : isShort(value)) copies.set(s.immediate, value)
            }
            if (noFallThrough.has(s.op.name)) copies.clear()
        })
        return changed
    }

    /** `L = x; f(L)` is `f(x)` when nobody else reads L and nothing that can throw comes before it. */
    private mergeIntoNext({ behind, atHandlers }: Liveness): boolean {
        const joins = this.joins()
        let changed = false
        for (let i = 0; i < this.statements.length; i++) {
            const s = this.statements[i]
            if (s.removed || !(s.op.name === "STORE_RET_VAL" || (s.op.name === "STORE_LOCAL" && this.isOwn(s.immediate)))) continue
            const at = this.alive(i + 1)
            const next = this.statements[at]
            if (!next || joins.has(at)) continue
            const local = written(s)!
            // what the next statement writes itself is lost only when it does not throw
            const survives = atHandlers.has(local) || (behind[at].has(local) && written(next) !== local)
            if (survives || countReads(next, local) !== 1 || !comesFirst(next.args, local)) continue
            const args = next.args.map(e => replaceLocal(e, local, s.args[0]))
            if (stackNeed(args) > STACK_MAX) continue
            next.args = args
            s.removed = true
            changed = true
        }
        return changed
    }

    /** `L = M` is nothing when one local does for both: no other value comes into one while the other's is still read. */
    private mergeLocals(): boolean {
        const live = liveValues(this.statements)
        for (const s of this.statements) {
            const value = s.args[0]
            if (s.removed || s.op.name !== "STORE_LOCAL" || !isLocal(value) || !this.isOwn(s.immediate) || !this.isOwn(value.immediate)) continue
            const [x, y] = [s.immediate, value.immediate]
            if (x === y) {
                s.removed = true
                return true
            }
            if (this.interfere(x, y, live)) continue
            // a parameter, or a local that is undefined at first, is where the caller has put it
            const [from, to] = live.inFront[this.alive(0)].has(x) ? [y, x] : [x, y]
            for (const other of this.statements) {
                if (other.op.name === "STORE_LOCAL" && other.immediate === from) other.immediate = to
                other.args = other.args.map(e => replaceLocal(e, from, { kind: "op", op: op.LOAD_LOCAL, immediate: to, args: [] }))
            }
            s.removed = true
            return true
        }
        return false
    }

    private interfere(x: number, y: number, live: Liveness): boolean {
        const entry = live.inFront[this.alive(0)]
        if (entry.has(x) && entry.has(y)) return true
        return this.statements.some((s, i) => {
            if (s.removed || s.op.name !== "STORE_LOCAL" || (s.immediate !== x && s.immediate !== y)) return false
            const other = s.immediate === x ? y : x
            return readBy(s.args[0]) !== other && live.behind[i].has(other)
        })
    }

    write(): { code: Uint8Array; places: ReadonlyMap<number, number> } {
        const places = this.assembled().places
        // from the end, so that a jump that others go by is there
        for (const s of [...this.statements].reverse()) if (!s.removed && (s.op.name === "JMP" || s.op.name === "JMP_Z")) this.goByNearJump(s, places)
        return this.assembled()
    }

    /** A jump to a far place goes to a jump on the way that goes there too: its own offset takes two bytes less. */
    private goByNearJump(s: Line, places: ReadonlyMap<number, number>): void {
        const from = places.get(s.pc)!
        const distance = (to: Line) => places.get(to.pc)! - from
        const last = this.lastTarget(s)
        if (!last || distance(last) < FIRST_MULTIBYTE_INT) return
        const near = this.statements.filter(j => !j.removed && j.op.name === "JMP" && distance(j) > 0 && distance(j) < FIRST_MULTIBYTE_INT && this.lastTarget(j) === last)
        if (near.length) s.immediate = near.at(-1)!.pc
    }

    /** Where a jump leads to by way of others; undefined when that has no end. */
    private lastTarget(s: Line): Line | undefined {
        let to: Line | undefined = this.statements[this.target(s)]
        for (let n = 0; to?.op.name === "JMP"; n++) {
            if (n > this.statements.length) return undefined
            to = this.statements[this.target(to)]
        }
        return to
    }

    private assembled(): { code: Uint8Array; places: ReadonlyMap<number, number> } {
        const a = new Assembler()
        for (const s of this.statements) {
            a.label(placeOf(s.pc))
            if (!s.removed) emitStatement(a, s)
        }
        const { code, labels } = a.finish()
        return { code, places: new Map(this.statements.map(s => [s.pc, labels.get(placeOf(s.pc))!])) }
    }
}

function countReads(s: Line, local: number): number {
    let n = 0
    visitExprs(s.args, e => {
        if (readBy(e) === local) n++
    })
    return n
}

/** Whether all that is evaluated before the read of the local has no effect and cannot throw. */
function comesFirst(args: readonly Expr[], local: number): boolean {
    let clean = true
    let found = false
    visitExprs(args, e => {
        if (found) return
        if (readBy(e) === local) found = true
        else if (!isSimple(e)) clean = false
    })
    return found && clean
}

function replaceLocal(e: Expr, local: number, value: Expr): Expr {
    return replaceExprs(e, x => (readBy(x) === local ? value : undefined))
}

function stackNeed(args: readonly Expr[]): number {
    return args.reduce((most, e, i) => Math.max(most, i + (e.kind === "int" || !e.args.length ? 1 : Math.max(1, stackNeed(e.args)))), 0)
}
