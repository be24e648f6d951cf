import type { Statement } from "../devs/code.ts"
import { op } from "../devs/opcodes.ts"
import { recordPlace, startedAt } from "../link/registrations.ts"
import { type CompiledProgram, entrySplit } from "../program/compiled-program.ts"
import type { Refusal } from "../translate/refusal.ts"
import type { Match } from "./match.ts"
import { prototypeChanges } from "./prototypes.ts"
import { expression, integer, Sequence } from "./sequence.ts"
import { bothSides, type SideUnit } from "./sides.ts"
import type { Names } from "./shape.ts"
import { recorded, type Transition, transition } from "./transition.ts"
import { ofBase, recordsMarker } from "./two-programs.ts"

/**
 * What an edit does to the code that runs once, at start: the filling of prototypes and top-level statements.
 *
 * At boot an image with changed top-level code runs all of the new one in the place of the base's, so booting base and
 * image is booting the new build. In a running program the old one has run: what it takes to go over to the new one, and
 * back, is in transition.ts.
 */
export interface EntryChanges {
    /** the application's top-level code is not the base's */
    readonly changed: boolean
    /** all of the new top-level code, with the keeping of handles */
    readonly entry: readonly Statement[]
    /** runs at every activation */
    readonly initialise: Sequence
    /** runs when the image goes live in a running program */
    readonly goLive: Sequence
    /** runs when the base's code is current again */
    readonly goBack: Sequence
    /** functions whose registrations are kept, so that they can be ended */
    readonly starters: ReadonlySet<number>
    readonly refusals: readonly Refusal[]
    readonly notes: readonly Refusal[]
}

export function entryChanges(base: CompiledProgram, next: CompiledProgram, match: Match, names: Names, baseNames: Names): EntryChanges {
    const sides = bothSides(base, next, match, names, baseNames)
    const asIs = (statements: readonly Statement[]) => statements
    const prototypes = prototypeChanges(sides.base, sides.next, match, { base: ofBase, next: asIs })
    const there = transition(sides.base, sides.next, { from: ofBase, to: asIs }, false)
    const back = transition(sides.next, sides.base, { from: asIs, to: ofBase }, true)
    const goBack = new Sequence()
    goBack.copy(prototypes.goBack.statements)
    goBack.copy(back.code.statements)
    const inOrder = (units: readonly SideUnit[]) => units.map(u => u.text).join("\n")
    return {
        changed: inOrder(sides.base.units) !== inOrder(sides.next.units),
        entry: recordedEntry(next, sides.next.units),
        initialise: prototypes.initialise,
        goLive: there.code,
        goBack,
        starters: there.starters,
        notes: there.notes,
        refusals: firstOf([...prototypes.refusals, ...there.refusals.map(r => r.refusal), ...onlyBack(there, back)]),
    }
}

/** What cannot go back though it could go there. */
function onlyBack(there: Transition, back: Transition): Refusal[] {
    const refused = new Set(there.refusals.map(r => r.unit))
    return back.refusals.filter(r => !refused.has(r.unit) && !(r.unit.partner && refused.has(r.unit.partner))).map(r => r.refusal)
}

/** One refusal for each place. */
function firstOf(refusals: readonly Refusal[]): Refusal[] {
    const seen = new Set<string>()
    return refusals.filter(r => !seen.has(`${r.code} ${r.location}`) && seen.add(`${r.code} ${r.location}`))
}

function recordedEntry(program: CompiledProgram, units: readonly SideUnit[]): Statement[] {
    const main = program.functions[0]
    const statements = main.statements.slice(entrySplit(program))
    for (const u of units) {
        if (!u.registration) continue
        const last = u.statements[u.statements.length - 1]
        statements.splice(statements.findIndex(s => s.pc === last.pc) + 1, 0, recorded(u)[u.statements.length])
    }
    // behind the handle of the statement, if it has one
    const started = startedAt(units)
    const at = started === undefined ? 0 : statements.findLastIndex(s => s.end === started) + 1
    const args = [expression("LOAD_GLOBAL", recordsMarker), integer(recordPlace.started), expression("TRUE")]
    statements.splice(at, 0, { pc: at === 0 ? -0.5 : statements[at - 1].pc + 0.25, end: started ?? 0, op: op.INDEX_SET, immediate: -1, args })
    return statements
}
