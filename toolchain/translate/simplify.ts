import { type Expr, replaceExprs, type Statement } from "../devs/code.ts"
import { countUses, definedBy, definesReturnValue, liveness, RETURN_VALUE, usesOf } from "./liveness.ts"
import { canThrow } from "./tiles.ts"
import { tryRegions } from "./try-regions.ts"

/**
 * The compiler's temporaries cost native code little, but a dispatch each here. Two rewritings of a function's statements
 * leave most of them out; what the function does, and in which order, stays as it was:
 *
 * - a jump to a jump goes where that one goes; so does a jump on a variable to another one on it, as `&&` and `||` make them
 * - a value that the next statement alone uses is worked out there, unless it is long: what keeps replaced code to the VM's
 *   limit of operations is counted between statements
 *
 * @param pinned variables that others than the statements use
 */
export function simplify(statements: readonly Statement[], pinned: ReadonlySet<number>): SimplifiedStatement[] {
    let all: SimplifiedStatement[] = threadJumps(statements)
    for (;;) {
        const simpler = joinNeighbours(all, pinned)
        if (simpler.length === all.length) return all
        all = simpler
    }
}

export interface SimplifiedStatement extends Statement {
    /** offset of the statement that an exception in this one is of, where another one begins it */
    readonly sourcePc?: number
}

function threadJumps(statements: readonly Statement[]): Statement[] {
    const at = new Map(statements.map((s, i) => [s.pc, i]))
    return statements.map(s => {
        for (let left = statements.length, jump = s; left > 0; left--) {
            const to = s.op.name === "JMP_Z" || s.op.name === "JMP" ? next(statements, at, jump) : undefined
            if (to === undefined) return jump
            jump = { ...jump, immediate: to }
        }
        return s
    })
}

/** Where a forward jump's target goes on when that is another one; a conditional one, on the same variable, which has its value. */
function next(statements: readonly Statement[], at: ReadonlyMap<number, number>, jump: Statement): number | undefined {
    const index = at.get(jump.immediate)
    const target = index === undefined ? undefined : statements[index]
    if (jump.immediate <= jump.pc) return undefined
    // backward ones count against the budget
    if (target?.op.name === "JMP" && target.immediate > target.pc) return target.immediate
    if (target?.op.name !== "JMP_Z" || jump.op.name !== "JMP_Z") return undefined
    const [from, to] = [truthOf(jump.args[0]), truthOf(target.args[0])]
    if (!from || !to || from.variable !== to.variable) return undefined
    // the jump is taken when its condition is false
    const goes = from.negated === to.negated ? target.immediate : statements[index! + 1]?.pc
    return goes !== undefined && goes > jump.pc ? goes : undefined
}

function truthOf(e: Expr): { variable: number; negated: boolean } | undefined {
    let negated = false
    for (; e.kind === "op" && (e.op.name === "NOT" || e.op.name === "TO_BOOL"); e = e.args[0]) negated = negated !== (e.op.name === "NOT")
    return e.kind === "op" && e.op.name === "LOAD_LOCAL" ? { variable: e.immediate, negated } : undefined
}

function joinNeighbours(statements: readonly SimplifiedStatement[], pinned: ReadonlySet<number>): SimplifiedStatement[] {
    const { around } = tryRegions(statements)
    const live = liveness(statements, around, pinned)
    const targets = new Set(statements.flatMap(s => (s.op.immediate === "jump" ? [s.immediate] : [])))
    const all: SimplifiedStatement[] = []
    for (let i = 0; i < statements.length; i++) {
        const [s, following] = [statements[i], statements[i + 1]]
        const isTemporary =
            s.op.name === "STORE_LOCAL" &&
            following !== undefined &&
            !targets.has(following.pc) &&
            !pinned.has(s.immediate) &&
            countUses(following.args, s.immediate) === 1 &&
            (definedBy(following) === s.immediate || !live.liveOut[i + 1].has(s.immediate)) &&
            s.args.concat(following.args).reduce((sum, e) => sum + operatorsOf(e), 0) <= joinedOperatorsMax &&
            canJoin(s.args[0], following, s.immediate)
        if (!isTemporary) {
            all.push(s)
            continue
        }
        const args = following.args.map(a => substitute(a, s.immediate, s.args[0]))
        const thrower = canThrow(s.args[0]) ? (s.sourcePc ?? s.pc) : (following.sourcePc ?? following.pc)
        all.push({ ...following, args, pc: s.pc, sourcePc: thrower })
        i++
    }
    return all
}

const joinedOperatorsMax = 16

function operatorsOf(e: Expr): number {
    return e.kind === "int" ? 0 : e.args.reduce((sum, a) => sum + operatorsOf(a), e.args.length > 0 ? 1 : 0)
}

/** Whether a statement can work out this value in the place where it uses the variable. */
function canJoin(value: Expr, s: Statement, variable: number): boolean {
    if (s.op.name === "TRY" || s.op.name === "JMP_RET_VAL_Z") return false
    // what uses the saved value of a call, which the statement's own would take the place of, has to come first
    if (usesReturnValue(value) && (usesOf(s).has(RETURN_VALUE) || (definesReturnValue(s) && !s.op.name.startsWith("CALL")))) return false
    // one of the two throws at most, so that the line it is on and what happens first are as they were
    return !canThrow(value) || !(statementThrows(s) || s.args.some(a => throwsWithout(a, variable)))
}

function usesReturnValue(e: Expr): boolean {
    return countUses([e], RETURN_VALUE) > 0
}

function statementThrows(s: Statement): boolean {
    return !(s.op.name === "STORE_LOCAL" || s.op.name === "STORE_GLOBAL" || s.op.name === "JMP_Z" || s.op.name === "RETURN" || s.op.name === "STORE_RET_VAL")
}

function throwsWithout(e: Expr, variable: number): boolean {
    return canThrow(e) && !(e.kind === "op" && e.op.name === "LOAD_LOCAL" && e.immediate === variable)
}

function substitute(e: Expr, variable: number, value: Expr): Expr {
    return replaceExprs(e, x => (x.op.name === "LOAD_LOCAL" && x.immediate === variable ? value : undefined))
}
