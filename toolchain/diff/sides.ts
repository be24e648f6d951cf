import { type Expr, mapImmediates, type Statement } from "../devs/code.ts"
import { recordPlace } from "../link/registrations.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { topLevelUnits, type Unit } from "../program/top-level.ts"
import { commonSubsequence, type Match } from "./match.ts"
import { Reach } from "./reach.ts"
import { valueUsesIn } from "./value-uses.ts"
import { functionText, type Names, statementText } from "./shape.ts"

/** A top-level statement of one build, and the one of the other build that it is. */
export interface SideUnit extends Unit {
    readonly text: string
    partner: SideUnit | undefined
    isSame: boolean
    /** place of its handle in the board's records */
    record: number
}

/** One of the two builds, with what it is compared by. */
export interface Side {
    readonly program: CompiledProgram
    readonly names: Names
    readonly units: SideUnit[]
    readonly reach: Reach
    /** statements that do nothing but fill what a `const` holds, and its declaration */
    readonly fills: ReadonlyMap<SideUnit, SideUnit>
    /** functions that the other build lacks or has in another form */
    readonly changed: ReadonlySet<number>
    /** whether the other build has this global too */
    readonly hasGlobal: (global: number) => boolean
}

export function bothSides(base: CompiledProgram, next: CompiledProgram, match: Match, nextNames: Names, baseNames: Names): { base: Side; next: Side } {
    const functionsBack = new Map([...match.functions].map(([n, b]) => [b, n]))
    const globalsBack = new Set(match.globals.values())
    const differs = (n: number, b: number) =>
        functionText(next, nextNames, next.functions[n]) !== functionText(base, baseNames, base.functions[b])
    const changedNext = new Set<number>()
    const changedBase = new Set<number>()
    for (const f of next.functions) {
        const b = match.functions.get(f.index)
        if (f.owner === "entry") continue
        if (b === undefined) changedNext.add(f.index)
        else if (differs(f.index, b)) {
            changedNext.add(f.index)
            changedBase.add(b)
        }
    }
    for (const f of base.functions) if (f.owner !== "entry" && !functionsBack.has(f.index)) changedBase.add(f.index)
    const sides = {
        base: side(base, baseNames, changedBase, g => globalsBack.has(g)),
        next: side(next, nextNames, changedNext, g => match.globals.has(g)),
    }
    pair(sides.base, sides.next, match)
    number(sides.base, sides.next)
    return sides
}

function side(program: CompiledProgram, names: Names, changed: ReadonlySet<number>, hasGlobal: (g: number) => boolean): Side {
    const units = topLevelUnits(program).map(u => ({
        ...u,
        text: unitText(program, names, u.statements),
        partner: undefined,
        isSame: false,
        record: 0,
    }))
    const reach = new Reach(program)
    return { program, names, units, fills: fillsOf(program, units, reach), reach, changed, hasGlobal }
}

function fillsOf(program: CompiledProgram, units: readonly SideUnit[], reach: Reach): Map<SideUnit, SideUnit> {
    const fills = new Map<SideUnit, SideUnit>()
    const tables = units.filter(u => u.variable?.isConst && !u.registration)
    for (const u of units) {
        if (u.variable || u.registration || u.isPrint || u.waits) continue
        const table = tables.find(t => valueUsesIn(program, u.statements, t.variable!.global, false).mutated)
        if (table && reach.onlyComputes(u.statements, undefined, table.variable!.global)) fills.set(u, table)
    }
    return fills
}

/** Statements as text, with the local variables that they use numbered from the first on. */
export function unitText(program: CompiledProgram, names: Names, statements: readonly Statement[]): string {
    const locals = new Map<number, number>()
    const rename = (slot: number) => {
        if (!locals.has(slot)) locals.set(slot, locals.size)
        return locals.get(slot)!
    }
    const positions = new Map(statements.map((s, i) => [s.pc, i]))
    return statements
        .map((s, i) => {
            const args = s.args.map(e => mapImmediates(e, (kind, value) => (kind === "local" ? rename(value) : value)))
            return statementText(program, names, { ...s, args, immediate: s.op.immediate === "local" ? rename(s.immediate) : s.immediate }, positions, i)
        })
        .join("\n")
}

function pair(base: Side, next: Side, match: Match): void {
    const join = (n: SideUnit, b: SideUnit, isSame: boolean) => {
        n.partner = b
        b.partner = n
        n.isSame = b.isSame = isSame
    }
    const pathOf = (u: SideUnit) => match.files.get(u.path) ?? u.path
    for (const [i, j] of commonSubsequence(
        next.units.map(u => `${pathOf(u)}|${u.text}`),
        base.units.map(u => `${u.path}|${u.text}`),
    ))
        join(next.units[i], base.units[j], true)
    const pairWhere = (isSame: boolean, test: (n: SideUnit, b: SideUnit) => boolean) => {
        for (const n of next.units) {
            if (n.partner) continue
            const b = base.units.find(u => !u.partner && test(n, u))
            if (b) join(n, b, isSame)
        }
    }
    pairWhere(true, (n, b) => n.text === b.text)
    pairWhere(false, (n, b) => n.variable !== undefined && b.variable !== undefined && match.globals.get(n.variable.global) === b.variable.global)
    pairWhere(false, (n, b) => sameKind(n, b) && parts(next, n).callback === parts(base, b).callback)
    pairWhere(false, (n, b) => sameKind(n, b) && pathOf(n) === b.path && parts(next, n).rest === parts(base, b).rest)
}

function sameKind(n: SideUnit, b: SideUnit): boolean {
    return n.registration !== undefined && n.registration.kind === b.registration?.kind && !n.variable && !b.variable
}

/** What a registration calls back, and all else of it. */
function parts(side: Side, u: SideUnit): { callback: string; rest: string } {
    const { at, callback } = u.registration!
    const call = u.statements[at]
    const text = (s: Statement) => unitText(side.program, side.names, [s])
    const only = (args: readonly Expr[]) => text({ ...call, args: [...args] })
    return {
        callback: callback ? only([callback]) : "",
        rest: [...u.statements.slice(0, at).map(text), only(call.args.filter(a => a !== callback))].join("\n"),
    }
}

/** Handles of the base's registrations have their places in its linked code; those of the image come behind. */
function number(base: Side, next: Side): void {
    let place: number = recordPlace.first
    for (const u of base.units) if (u.registration) u.record = place++
    for (const u of next.units) if (u.registration) u.record = u.isSame && u.partner?.registration ? u.partner.record : place++
}
