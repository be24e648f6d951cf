import type { Statement } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import type { ImageTarget } from "../format/image.ts"
import { chooseSpares } from "../link/spare-classes.ts"
import { ImagePool, type LaidOutFunction, layOut } from "../pack/lay-out.ts"
import { type CompiledProgram, entrySplit, locate, type ProgramFunction } from "../program/compiled-program.ts"
import type { FaultPolicy, GuestFunction } from "../translate/guest-code.ts"
import { refusal, RefusalSignal } from "../translate/refusal.ts"
import type { Scope } from "../translate/scope.ts"
import { type CallTracking, translateFunction } from "../translate/translate-function.ts"
import type { Comparison } from "./comparison.ts"
import { marksNewObjects } from "./declared-migrations.ts"
import { faultPolicy } from "./fault-policy.ts"
import { type Findings, nameOf } from "./findings.ts"
import { loopTakeover } from "./loop-takeover.ts"
import { countsMemory } from "./migration-memory.ts"
import { type Additions, identity, nothingNew, programScope } from "./program-scope.ts"
import { keepsParameters } from "./rerun.ts"
import { addedKind, takesRest } from "./rest-arguments.ts"
import { keepsHandles } from "./starters.ts"
import { scopeOfBoth } from "./two-programs.ts"
import { bringsUpWhole } from "./whole-objects.ts"

export interface ShippedFunction {
    readonly key: string
    readonly name: string
    /** number of the function in the new build, or -1 for code that the builder made */
    readonly nextIndex: number
    readonly laidOut: LaidOutFunction
}

/** Fields for whose sake code looks at an object before it uses it. */
export interface LookedAtFields {
    /** that objects get by the update */
    readonly added: ReadonlySet<string>
    /** that a rule gives another meaning */
    readonly migrated: ReadonlySet<string>
}

/**
 * The functions that an image brings. Each gets its number when it is first asked for, by the update or by code that is
 * translated, and its code when it is its turn.
 */
export class Shipment implements Additions {
    readonly pool: ImagePool
    readonly functions: ShippedFunction[] = []
    /** numbers in the image of the new build's functions */
    readonly numbers = new Map<number, number>()
    /** loops of the base that new code takes over, as `function head` */
    readonly takenOver = new Set<string>()
    private readonly both: Comparison
    private readonly findings: Findings
    private readonly scope: Scope
    private readonly operations: ReadonlySet<string>
    private readonly migrated: ReadonlySet<number>
    /** functions that run while an object is brought up or down */
    private readonly migrating: ReadonlySet<number>
    /** functions whose timers and subscriptions the update has to find again */
    private readonly starters: ReadonlySet<number>
    private readonly spares: ReadonlyMap<number, number>
    /** functions to ship, by their number in the new build; grows while translating */
    private readonly queue: number[] = []
    private readonly cells = new Map<number, number>()
    private reserved = 0
    private tokenCount = 0

    constructor(both: Comparison, findings: Findings, fields: LookedAtFields, starters: ReadonlySet<number>) {
        const { base, next, match, migrations } = both
        this.both = both
        this.findings = findings
        this.starters = starters
        this.pool = new ImagePool(base)
        this.operations = new Set(base.operations.map(o => o.name))
        this.migrated = new Set(migrations.map(m => m.constructorIndex))
        this.migrating = new Set(migrations.flatMap(m => [...both.migrating(m)]))
        this.spares = this.assignSpares()
        const ofNext = programScope(base.program, next, match, this, fields.added, fields.migrated)
        const ofBase = programScope(base.program, base.program, identity(base.program), nothingNew, fields.added, fields.migrated)
        this.scope = scopeOfBoth(ofBase, ofNext, base.recordsGlobal)
    }

    get cellCount(): number {
        return this.cells.size
    }

    get tokens(): number {
        return this.tokenCount
    }

