import type { Expr, Statement } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import { accumulatorSlot } from "../executor/frame.ts"
import { encodeImage, type Image, type ImageTarget } from "../format/image.ts"
import type { LinkedBase } from "../link/link-base.ts"
import { ImagePool, type LaidOutFunction, layOut } from "../pack/lay-out.ts"
import { type CompiledProgram, entrySplit, locate, type ProgramFunction } from "../program/compiled-program.ts"
import { waitingFunctions } from "../program/waiting-functions.ts"
import type { FaultPolicy, GuestFunction } from "../translate/guest-code.ts"
import { refusal, type Refusal, RefusalSignal, RefusedError } from "../translate/refusal.ts"
import { type CallTracking, translateFunction } from "../translate/translate-function.ts"
import { imageBudget } from "./budget.ts"
import type { Scope } from "../translate/scope.ts"
import { classlessMigrations, type DeclaredMigration, declaredMigrations, fieldsSeenTo, marksNewObjects } from "./declared-migrations.ts"
import { classChanges, type MigrationPlan } from "./class-layout.ts"
import { entryChanges } from "./entry-code.ts"
import { type Match, matchPrograms } from "./match.ts"
import { programRefusals } from "./program-refusals.ts"
import { identity, nothingNew, programScope } from "./program-scope.ts"
import { functionText, type Names } from "./shape.ts"
import { CapturedVariables } from "./captured.ts"
import { switchPoints } from "../link/loops.ts"
import { loopTakeover } from "./loop-takeover.ts"
import { type LostState, lostOnTheWayBack } from "./lost.ts"
import { countsMemory, tooLarge } from "./migration-memory.ts"
import { mixing } from "./mixing.ts"
import { Reach } from "./reach.ts"
import { keepsParameters } from "./rerun.ts"
import { chooseSpares } from "../link/spare-classes.ts"
import { addedKind, takesRest } from "./rest-arguments.ts"
import type { Sequence } from "./sequence.ts"
import { keepsHandles } from "./starters.ts"
import { touchingFunctions } from "./touching.ts"
import { scopeOfBoth } from "./two-programs.ts"
import { bringsUpWhole } from "./whole-objects.ts"

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

export interface ShippedFunction {
    readonly key: string
    readonly name: string
    /** number of the function in the new build, or -1 for code that the builder made */
    readonly nextIndex: number
    readonly laidOut: LaidOutFunction
}

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
 * Builds the image that takes a board from `base` to `next`. Throws RefusedError with everything that cannot go live.
 */
export function buildUpdate(base: LinkedBase, next: CompiledProgram, options: UpdateOptions): Update {
    const builder = new UpdateBuilder(base, next, options)
    return builder.build()
}

class UpdateBuilder {
    private readonly base: LinkedBase
    private readonly next: CompiledProgram
    private readonly options: UpdateOptions
    private readonly match: Match
    private readonly pool: ImagePool
    private readonly refusals: Refusal[] = []
    private readonly shipped: ShippedFunction[] = []
    /** functions to ship, by their number in the new build; grows while translating */
    private readonly queue: number[] = []
    private readonly numbers = new Map<number, number>()
    private readonly cells = new Map<number, number>()
    private readonly operations: ReadonlySet<string>
    private readonly hosts: ReadonlyMap<number, number>
    private readonly captured: CapturedVariables
    private readonly notes: Refusal[] = []
    private readonly spares = new Map<number, number>()
    private starters: ReadonlySet<number> = new Set()
    private readonly migrations: readonly DeclaredMigration[]
    private readonly waiting: ReadonlySet<number>
    private readonly reach: Reach
    /** loops of the base that new code takes over, as `function head` */
    private readonly takenOver = new Set<string>()
    private tokens = 0
    private shippedCount = 0

    constructor(base: LinkedBase, next: CompiledProgram, options: UpdateOptions) {
        this.base = base
        this.next = next
        this.options = options
        this.match = matchPrograms(base.program, next)
        this.waiting = waitingFunctions(next)
        this.reach = new Reach(next)
        this.captured = new CapturedVariables(base, next, this.match)
        this.migrations = declaredMigrations(base.program, next, this.match)
        this.pool = new ImagePool(base)
        this.operations = new Set(base.operations.map(o => o.name))
        this.hosts = new Map(base.hosts.map((h, i) => [h.functionIndex, i]))
    }

