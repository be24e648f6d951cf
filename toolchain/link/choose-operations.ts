import { Assembler } from "../devs/assembler.ts"
import { FunctionFlag } from "../devs/image.ts"
import { CapturedVariables } from "../diff/captured.ts"
import { matchPrograms } from "../diff/match.ts"
import { nothingNew, programScope } from "../diff/program-scope.ts"
import { keepsParameters } from "../diff/rerun.ts"
import { type BaseHandlers, fixedHandlers, fusedOperation, type Operation } from "../executor/operations.ts"
import { forms } from "../executor/forms.ts"
import { formOf, globalsOf, parsePattern } from "../executor/patterns.ts"
import { type CompiledProgram, entrySplit, type ProgramFunction } from "../program/compiled-program.ts"
import { RefusalSignal } from "../translate/refusal.ts"
import { translateFunction, type TranslationInput } from "../translate/translate-function.ts"
import type { CapturedPlaces } from "./captured-places.ts"

/** Flash that a base gives to its executor. */
export const executorBytesMax = 12 * 1024
/** Besides its own code, an operation takes part in the search for it by number and has a jump to it. */
const captureBytes = 10

/**
 * The operations of one base: the core, with which all code can be translated, and as many fused ones as fit. Those that
 * the base's own code would use most for their size come first, as a changed program is mostly the same program.
 */
export function chooseOperations(program: CompiledProgram, places: CapturedPlaces, base: BaseHandlers, core: readonly Operation[]): Operation[] {
    const weights = countOperations(program, places, base, new Set(core.map(o => o.name)))
    const weight = (o: Operation) => weights.get(o.name) ?? 0
    const known = new Set(core.map(o => o.name))
    const fused = [...weights.keys()]
        .filter(name => !known.has(name))
        .map(name => fusedOperation(name, base.machine)!)
        .map(operation => ({ operation, bytes: sizeOf(operation) }))
        .sort((x, y) => weight(y.operation) / y.bytes - weight(x.operation) / x.bytes)
    let bytes = core.reduce((n, o) => n + sizeOf(o), 0)
    const chosen = [...core]
    for (const f of fused) {
        if (bytes + f.bytes > executorBytesMax) continue
        bytes += f.bytes
        chosen.push(f.operation)
    }
    // low numbers take one byte in images
    const fixed = chosen.slice(0, fixedHandlers.length)
    return [...fixed, ...chosen.slice(fixedHandlers.length).sort((x, y) => weight(y) - weight(x))]
}

function sizeOf(operation: Operation): number {
    const a = new Assembler()
    operation.emit(a)
    return a.finish().code.length + captureBytes
}

/** How often each operation would be used if the base had all that have one of the known forms; a loop counts for several times. */
export function countOperations(
    program: CompiledProgram,
    places: CapturedPlaces,
    base: BaseHandlers,
    core: ReadonlySet<string>,
    allows: (form: string) => boolean = form => form in forms,
): Map<string, number> {
    const match = matchPrograms(program, program)
    const captured = new CapturedVariables({ program, places }, program, match)
    const shared = programScope(program, program, match, nothingNew, new Set(), new Set())
    const globals = new Set(base.globals)
    const operations = {
        has(name: string) {
            if (core.has(name)) return true
            const pattern = parsePattern(name)
            return pattern !== undefined && globalsOf(name).every(g => globals.has(g)) && allows(formOf(pattern))
        },
    }
    const weights = new Map<string, number>()
    const count = (f: ProgramFunction, input: Pick<TranslationInput, "statements" | "keptParameters">) => {
        try {
            const guest = translateFunction({
                ...input,
                scope: { ...shared, captured: (slot, levels) => captured.place(f, slot, levels) },
                parameterCount: f.index === 0 ? 0 : f.devs.args,
                pinned: captured.of(f.index),
                operations,
            })
            const depth = loopDepths(f)
            for (const item of guest.items)
                if ("operation" in item)
                    for (const name of [item.operation, ...partsOf(item.operation)])
                        weights.set(name, (weights.get(name) ?? 0) + 4 ** Math.min(3, depth(item.sourcePc)))
        } catch (e) {
            if (!(e instanceof RefusalSignal)) throw e
        }
    }
    for (const f of program.functions) {
        if (f.index === 0) count(f, { statements: f.statements.slice(entrySplit(program)), keptParameters: false })
        if (f.owner !== "app") continue
        const isConstructor = (f.devs.flags & FunctionFlag.isConstructor) !== 0
        count(f, { statements: f.statements, keptParameters: isConstructor })
        count(f, { statements: keepsParameters(f.statements, f.devs.args, f.devs.slots), keptParameters: true })
    }
    return weights
}

/** An operation that is made by joining two others needs those. */
function partsOf(name: string): string[] {
    return name.includes("; ") ? name.split("; ") : []
}

/** Number of loops around an offset of a function's code. */
function loopDepths(f: ProgramFunction): (pc: number) => number {
    const loops = f.statements.filter(s => s.op.immediate === "jump" && s.op.name !== "TRY" && s.immediate <= s.pc).map(s => [s.immediate, s.end])
    return pc => loops.filter(([start, end]) => start <= pc && pc < end).length
}
