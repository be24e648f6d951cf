import { sha256 } from "../devs/image.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { type DebugInfo, packSourceMap, sourceMapEntries } from "../program/debug-info.ts"

/** A function of the linked program. */
export interface LinkedFunction {
    /** function of the compiled program that it is, or is a second form of */
    readonly from: number
    readonly start: number
    readonly sizeBytes: number
    /** where in it the statements went of each function whose code it has, by their offsets there */
    readonly origins: ReadonlyMap<number, ReadonlyMap<number, number>>
}

/** Breakpoints and traces of the linked program: functions have moved, and statements within them. */
export function shiftDebugInfo(program: CompiledProgram, linked: readonly LinkedFunction[], file: Uint8Array): DebugInfo {
    const before = program.debug.functions
    const ordered = before.map((f, i) => ({ start: f.startpc, index: i })).sort((x, y) => x.start - y.start)
    const homes = before.map((): { start: number; places: ReadonlyMap<number, number> }[] => [])
    for (const f of linked) for (const [from, places] of f.origins) homes[from].push({ start: f.start, places })
    const moved = (places: ReadonlyMap<number, number>, offset: number): number => {
        let best = 0
        for (const [from, to] of places) if (from <= offset) best = to + (offset - from)
        return best
    }
    const entries = sourceMapEntries(program.debug).flatMap(e => {
        let owner = ordered[0].index
        for (const o of ordered) if (o.start <= e.pc) owner = o.index
        const offset = e.pc - before[owner].startpc
        return homes[owner].map(home => ({ ...e, pc: home.start + moved(home.places, offset) }))
    })
    // debuggers take steps forward only; of two entries for one place, the narrower one stays behind the wider
    entries.sort((x, y) => x.pc - y.pc)
    return {
        ...program.debug,
        functions: linked.map(f => ({ ...before[f.from], startpc: f.start, size: f.sizeBytes })),
        srcmap: packSourceMap(entries),
        binary: { ...(program.debug.binary as object), hex: Buffer.from(file).toString("hex") },
        binarySHA256: sha256(file).toString("hex"),
    }
}
