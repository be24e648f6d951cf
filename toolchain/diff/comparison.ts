import type { LinkedBase } from "../link/link-base.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { waitingFunctions } from "../program/waiting-functions.ts"
import { CapturedVariables } from "./captured.ts"
import { type DeclaredMigration, declaredMigrations } from "./declared-migrations.ts"
import { type Match, matchPrograms } from "./match.ts"
import { Reach } from "./reach.ts"
import type { Names } from "./shape.ts"

/** A base and the build that is to follow it, side by side: what is known of both before anything ships. */
export class Comparison {
    readonly base: LinkedBase
    readonly next: CompiledProgram
    readonly match: Match
    readonly migrations: readonly DeclaredMigration[]
    readonly captured: CapturedVariables
    /** functions of the next build that may wait */
    readonly waiting: ReadonlySet<number>
    /** number of the host of each function of the base that can be replaced */
    readonly hosts: ReadonlyMap<number, number>
    /** numbers in the next build of the base's functions */
    readonly nextNumbers: ReadonlyMap<number, number>
    private readonly reach: Reach

    constructor(base: LinkedBase, next: CompiledProgram) {
        this.base = base
        this.next = next
        this.match = matchPrograms(base.program, next)
        this.migrations = declaredMigrations(base.program, next, this.match)
        this.captured = new CapturedVariables(base, next, this.match)
        this.waiting = waitingFunctions(next)
        this.reach = new Reach(next)
        this.hosts = new Map(base.hosts.map((h, i) => [h.functionIndex, i]))
        this.nextNumbers = new Map([...this.match.functions].map(([n, b]) => [b, n]))
    }

    /** The function of the base that `f` of the next build is. */
    before(f: ProgramFunction): ProgramFunction | undefined {
        const baseIndex = this.match.functions.get(f.index)
        return baseIndex === undefined ? undefined : this.base.program.functions[baseIndex]
    }

    /** What code refers to, named by the base where the base has it. */
    names(ofNext: boolean): Names {
        if (!ofNext) return { function: i => `b${i}`, global: g => `b${g}` }
        return {
            function: i => (this.match.functions.has(i) ? `b${this.match.functions.get(i)}` : `n${i}`),
            global: g => (this.match.globals.has(g) ? `b${this.match.globals.get(g)}` : `n${g}`),
        }
    }

    /** `up`, `down`, and the application's functions that they call. */
    migrating(m: DeclaredMigration): ReadonlySet<number> {
        const own = m.functions.map(i => this.next.functions[i])
        const called = own.flatMap(f => [...this.reach.calledFrom(f.statements)])
        return new Set([...m.functions, ...called].filter(i => this.next.functions[i].owner === "app"))
    }
}