    build(): Update {
        for (const f of this.next.functions) if (this.isToShip(f)) this.enqueue(f.index)
        const entry = entryChanges(this.base.program, this.next, this.match, this.names(true), this.names(false))
        this.assignSpares()
        for (const r of [...programRefusals(this.base.program, this.next), ...classlessMigrations(this.next), ...entry.refusals]) this.refusals.push(r)
        const changes = classChanges(this.base.program, this.next, this.match, fieldsSeenTo(this.migrations))
        for (const r of changes.refusals) this.refusals.push(r)
        const newFields = new Set(changes.rules.flatMap(r => r.fields))
        const migratedFields = new Set(this.migrations.flatMap(m => m.fields))
        this.enqueueTouching(changes.rules)
        const additions = { functionNumber: (i: number) => this.enqueue(i), cellNumber: (g: number) => this.cell(g), spareClass: (i: number) => this.spareClass(i) }
        const ofNext = programScope(this.base.program, this.next, this.match, additions, newFields, migratedFields)
        const asBase = identity(this.base.program)
        const ofBase = programScope(this.base.program, this.base.program, asBase, nothingNew, newFields, migratedFields)
        const scope = scopeOfBoth(ofBase, ofNext, this.base.recordsGlobal)
        for (const m of this.migrations) {
            this.enqueue(m.constructorIndex)
            if (m.functions.some(i => this.waiting.has(i)))
                this.refusals.push(refusal("HOV120", m.className, locate(this.next, 0, m.pc), `migration to ${m.to} waits`))
            for (const i of this.migrating(m)) {
                const f = this.next.functions[i]
                const large = tooLarge(f.statements)
                if (large) this.refusals.push(refusal("HOV122", f.name, locate(this.next, i, large.pc), `migration of ${m.className} to ${m.to}`))
            }
            if (!m.hasDown)
                this.notes.push(refusal("HOV117", m.className, locate(this.next, 0, m.pc), `migration to ${m.to} has no \`down\``))
        }
        this.notes.push(...entry.notes, ...this.staleCallbacks())
        this.starters = entry.starters
        if (entry.changed || this.isAskedFor(this.next.functions[0])) this.shipEntry(entry.entry, scope)
        this.shipQueue(scope)
        const rules = changes.rules.map(r => ({
            constructor_: this.pool.word({ kind: "baseFunction", index: r.baseConstructor }, new Map()),
            fields: r.fields.map(f => this.pool.string(f)),
            up: this.shipMade(`${r.className}.migrate`, r.up, 1, scope),
        }))
        const made = (name: string, code: Sequence) => (code.isEmpty ? undefined : this.shipMade(name, code.finish(), 0, scope, code.origins))
        const initialise = made("initialise", entry.initialise)
        const goLive = made("goLive", entry.goLive)
        const goBack = made("goBack", entry.goBack)
        this.shipQueue(scope)
        if (this.refusals.length) throw new RefusedError(oncePerPlace(this.refusals))
        const quiesce = this.quiesce(entry.changed, new Map(this.migrations.flatMap(m => m.fields.map(f => [f, m.className] as const))))
        const image: Image = {
            baseId: this.base.baseId,
            sequence: this.options.sequence,
            budget: imageBudget(this.shipped.map(s => s.laidOut), this.base.operations),
            strings: this.pool.strings,
            buffers: this.pool.buffers,
            cells: this.cells.size,
            tokens: this.tokens,
            functions: this.shipped.map(s => s.laidOut.function),
            rules,
            initialise,
            goLive,
            goBack,
            ...(quiesce ? { quiesce } : {}),
        }
        const file = encodeImage(image)
        const { imageMaxBytes } = this.options
        if (imageMaxBytes !== undefined && file.length > imageMaxBytes)
            throw new RefusedError([
                refusal("HOV112", "image", "all of it", `it has ${file.length} bytes, and the board has room for ${imageMaxBytes}`),
            ])
        return { file, image, shipped: this.shipped, match: this.match, notes: this.notes, lost: lostOnTheWayBack(this.base.program, this.next, this.match, changes.rules, this.migrations) }
    }

