import type { Expr } from "../devs/code.ts"
import { op, type OpName } from "../devs/opcodes.ts"
import type { CodeLines, Line } from "./code-lines.ts"
import { noFallThrough } from "./code-facts.ts"

/** Where the same code goes on to the same place, in two ways of a function, one of them jumps into the other's. */
export function mergeTails(lines: CodeLines): boolean {
    let changed = false
    while (mergeOne(lines)) changed = true
    return changed
}

/** The same code is not the same under another handler; a place that jumps lead to has only one. */

const handles: ReadonlySet<OpName> = new Set<OpName>(["TRY", "CATCH", "FINALLY", "END_TRY", "THROW_JMP"])

/** The end of a way. */
interface Tail {
    /** last statement of it that may be the same as another's */
    readonly last: number
    /** the jump behind that, or `last` itself, which never goes on; undefined: it falls into the common place */
    readonly jump?: number
}

function mergeOne(lines: CodeLines): boolean {
    const joins = lines.joins()
    for (const tails of tailsByPlace(lines, joins).values()) {
        for (const from of tails) {
            if (from.jump === undefined) continue
            let best: { saved: number; start: number; same: number[] } | undefined
            for (const to of tails) {
                if (to === from) continue
                const common = commonTail(lines, from, to, joins)
                const saved = common.same.length - (from.jump === from.last ? 1 : 0)
                if (saved > (best?.saved ?? 0)) best = { ...common, saved }
            }
            if (!best) continue
            for (const i of best.same) lines.statements[i].removed = i !== from.jump
            const jump = lines.statements[from.jump]
            jump.op = op.JMP
            jump.args = []
            jump.immediate = lines.statements[best.start].pc
            return true
        }
    }
    return false
}

function tailsByPlace(lines: CodeLines, joins: ReadonlySet<number>): Map<string, Tail[]> {
    const tails = new Map<string, Tail[]>()
    const hasTry = lines.statements.some(s => !s.removed && s.op.name === "TRY")
    const add = (place: string, tail: Tail) => tails.set(place, [...(tails.get(place) ?? []), tail])
    lines.statements.forEach((s, i) => {
        if (s.removed) return
        if (s.op.name === "JMP") {
            const last = lines.before(i)
            // others may come to the jump itself
            if (last !== undefined && !joins.has(i)) add(`to ${lines.target(s)}`, { last, jump: i })
        } else if (noFallThrough.has(s.op.name) && !hasTry) {
            if (!joins.has(i)) add(keyOf(lines, s), { last: i, jump: i })
        }
    })
    for (const place of joins) {
        const last = lines.before(place)
        if (last !== undefined) add(`to ${place}`, { last })
    }
    return tails
}

/** What the first tail has in common with the second: its own statements, and the second's place where they start. */
function commonTail(lines: CodeLines, from: Tail, to: Tail, joins: ReadonlySet<number>): { start: number; same: number[] } {
    const same: number[] = []
    let [a, b]: (number | undefined)[] = [from.last, to.last]
    let start = to.last
    while (a !== undefined && b !== undefined && a !== b && keyOf(lines, lines.statements[a]) === keyOf(lines, lines.statements[b])) {
        if (handles.has(lines.statements[a].op.name)) break
        same.push(a)
        start = b
        // others come in here, and find the jump to the same code
        if (joins.has(a)) break
        a = lines.before(a)
        b = lines.before(b)
    }
    return { start, same }
}

function keyOf(lines: CodeLines, s: Line): string {
    const immediate = lines.isJump(s) ? lines.target(s) : s.immediate
    return `${s.op.name} ${immediate} ${s.args.map(textOf).join(" ")}`
}

function textOf(e: Expr): string {
    return e.kind === "int" ? String(e.value) : `${e.op.name}#${e.immediate}(${e.args.map(textOf).join(" ")})`
}