    /** Number in the image of a function that has to ship; queues it the first time. */
    functionNumber(nextIndex: number): number {
        let number = this.numbers.get(nextIndex)
        if (number === undefined) {
            number = this.reserve()
            this.numbers.set(nextIndex, number)
            this.queue.push(nextIndex)
        }
        return number
    }

    cellNumber(nextGlobal: number): number {
        let number = this.cells.get(nextGlobal)
        if (number === undefined) {
            number = this.cells.size
            this.cells.set(nextGlobal, number)
        }
        return number
    }

    /** The class itself ships when its name is first used. */
    spareClass(nextIndex: number): number {
        this.functionNumber(nextIndex)
        return this.spares.get(nextIndex) ?? this.both.base.spares[0]
    }

    /** Ships what was asked for, and what translating it has found to be needed, until nothing new is found. */
    shipQueue(): void {
        for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.ship(this.both.next.functions[next])
    }

    /** Ships the application's top-level code, to run at boot in the place of the base's. */
    shipEntry(statements: readonly Statement[]): void {
        const main = this.both.next.functions[0]
        this.findings.attempt(main, [], () => {
            const guest = translateFunction({
                statements,
                scope: this.scopeOf(main),
                parameterCount: 0,
                keptParameters: false,
                pinned: this.both.captured.of(main.index),
                operations: this.operations,
                calls: this.callsOf(0, main),
            })
            this.add(this.reserve(), main.key, main.name, 0, guest, { host: 0 }, "rethrow")
        })
        this.shipTakeovers(main)
    }

    /** Ships code that the builder made out of parts of the program; returns its number in the image. */
    shipMade(name: string, statements: readonly Statement[], parameterCount: number, origins: readonly number[] = []): number {
        const number = this.reserve()
        this.findings.attempt(this.both.next.functions[0], origins, () => {
            const guest = translateFunction({
                statements,
                scope: this.scope,
                parameterCount,
                keptParameters: false,
                pinned: new Map(),
                operations: this.operations,
            })
            this.add(number, name, name, -1, guest, { added: "function" }, "rethrow")
        })
        return number
    }

    /** Which spare class of the base stands for each class that it does not have. */
    private assignSpares(): ReadonlyMap<number, number> {
        const { base, next, match } = this.both
        const isNewClass = (f: ProgramFunction) => (f.devs.flags & FunctionFlag.isConstructor) !== 0 && !match.functions.has(f.index)
        const added = next.functions.filter(isNewClass)
        const assigned = new Map<number, number>()
        chooseSpares(added.map(f => f.key), base.spares.length).forEach((spare, i) => {
            if (spare !== undefined) assigned.set(added[i].index, base.spares[spare])
            else this.findings.refuse("HOV110", added[i], `the update adds ${added.length} classes, and a base has room for ${base.spares.length}`)
        })
        return assigned
    }

    private scopeOf(f: ProgramFunction): Scope {
        return { ...this.scope, captured: (slot, levels) => this.both.captured.place(f, slot, levels) }
    }

    private reserve(): number {
        return this.reserved++
    }

    private ship(f: ProgramFunction): void {
        const { next, hosts, captured } = this.both
        const before = this.both.before(f)
        const host = hosts.get(before?.index ?? this.spares.get(f.index) ?? -1)
        if (before === undefined && f.owner === "resident") {
            this.findings.refuse("HOV102", f, `the base was built without ${f.name}, which nothing used`)
            return
        }
        this.findings.attempt(f, [], () => {
            // what the base does not have, it has no older code for
            const policy = before === undefined || host === undefined ? "skip" : faultPolicy(f, before, captured)
            const kept = this.starters.has(f.index) ? keepsHandles(f.statements) : f.statements
            const unpacked = host === undefined ? takesRest(f, kept) : { statements: kept, parameterCount: f.devs.args }
            const statements = this.bringingUp(f, policy === "rerun" ? keepsParameters(kept, f.devs.args, f.devs.slots) : unpacked.statements)
            const counted = this.migrating.has(f.index) ? countsMemory(next, statements) : statements
            const guest = translateFunction({
                statements: this.migrated.has(f.index) ? marksNewObjects(next, counted) : counted,
                scope: this.scopeOf(f),
                parameterCount: unpacked.parameterCount,
                keptParameters: policy === "rerun" || (f.devs.flags & FunctionFlag.isConstructor) !== 0,
                pinned: captured.of(f.index),
                operations: this.operations,
                calls: this.callsOf(before?.index, f),
            })
            const target = host === undefined ? { added: addedKind(f) } : { host }
            this.add(this.numbers.get(f.index)!, f.key, f.name, f.index, guest, target, policy)
        })
        if (host !== undefined && before !== undefined) this.shipTakeovers(f)
    }