    /** Functions that are as they were, and use fields that objects have to be brought up for. */
    private enqueueTouching(rules: readonly MigrationPlan[]): void {
        const next = new Map([...this.match.functions].map(([n, b]) => [b, n]))
        const byName = (all: readonly { readonly fields: readonly string[]; readonly of: number }[]) => {
            const found = new Map<string, Set<number>>()
            for (const { fields, of } of all) for (const field of fields) found.set(field, (found.get(field) ?? new Set()).add(of))
            return found
        }
        const touching = touchingFunctions(this.next, {
            added: byName(rules.map(r => ({ fields: r.fields, of: next.get(r.baseConstructor)! }))),
            migrated: byName(this.migrations.map(m => ({ fields: m.fields, of: m.constructorIndex }))),
        })
        for (const f of touching) {
            const baseIndex = this.match.functions.get(f.index)
            if (baseIndex === undefined) continue
            if (this.hosts.has(baseIndex)) this.enqueue(f.index)
            else this.refuse("HOV106", f, `it has ${f.devs.args} parameters, and uses a field that objects get by the update`)
        }
    }

    /** Whose calls the board has to wait for. */
    private quiesce(isEntryChanged: boolean, migratedFields: ReadonlyMap<string, string>): Image["quiesce"] {
        const back = new Map([...this.match.functions].map(([n, b]) => [b, n]))
        const isReplaced = (b: number) => (b === 0 ? isEntryChanged : !back.has(b) || this.numbers.has(back.get(b)!))
        const { program, waiting } = this.base
        const found = mixing({
            base: program,
            next: this.next,
            match: this.match,
            isReplaced,
            waiting,
            migratedFields,
            isTakenOver: (b, headPc) => this.takenOver.has(`${b} ${headPc}`),
        }).filter(m => this.hosts.has(m.functionIndex))
        const mode = this.options.quiesce ?? defaultQuiesce
        for (const m of found) {
            const name = m.functionIndex === 0 ? "top-level code" : program.functions[m.functionIndex].name
            const detail = `a call that has begun goes on to ${m.what}${m.isEndless ? ", in a loop without an end" : ""}`
            this.notes.push(refusal("HOV123", name, locate(program, m.functionIndex, m.pc), detail))
        }
        if (!found.length || mode === "now") return undefined
        return { deadlineMs: mode.waitMs, hosts: found.map(m => this.hosts.get(m.functionIndex)!) }
    }

    /** Callbacks that functions of the base may have registered, and that the new build makes as other functions. */
    private staleCallbacks(): Refusal[] {
        const { program } = this.base
        return this.match.successors.flatMap(([n, b]) => {
            const f = this.next.functions[n]
            const isRegistered = program.functions.some(g => g.owner === "app" && handsOut(g, b))
            return f.owner === "app" && isRegistered ? [refusal("HOV119", f.name, locate(this.next, n, 0), "it is another function than before")] : []
        })
    }

    /** Ships what translating has found to be needed, until nothing new is found. */
    private shipQueue(scope: Scope): void {
        for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.ship(this.next.functions[next], scope)
    }

    /** Ships the application's top-level code, to run at boot in the place of the base's. */
    private shipEntry(statements: readonly Statement[], scope: Scope): void {
        const main = this.next.functions[0]
        this.attempt(main, [], () => {
            const guest = translateFunction({
                statements,
                scope: this.scopeOf(main, scope),
                parameterCount: 0,
                keptParameters: false,
                pinned: this.captured.of(main.index),
                operations: this.operations,
                calls: this.callsOf(0, main),
            })
            this.add(this.reserve(), main.key, main.name, 0, guest, { host: 0 }, "rethrow")
        })
        this.shipTakeovers(main, scope)
    }

