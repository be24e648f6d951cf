import { type DevsFunction, sha256 } from "../devs/image.ts"
import type { CompiledProgram } from "../program/compiled-program.ts"
import { type DebugInfo, packSourceMap, sourceMapEntries } from "../program/debug-info.ts"
import type { Twin } from "./recursion.ts"

/**
 * Breakpoints and traces of the linked program: functions have moved, and statements of hosts within them.
 * @param starts addresses of the linked functions, twins behind the program's own
 * @param moves where the statements of a function went, by their offsets in its code
 */
export function shiftDebugInfo(
    program: CompiledProgram,
    twins: readonly Twin[],
    starts: readonly number[],
    functions: readonly DevsFunction[],
    moves: ReadonlyMap<number, ReadonlyMap<number, number>>,
    file: Uint8Array,
): DebugInfo {
    const before = program.debug.functions
    const ordered = before.map((f, i) => ({ start: f.startpc, index: i })).sort((x, y) => x.start - y.start)
    const moved = (i: number, offset: number): number => {
        const table = moves.get(i)
        if (!table) return offset
        let best = 0
        for (const [from, to] of table) if (from <= offset) best = to + (offset - from)
        return best
    }
    const entries = sourceMapEntries(program.debug).flatMap(e => {
        let owner = ordered[0].index
        for (const o of ordered) if (o.start <= e.pc) owner = o.index
        const offset = e.pc - before[owner].startpc
        const homes = [owner, ...twins.filter(t => t.functionIndex === owner).map(t => t.index)]
        return homes.map(i => ({ ...e, pc: starts[i] + moved(i, offset) }))
    })
    // debuggers take steps forward only; of two entries for one place, the narrower one stays behind the wider
    entries.sort((x, y) => x.pc - y.pc)
    return {
        ...program.debug,
        functions: [...before, ...twins.map(t => before[t.functionIndex])].map((f, i) => ({ ...f, startpc: starts[i], size: functions[i].code.length })),
        srcmap: packSourceMap(entries),
        binary: { ...(program.debug.binary as object), hex: Buffer.from(file).toString("hex") },
        binarySHA256: sha256(file).toString("hex"),
    }
}
