/** What the stock compiler writes beside a program (`bytecode-dbg.json`): names and places. */
export interface DebugFunction {
    name: string
    /** offset and length in all sources, one behind the other */
    location: [number, number]
    startpc: number
    size: number
    users: unknown[]
    slots: { name: string; type: "loc" | "arg" | "tmp" | "glb" }[]
    constVars: Record<string, unknown>
}

export interface DebugInfo {
    functions: DebugFunction[]
    globals: { name: string; type: string }[]
    /** triples: offset in all sources, its length, program counter; each relative to the one before */
    srcmap: number[]
    sources: { path: string; length: number; text?: string }[]
    [other: string]: unknown
}

export interface SourcePosition {
    path: string
    line: number
    column: number
}

/** Program counters and source offsets of a debug info, unpacked. */
export interface SourceMapEntry {
    offset: number
    length: number
    pc: number
}

export function sourceMapEntries(debug: DebugInfo): SourceMapEntry[] {
    const entries: SourceMapEntry[] = []
    let offset = 0
    let length = 0
    let pc = 0
    for (let i = 0; i + 2 < debug.srcmap.length; i += 3) {
        offset += debug.srcmap[i]
        length = debug.srcmap[i + 1]
        pc += debug.srcmap[i + 2]
        entries.push({ offset, length, pc })
    }
    return entries
}

export function packSourceMap(entries: readonly SourceMapEntry[]): number[] {
    const packed: number[] = []
    let offset = 0
    let pc = 0
    for (const e of entries) {
        packed.push(e.offset - offset, e.length, e.pc - pc)
        offset = e.offset
        pc = e.pc
    }
    return packed
}

/** File and position of an offset in all sources. Without the file's text, the position is its offset alone. */
export function sourcePosition(debug: DebugInfo, offset: number): SourcePosition | undefined {
    let start = 0
    for (const source of debug.sources) {
        if (offset < start + source.length) {
            const before = source.text?.slice(0, offset - start).split("\n")
            return before
                ? { path: source.path, line: before.length, column: before[before.length - 1].length + 1 }
                : { path: source.path, line: 0, column: offset - start }
        }
        start += source.length
    }
    return undefined
}