    /** Which spare class of the base stands for each class that it does not have. */
    private assignSpares(): void {
        const isNewClass = (f: ProgramFunction) => (f.devs.flags & FunctionFlag.isConstructor) !== 0 && !this.match.functions.has(f.index)
        const added = this.next.functions.filter(isNewClass)
        const { spares } = this.base
        chooseSpares(added.map(f => f.key), spares.length).forEach((spare, i) => {
            const f = added[i]
            if (spare !== undefined) this.spares.set(f.index, spares[spare])
            else this.refuse("HOV110", f, `the update adds ${added.length} classes, and a base has room for ${spares.length}`)
        })
    }

    /** The class itself ships when its name is first used. */
    private spareClass(nextIndex: number): number {
        this.enqueue(nextIndex)
        return this.spares.get(nextIndex) ?? this.base.spares[0]
    }

    /** `up`, `down`, and the application's functions that they call. */
    private migrating(m: DeclaredMigration): ReadonlySet<number> {
        const own = m.functions.map(i => this.next.functions[i])
        const called = own.flatMap(f => [...this.reach.calledFrom(f.statements)])
        return new Set([...m.functions, ...called].filter(i => this.next.functions[i].owner === "app"))
    }

    private isAskedFor(f: ProgramFunction): boolean {
        const { replaceAll } = this.options
        return typeof replaceAll === "function" ? replaceAll(f.key) : replaceAll === true
    }

    private isToShip(f: ProgramFunction): boolean {
        if (f.owner === "entry") return false
        const baseIndex = this.match.functions.get(f.index)
        if (baseIndex === undefined) return false
        const before = this.base.program.functions[baseIndex]
        const isHost = this.hosts.has(baseIndex)
        if (isHost && this.isAskedFor(f)) return true
        if (functionText(this.base.program, this.names(false), before) === functionText(this.next, this.names(true), f)) return false
        if (f.owner === "resident") return this.refuse("HOV102", f, "the resident's code is different")
        if (f.owner === "library") return this.refuse("HOV105", f, "a library function is different")
        if (!isHost) return this.refuse("HOV106", f, `it has ${before.devs.args} parameters`)
        if (f.devs.args > before.devs.args) return this.refuse("HOV115", f, `it has ${f.devs.args - before.devs.args} more parameters than before`)
        const kind = FunctionFlag.isConstructor | FunctionFlag.needsThis | FunctionFlag.hasRestArgument
        if ((f.devs.flags & kind) !== (before.devs.flags & kind))
            return this.refuse("HOV115", f, "it was called in another way before")
        return true
    }

    private refuse(code: Parameters<typeof refusal>[0], f: ProgramFunction, detail: string): false {
        this.refusals.push(refusal(code, f.name, locate(this.next, f.index, 0), detail))
        return false
    }

    /** What code refers to, named by the base where the base has it. */
    private names(ofNext: boolean): Names {
        if (!ofNext) return { function: i => `b${i}`, global: g => `b${g}` }
        return {
            function: i => (this.match.functions.has(i) ? `b${this.match.functions.get(i)}` : `n${i}`),
            global: g => (this.match.globals.has(g) ? `b${this.match.globals.get(g)}` : `n${g}`),
        }
    }

    private scopeOf(f: ProgramFunction, scope: Scope): Scope {
        return { ...scope, captured: (slot, levels) => this.captured.place(f, slot, levels) }
    }

    /** Number in the image of a function that has to ship; queues it the first time. */
    private enqueue(nextIndex: number): number {
        let number = this.numbers.get(nextIndex)
        if (number === undefined) {
            number = this.reserve()
            this.numbers.set(nextIndex, number)
            this.queue.push(nextIndex)
        }
        return number
    }

    private reserve(): number {
        return this.shippedCount++
    }

    private cell(nextGlobal: number): number {
        let number = this.cells.get(nextGlobal)
        if (number === undefined) {
            number = this.cells.size
            this.cells.set(nextGlobal, number)
        }
        return number
    }

