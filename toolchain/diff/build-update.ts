import { encodeImage, type Image } from "../format/image.ts"
import type { LinkedBase } from "../link/link-base.ts"
import { type CompiledProgram, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { refusal, type Refusal, RefusedError } from "../translate/refusal.ts"
import { imageBudget } from "./budget.ts"
import { changedFunctions, functionsToBringUp, staleCallbacks } from "./changed-functions.ts"
import { classChanges, type MigrationPlan } from "./class-layout.ts"
import { Comparison } from "./comparison.ts"
import { classlessMigrations, fieldsSeenTo } from "./declared-migrations.ts"
import { entryChanges } from "./entry-code.ts"
import { Findings } from "./findings.ts"
import { type LostState, lostOnTheWayBack } from "./lost.ts"
import type { Match } from "./match.ts"
import { tooLarge } from "./migration-memory.ts"
import { mixing } from "./mixing.ts"
import { programRefusals } from "./program-refusals.ts"
import type { Sequence } from "./sequence.ts"
import { type ShippedFunction, Shipment } from "./shipment.ts"

export interface UpdateOptions {
    readonly sequence: number
    /** translate every function that can be replaced (or those with such keys), changed or not: for tests and benchmarks */
    readonly replaceAll?: boolean | ((key: string) => boolean)
    /**
     * Calls that have begun and would mix old and new code (HOV123): `wait` until they have ended, at most so long, or go over
     * `now`. Default: wait for 10 seconds.
     */
    readonly quiesce?: Quiesce
    /** largest image that the boards it is for can store; default: no limit. See toolchain/format/budget.ts */
    readonly imageMaxBytes?: number
}

export type Quiesce = "now" | { readonly waitMs: number }
export const defaultQuiesce: Quiesce = { waitMs: 10_000 }

export interface Update {
    readonly file: Uint8Array
    readonly image: Image
    readonly shipped: readonly ShippedFunction[]
    readonly match: Match
    /** what goes live only partly: loops that have begun and go on in the base's code */
    readonly notes: readonly Refusal[]
    /** state that is gone for the base's code when the image is called back */
    readonly lost: readonly LostState[]
}

/**
 * Builds the image that takes a board from `base` to `next`.
 *
 * @throws RefusedError with everything that cannot go live
 */
export function buildUpdate(base: LinkedBase, next: CompiledProgram, options: UpdateOptions): Update {
    const both = new Comparison(base, next)
    const { match, migrations } = both
    const findings = new Findings(next)
    const isAskedFor = (f: ProgramFunction): boolean => (typeof options.replaceAll === "function" ? options.replaceAll(f.key) : options.replaceAll === true)
    const changed = changedFunctions(both, isAskedFor, findings)
    const entry = entryChanges(base.program, next, match, both.names(true), both.names(false))
    const changes = classChanges(base.program, next, match, fieldsSeenTo(migrations))
    const fields = { added: new Set(changes.rules.flatMap(r => r.fields)), migrated: new Set(migrations.flatMap(m => m.fields)) }
    const shipment = new Shipment(both, findings, fields, entry.starters)
    findings.refusals.push(...programRefusals(base.program, next), ...classlessMigrations(next), ...entry.refusals, ...changes.refusals)
    for (const f of [...changed, ...functionsToBringUp(both, changes.rules, findings)]) shipment.functionNumber(f.index)
    for (const m of migrations) shipment.functionNumber(m.constructorIndex)
    judgeMigrations(both, findings)
    findings.notes.push(...entry.notes, ...staleCallbacks(both))

    if (entry.changed || isAskedFor(next.functions[0])) shipment.shipEntry(entry.entry)
    shipment.shipQueue()
    const rules = changes.rules.map(rule => shipRule(shipment, rule))
    const made = (name: string, code: Sequence) => (code.isEmpty ? undefined : shipment.shipMade(name, code.finish(), 0, code.origins))
    const initialise = made("initialise", entry.initialise)
    const goLive = made("goLive", entry.goLive)
    const goBack = made("goBack", entry.goBack)
    shipment.shipQueue()
    findings.check()

    const quiesce = callsToWaitFor(both, shipment, entry.changed, findings, options.quiesce ?? defaultQuiesce)
    const laidOut = shipment.functions.map(f => f.laidOut)
    const image: Image = {
        baseId: base.baseId,
        sequence: options.sequence,
        budget: imageBudget(laidOut, base.operations),
        strings: shipment.pool.strings,
        buffers: shipment.pool.buffers,
        cells: shipment.cellCount,
        tokens: shipment.tokens,
        functions: laidOut.map(f => f.function),
        rules,
        initialise,
        goLive,
        goBack,
        ...(quiesce ? { quiesce } : {}),
    }
    const file = encodeImage(image)
    checkSize(file, options.imageMaxBytes)
    return { file, image, shipped: shipment.functions, match, notes: findings.notes, lost: lostOnTheWayBack(base.program, next, match, changes.rules, migrations) }
}

/** The rules that the application declares run in one go, and with so much memory. */
function judgeMigrations(both: Comparison, findings: Findings): void {
    const { next, migrations, waiting } = both
    for (const m of migrations) {
        const declaration = locate(next, 0, m.pc)
        if (m.functions.some(i => waiting.has(i)))
            findings.refusals.push(refusal("HOV120", m.className, declaration, `migration to ${m.to} waits`))
        for (const i of both.migrating(m)) {
            const f = next.functions[i]
            const large = tooLarge(f.statements)
            if (large) findings.refusals.push(refusal("HOV122", f.name, locate(next, i, large.pc), `migration of ${m.className} to ${m.to}`))
        }
        if (!m.hasDown) findings.notes.push(refusal("HOV117", m.className, declaration, `migration to ${m.to} has no \`down\``))
    }
}

function shipRule(shipment: Shipment, { baseConstructor, fields, className, up }: MigrationPlan): Image["rules"][number] {
    return {
        constructor_: shipment.pool.word({ kind: "baseFunction", index: baseConstructor }, new Map()),
        fields: fields.map(f => shipment.pool.string(f)),
        up: shipment.shipMade(`${className}.migrate`, up, 1),
    }
}

/** Whose calls the board has to wait for, as they would mix old and new code. */
function callsToWaitFor(both: Comparison, shipment: Shipment, isEntryChanged: boolean, findings: Findings, mode: Quiesce): Image["quiesce"] {
    const { base, next, match, migrations, hosts, nextNumbers } = both
    const isReplaced = (b: number) => (b === 0 ? isEntryChanged : !nextNumbers.has(b) || shipment.numbers.has(nextNumbers.get(b)!))
    const found = mixing({
        base: base.program,
        next,
        match,
        isReplaced,
        waiting: base.waiting,
        migratedFields: new Map(migrations.flatMap(m => m.fields.map(f => [f, m.className] as const))),
        isTakenOver: (b, headPc) => shipment.takenOver.has(`${b} ${headPc}`),
    }).filter(m => hosts.has(m.functionIndex))
    for (const m of found) {
        const name = m.functionIndex === 0 ? "top-level code" : base.program.functions[m.functionIndex].name
        const detail = `a call that has begun goes on to ${m.what}${m.isEndless ? ", in a loop without an end" : ""}`
        findings.notes.push(refusal("HOV123", name, locate(base.program, m.functionIndex, m.pc), detail))
    }
    if (!found.length || mode === "now") return undefined
    return { deadlineMs: mode.waitMs, hosts: found.map(m => hosts.get(m.functionIndex)!) }
}

function checkSize(file: Uint8Array, imageMaxBytes: number | undefined): void {
    if (imageMaxBytes === undefined || file.length <= imageMaxBytes) return
    throw new RefusedError([refusal("HOV112", "image", "all of it", `it has ${file.length} bytes, and the board has room for ${imageMaxBytes}`)])
}
