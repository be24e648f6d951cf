import { decodeCode, type Statement, visitExprs } from "../devs/code.ts"
import { type DevsFunction, type DevsImage, parseDevs } from "../devs/image.ts"
import { type DebugFunction, type DebugInfo, type SourceMapEntry, sourceMapEntries, sourcePosition } from "./debug-info.ts"

/** Which part of a program a function belongs to. Only the application's own code can be replaced. */
export type Owner = "app" | "resident" | "library" | "entry"

export interface ProgramFunction {
    readonly index: number
    readonly name: string
    readonly devs: DevsFunction
    readonly debug: DebugFunction
    readonly path: string
    readonly owner: Owner
    /**
     * Stable name: source path, the functions around it, its own name, and its position among those of the same name.
     * Numbers change with every edit; this does not.
     */
    readonly key: string
    readonly statements: readonly Statement[]
    /** function in whose code a closure of this one is made, if it captures variables */
    readonly creator: number | undefined
}

export interface CompiledProgram {
    readonly file: Uint8Array
    readonly image: DevsImage
    readonly debug: DebugInfo
    readonly functions: readonly ProgramFunction[]
    readonly ownership: Ownership
}

/** Folders (as the compiler names them) whose code is the resident. */
export interface Ownership {
    readonly residentPaths: readonly string[]
}

export const defaultOwnership: Ownership = {
    residentPaths: ["src/hotswap/", "src/dfu/", "src/bootloader/", "src/resident.ts", "src/cold.ts", "src/index.ts", "node_modules/handover/"],
}

const libraryPrefix = "node_modules/@devicescript/"
/** Functions that the compiler makes itself: they run the top-level code and fill the prototypes. */
const entryFunctions = ["main", "prototype"]

/** Reads what `devs build` wrote: the program and its debug information. */
export function readProgram(file: Uint8Array, debugText: string, ownership: Ownership = defaultOwnership): CompiledProgram {
    const image = parseDevs(file)
    const debug = JSON.parse(debugText) as DebugInfo
    const functions = image.functions.map((devs, index) => {
        const info = debug.functions[index]
        const path = sourcePosition(debug, info.location[0])?.path ?? "?"
        const owner = index < entryFunctions.length && entryFunctions[index] === info.name ? "entry" : ownerOf(path, ownership)
        return { index, name: info.name, devs, debug: info, path, owner, statements: decodeCode(devs.code) }
    })
    const creators = closureCreators(functions)
    const keys = functionKeys(functions)
    return {
        file,
        image,
        debug,
        functions: functions.map((f, i) => ({ ...f, key: keys[i], creator: creators.get(i) })),
        ownership,
    }
}

function ownerOf(path: string, ownership: Ownership): Owner {
    if (ownership.residentPaths.some(p => path.startsWith(p) || path.includes(`/${p}`))) return "resident"
    return path.startsWith(libraryPrefix) || path.includes(`/${libraryPrefix}`) ? "library" : "app"
}

function closureCreators(functions: readonly { index: number; statements: readonly Statement[] }[]): Map<number, number> {
    const creators = new Map<number, number>()
    for (const f of functions)
        for (const s of f.statements)
            visitExprs(s.args, e => {
                if (e.kind === "op" && e.op.name === "MAKE_CLOSURE") creators.set(e.immediate, f.index)
            })
    return creators
}

interface Located {
    index: number
    name: string
    path: string
    debug: DebugFunction
    devs: DevsFunction
}

/** Nesting comes from the positions in the source: a function stands in the smallest other one around it. */
function functionKeys(functions: readonly Located[]): string[] {
    const end = (f: Located) => f.debug.location[0] + f.debug.location[1]
    const contains = (outer: Located, inner: Located) =>
        outer.path === inner.path &&
        outer.index !== inner.index &&
        outer.debug.location[0] <= inner.debug.location[0] &&
        end(inner) <= end(outer) &&
        (outer.debug.location[1] > inner.debug.location[1] || outer.index < inner.index)
    const parents = functions.map(f => {
        let best: Located | undefined
        for (const g of functions)
            if (!entryFunctions.includes(g.name) && contains(g, f) && (!best || g.debug.location[1] < best.debug.location[1])) best = g
        return best
    })
    const ordinals = new Map<string, number>()
    const keys: string[] = []
    const bySource = [...functions].sort((x, y) => x.debug.location[0] - y.debug.location[0] || y.debug.location[1] - x.debug.location[1])
    for (const f of bySource) {
        const parent = parents[f.index]
        const scope = parent ? (keys[parent.index] ?? parent.name) : f.path
        const name = `${scope}/${f.name}`
        const n = ordinals.get(name) ?? 0
        ordinals.set(name, n + 1)
        keys[f.index] = n === 0 ? name : `${name}~${n + 1}`
    }
    return keys
}

const sortedMaps = new WeakMap<DebugInfo, SourceMapEntry[]>()

function sortedMap(debug: DebugInfo): SourceMapEntry[] {
    let entries = sortedMaps.get(debug)
    if (!entries) {
        entries = sourceMapEntries(debug)
            .map((e, i) => ({ e, i }))
            .sort((x, y) => x.e.pc - y.e.pc || x.i - y.i)
            .map(x => x.e)
        sortedMaps.set(debug, entries)
    }
    return entries
}

/** Source offset that an offset of a function's code came from, or undefined. */
export function sourceOffset(program: CompiledProgram, functionIndex: number, pc: number): number | undefined {
    const { startpc, size } = program.debug.functions[functionIndex]
    const entries = sortedMap(program.debug)
    let low = 0
    let high = entries.length
    while (low < high) {
        const middle = (low + high) >> 1
        if (entries[middle].pc <= startpc + pc) low = middle + 1
        else high = middle
    }
    const best = entries[low - 1]
    return best && best.pc >= startpc && best.pc < startpc + size ? best.offset : undefined
}

/**
 * Number of the first top-level statement that belongs to the application: all behind the resident's own. Top-level code
 * runs in the order of imports, so what comes before it has run when the resident boots a bank.
 */
export function entrySplit(program: CompiledProgram): number {
    const main = program.functions[0]
    let split = 0
    main.statements.forEach((s, i) => {
        const offset = sourceOffset(program, 0, s.pc)
        const path = offset === undefined ? undefined : sourcePosition(program.debug, offset)?.path
        if (path !== undefined && ownerOf(path, program.ownership) === "resident") split = i + 1
    })
    return split
}

/** Where in the source an offset of a function's code came from, as `path:line`. */
export function locate(program: CompiledProgram, functionIndex: number, pc: number): string {
    const offset = sourceOffset(program, functionIndex, pc) ?? program.debug.functions[functionIndex].location[0]
    const position = sourcePosition(program.debug, offset)
    return position ? `${position.path}:${position.line}` : "?"
}