    private ship(f: ProgramFunction, scope: Scope): void {
        const baseIndex = this.match.functions.get(f.index)
        const host = this.hosts.get(baseIndex ?? this.spares.get(f.index) ?? -1)
        if (baseIndex === undefined && f.owner === "resident") {
            this.refuse("HOV102", f, `the base was built without ${f.name}, which nothing used`)
            return
        }
        this.attempt(f, [], () => {
            // what the base does not have, it has no older code for
            const policy = baseIndex === undefined || host === undefined ? "skip" : this.faultPolicy(f, this.base.program.functions[baseIndex])
            const kept = this.starters.has(f.index) ? keepsHandles(f.statements) : f.statements
            const unpacked = host === undefined ? takesRest(f, kept) : { statements: kept, parameterCount: f.devs.args }
            const statements = this.bringingUp(scope, f, policy === "rerun" ? keepsParameters(kept, f.devs.args, f.devs.slots) : unpacked.statements)
            const isMigrated = this.migrations.some(m => m.constructorIndex === f.index)
            const counted = this.migrations.some(m => this.migrating(m).has(f.index)) ? countsMemory(this.next, statements) : statements
            const guest = translateFunction({
                statements: isMigrated ? marksNewObjects(this.next, counted) : counted,
                scope: this.scopeOf(f, scope),
                parameterCount: unpacked.parameterCount,
                keptParameters: policy === "rerun" || (f.devs.flags & FunctionFlag.isConstructor) !== 0,
                pinned: this.captured.of(f.index),
                operations: this.operations,
                calls: this.callsOf(baseIndex, f),
            })
            const target = host === undefined ? { added: addedKind(f) } : { host }
            this.add(this.numbers.get(f.index)!, f.key, f.name, f.index, guest, target, policy)
        })
        if (host !== undefined && baseIndex !== undefined) this.shipTakeovers(f, scope)
    }

    private bringingUp(scope: Scope, f: ProgramFunction, statements: readonly Statement[]): readonly Statement[] {
        return scope.hasNewFields || this.migrations.length ? bringsUpWhole(this.next, statements, f.devs.slots) : statements
    }

    /** Ships, for every loop of a replaced function that may have begun in the base's code, the code that goes on with it. */
    private shipTakeovers(f: ProgramFunction, scope: Scope): void {
        const base = this.base.program.functions[this.match.functions.get(f.index)!]
        const own = (program: CompiledProgram, g: ProgramFunction) => (g.index === 0 ? g.statements.slice(entrySplit(program)) : g.statements)
        const loops = this.base.loops.map((l, i) => ({ ...l, number: this.base.hosts.length + i })).filter(l => l.functionIndex === base.index)
        loops.forEach(point => {
            const loop = point.ordinal
            const plan = loopTakeover({
                base,
                next: f,
                baseStatements: own(this.base.program, base),
                nextStatements: own(this.next, f),
                loop,
                placeOf: slot => this.base.places.placeOf(base.index, slot),
                hasCaptured: this.captured.of(f.index).size > 0,
            })
            const name = f.index === 0 ? "top-level code" : f.name
            if ("reason" in plan) {
                this.notes.push(refusal("HOV116", name, locate(this.next, f.index, plan.pc), plan.reason))
                return
            }
            const parameters = Array.from({ length: f.index === 0 ? 0 : Math.min(f.devs.args, plan.parameterCount) }, (_, p) => [p, p] as const)
            try {
                const guest = translateFunction({
                    ...plan,
                    statements: this.bringingUp(scope, f, plan.statements),
                    scope: this.scopeOf(f, scope),
                    keptParameters: false,
                    pinned: new Map(parameters),
                    operations: this.operations,
                    calls: this.base.waiting.has(base.index) ? { movedFrom: this.hosts.get(base.index)! } : this.callsOf(undefined, f),
                })
                this.takenOver.add(`${base.index} ${point.headPc}`)
                this.add(this.reserve(), `${f.key}/loop${loop}`, name, f.index, guest, { host: point.number }, f.index === 0 ? "rethrow" : "rerun")
            } catch (e) {
                if (!(e instanceof RefusalSignal)) throw e
                this.notes.push(refusal("HOV116", name, locate(this.next, f.index, e.pc), e.message))
            }
        })
    }