    private bringingUp(f: ProgramFunction, statements: readonly Statement[]): readonly Statement[] {
        return this.scope.hasNewFields || this.migrated.size ? bringsUpWhole(this.both.next, statements, f.devs.slots) : statements
    }

    /** Ships, for every loop of a replaced function that may have begun in the base's code, the code that goes on with it. */
    private shipTakeovers(f: ProgramFunction): void {
        const { base, next, hosts, captured } = this.both
        const before = this.both.before(f)!
        const own = (program: CompiledProgram, g: ProgramFunction) => (g.index === 0 ? g.statements.slice(entrySplit(program)) : g.statements)
        const loops = base.loops.map((l, i) => ({ ...l, number: base.hosts.length + i })).filter(l => l.functionIndex === before.index)
        for (const { ordinal: loop, headPc, number } of loops) {
            const plan = loopTakeover({
                base: before,
                next: f,
                baseStatements: own(base.program, before),
                nextStatements: own(next, f),
                loop,
                placeOf: slot => base.places.placeOf(before.index, slot),
                hasCaptured: captured.of(f.index).size > 0,
            })
            if ("reason" in plan) {
                this.noteLoop(f, plan.pc, plan.reason)
                continue
            }
            const parameters = Array.from({ length: f.index === 0 ? 0 : Math.min(f.devs.args, plan.parameterCount) }, (_, p) => [p, p] as const)
            try {
                const guest = translateFunction({
                    ...plan,
                    statements: this.bringingUp(f, plan.statements),
                    scope: this.scopeOf(f),
                    keptParameters: false,
                    pinned: new Map(parameters),
                    operations: this.operations,
                    calls: base.waiting.has(before.index) ? { movedFrom: hosts.get(before.index)! } : this.callsOf(undefined, f),
                })
                this.takenOver.add(`${before.index} ${headPc}`)
                this.add(this.reserve(), `${f.key}/loop${loop}`, nameOf(f), f.index, guest, { host: number }, f.index === 0 ? "rethrow" : "rerun")
            } catch (e) {
                if (!(e instanceof RefusalSignal)) throw e
                this.noteLoop(f, e.pc, e.message)
            }
        }
    }

    private noteLoop(f: ProgramFunction, pc: number, reason: string): void {
        this.findings.notes.push(refusal("HOV116", nameOf(f), locate(this.both.next, f.index, pc), reason))
    }

    /** Where the ledger gets to know of a function's calls, if they may wait. */
    private callsOf(baseIndex: number | undefined, f: ProgramFunction): CallTracking | undefined {
        if (baseIndex !== undefined && this.both.base.waiting.has(baseIndex)) return "prelude"
        return this.both.waiting.has(f.index) ? "own" : undefined
    }

    private add(number: number, key: string, name: string, nextIndex: number, guest: GuestFunction, target: ImageTarget, policy: FaultPolicy): void {
        const laidOut = layOut(guest, target, policy, this.pool, this.tokenCount)
        this.tokenCount += guest.tokens
        this.functions[number] = { key, name, nextIndex, laidOut }
    }
}
