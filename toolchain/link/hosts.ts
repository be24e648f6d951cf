import { Assembler } from "../devs/assembler.ts"
import type { DevsFunction } from "../devs/image.ts"
import { type Statement, visitExprs } from "../devs/code.ts"
import { expressionOf, placeOf, reassemble } from "../devs/reassemble.ts"
import { accumulatorSlot, codeSlot, frameSlots, secondSlot } from "../executor/frame.ts"
import type { MachineGlobals } from "../executor/operations.ts"
import { emitBackEdge } from "./loops.ts"
import { emitReplacedCode } from "./replaced-code.ts"
import { type CapturedPlaces, capturedUses } from "./captured-places.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"

/** Parameters that have a slot before the ones that the executor needs. */
export const parametersMax = accumulatorSlot + 1

/**
 * A function of the base that replaced code can take the place of. The first one is the application's part of `main`:
 * an image whose top-level code differs runs its own when the board boots.
 */
export interface Host {
    readonly functionIndex: number
    readonly key: string
    /** VM global that points to the replacement, or is undefined */
    readonly pointer: number
}

export function isHost(f: ProgramFunction): boolean {
    return f.owner === "app" && f.devs.args <= parametersMax
}

/**
 * The code in front of a host's own:
 *
 * ```
 *      if (!pointer) goto body
 *      CODE := pointer
 *      run CODE                       // emitReplacedCode
 * body:
 * ```
 *
 * An exception in replaced code so comes back to the frame it happened in, with all registers as they were: a guest's
 * own catch blocks, the guard and the way back to the native body all start from here.
 */
export function emitPrelude(a: Assembler, pointer: number, machine: MachineGlobals): void {
    a.emit("JMP_Z", "body", ["LOAD_GLOBAL", pointer])
    a.emit("STORE_LOCAL", codeSlot, ["LOAD_GLOBAL", pointer])
    emitReplacedCode(a, machine, "body")
}

/** A host whose calls the ledger notes, as they may wait. */
export interface NotedHost {
    /** its number among the hosts */
    readonly number: number
    readonly enterCall: number
    readonly leaveCall: number
}

/** What a call that may wait does in front of all else. */
export function emitEnterCall(a: Assembler, host: NotedHost, pointer: number): void {
    a.emit("CALL2", ["STATIC_FUNCTION", host.enterCall], host.number, ["LOAD_GLOBAL", pointer])
}

/** A return of such a call; false for any other statement. The value comes first, as it may throw. */
export function emitLeaveCall(a: Assembler, s: Statement, host: NotedHost | undefined): boolean {
    if (!host || s.op.name !== "RETURN") return false
    a.emit("STORE_LOCAL", secondSlot, expressionOf(s.args[0]))
    a.emit("CALL1", ["STATIC_FUNCTION", host.leaveCall], host.number)
    a.emit("RETURN", ["LOAD_LOCAL", secondSlot])
    return true
}

/** A host's code and where each of its own statements went. */
export interface HostCode {
    readonly code: Uint8Array
    readonly preludeBytes: number
    /** offset of a statement in the linked code, by its offset in the compiled code */
    readonly places: ReadonlyMap<number, number>
}

/** @param loops pointers of the loops that can be taken over, by the offset of their heads */
export function hostCode(statements: readonly Statement[], pointer: number, machine: MachineGlobals, loops: ReadonlyMap<number, number>, noted?: NotedHost): HostCode {
    const a = new Assembler()
    if (noted) {
        emitEnterCall(a, noted, pointer)
        a.emit("TRY", "left")
    }
    emitPrelude(a, pointer, machine)
    reassemble(a, statements, s => emitBackEdge(a, s, loops) || emitLeaveCall(a, s, noted))
    if (noted) {
        a.label("left")
        a.emit("CATCH")
        a.emit("STORE_LOCAL", secondSlot, ["RET_VAL"])
        a.emit("CALL1", ["STATIC_FUNCTION", noted.leaveCall], noted.number)
        a.emit("RE_THROW", ["LOAD_LOCAL", secondSlot])
    }
    const { code, labels } = a.finish()
    return { code, preludeBytes: labels.get("body")!, places: new Map(statements.map(s => [s.pc, labels.get(placeOf(s.pc))!])) }
}

export function hostFunction(f: DevsFunction, code: Uint8Array, isNoted: boolean): DevsFunction {
    return {
        ...f,
        code,
        slots: Math.max(f.slots, frameSlots),
        tryFrames: Math.max(f.tryFrames, 1) + (isNoted ? 1 : 0),
    }
}

/** Globals that only the application and the top-level code touch: replaced code may use them. */
export function applicationGlobals(program: CompiledProgram): number[] {
    const app = new Set<number>()
    const others = new Set<number>()
    for (const f of program.functions) {
        const into = f.owner === "app" ? app : f.owner === "entry" ? undefined : others
        eachImmediate(f, ["LOAD_GLOBAL", "STORE_GLOBAL"], g => into?.add(g))
    }
    const main = program.functions[0]
    const split = entrySplit(program)
    main.statements.forEach((s, i) =>
        eachImmediate({ statements: [s] }, ["LOAD_GLOBAL", "STORE_GLOBAL"], g => {
            // an image with top-level code of its own runs all from here on, first values of libraries' variables included
            if (i >= split || !others.has(g)) app.add(g)
        }),
    )
    return [...app].sort((x, y) => x - y)
}

/** Functions that capture variables, made in application code. */
export function closureFunctions(program: CompiledProgram): number[] {
    const found = new Set<number>()
    for (const f of program.functions) if (f.owner === "app" || f.owner === "entry") eachImmediate(f, ["MAKE_CLOSURE"], g => {
        if (program.functions[g].owner === "app") found.add(g)
    })
    return [...found].sort((x, y) => x - y)
}

/** Places of captured variables in their owners' frames. */
export function capturedSlots(program: CompiledProgram, places: CapturedPlaces): number[] {
    const found = new Set<number>()
    for (const f of program.functions)
        if (f.owner === "app") for (const u of capturedUses(program, f)) found.add(places.placeOf(u.owner, u.slot))
    return [...found].sort((x, y) => x - y)
}

export function eachImmediate(f: Pick<ProgramFunction, "statements">, names: readonly string[], visit: (immediate: number) => void): void {
    for (const s of f.statements) {
        if (names.includes(s.op.name)) visit(s.immediate)
        visitExprs(s.args, e => {
            if (e.kind === "op" && names.includes(e.op.name)) visit(e.immediate)
        })
    }
}