    /** Where the ledger gets to know of a function's calls, if they may wait. */
    private callsOf(baseIndex: number | undefined, f: ProgramFunction): CallTracking | undefined {
        if (baseIndex !== undefined && this.base.waiting.has(baseIndex)) return "prelude"
        return this.waiting.has(f.index) ? "own" : undefined
    }

    private faultPolicy(f: ProgramFunction, before: ProgramFunction): FaultPolicy {
        const policy = faultPolicy(f, before)
        return policy === "rerun" && !this.canKeepParameters(f) ? "rethrow" : policy
    }

    /** The ninth parameter arrives where the executor works; one that is captured and assigned can have no copy. */
    private canKeepParameters(f: ProgramFunction): boolean {
        const captured = [...this.captured.of(f.index).keys()].filter(slot => slot < f.devs.args)
        const assigned = (slot: number) =>
            f.statements.some(s => s.op.name === "STORE_LOCAL" && s.immediate === slot) || this.captured.isAssignedByInner(f.index, slot)
        return f.devs.args <= accumulatorSlot && !captured.some(assigned)
    }

    /** Ships code that the builder made out of parts of the program; returns its number in the image. */
    private shipMade(name: string, statements: readonly Statement[], parameterCount: number, scope: Scope, origins: readonly number[] = []): number {
        const number = this.reserve()
        this.attempt(this.next.functions[0], origins, () => {
            const guest = translateFunction({
                statements,
                scope,
                parameterCount,
                keptParameters: false,
                pinned: new Map(),
                operations: this.operations,
            })
            this.add(number, name, name, -1, guest, { added: "function" }, "rethrow")
        })
        return number
    }

    /** Turns a refusal of the translator into one that says where. */
    private attempt(f: ProgramFunction, origins: readonly number[], translate: () => void): void {
        try {
            translate()
        } catch (e) {
            if (!(e instanceof RefusalSignal)) throw e
            this.refusals.push(refusal(e.code, f.index === 0 ? "top-level code" : f.name, locate(this.next, f.index, origins[e.pc] ?? e.pc), e.message))
        }
    }

    private add(number: number, key: string, name: string, nextIndex: number, guest: GuestFunction, target: ImageTarget, policy: FaultPolicy): void {
        const laidOut = layOut(guest, target, policy, this.pool, this.tokens)
        this.tokens += guest.tokens
        this.shipped[number] = { key, name, nextIndex, laidOut }
    }
}

/** Top-level code is translated for boot and for the running program: what it is refused for, it is refused for once. */
function oncePerPlace(refusals: readonly Refusal[]): Refusal[] {
    return refusals.filter((r, i) => refusals.findIndex(x => x.code === r.code && x.location === r.location && x.detail === r.detail) === i)
}

/** Whether a function's code uses another one as a value. */
function handsOut(g: ProgramFunction, index: number): boolean {
    return g.statements.some(s => {
        let found = false
        const visit = (e: Expr, isCallee: boolean): void => {
            if (e.kind === "int") return
            const isIt = e.immediate === index && (e.op.name === "MAKE_CLOSURE" || e.op.name === "STATIC_FUNCTION")
            if (isIt && !isCallee) found = true
            for (const x of e.args) visit(x, false)
        }
        s.args.forEach((e, i) => visit(e, i === 0 && s.op.name.startsWith("CALL")))
        return found
    })
}

/** A callback that returns nothing can be left out; a call whose result is used is made again on the older code. */
function faultPolicy(next: ProgramFunction, base: ProgramFunction): FaultPolicy {
    const returnsValue = (f: ProgramFunction) =>
        (f.devs.flags & FunctionFlag.isConstructor) !== 0 ||
        f.statements.some(
            s => s.op.name === "RETURN" && !(s.args[0].kind === "op" && s.args[0].op.name === "UNDEFINED"),
        )
    // left out, a loop that goes on for ever would be gone
    return returnsValue(next) || returnsValue(base) || switchPoints(base).length ? "rerun" : "skip"
}
