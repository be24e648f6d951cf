import { visitExprs } from "../devs/code.ts"
import { FunctionFlag } from "../devs/image.ts"
import { type CompiledProgram, type ProgramFunction, sourceOffset } from "../program/compiled-program.ts"
import { sourcePosition } from "../program/debug-info.ts"
import { fingerprint, shape } from "./shape.ts"
import { globalPaths, movedFiles } from "./source-files.ts"

/** Which functions and globals of a new build are which of the base's. */
export interface Match {
    /** new function number -> base function number */
    readonly functions: ReadonlyMap<number, number>
    /** new global number -> base global number */
    readonly globals: ReadonlyMap<number, number>
    /** new path -> path in the base, of files that were moved or renamed */
    readonly files: ReadonlyMap<string, string>
    /** functions that are others now for their callers, and the base's that they were: [new number, base number] */
    readonly successors: readonly (readonly [next: number, base: number])[]
}

/**
 * Numbers change with every edit, so functions are matched by their keys: path, nesting, name. Functions that share a
 * name in one scope (all anonymous ones are called `inline`) are matched in their order; where their number has changed,
 * those of the same content are found first, then those of the same shape, and the others keep to the gaps between them.
 */
export function matchPrograms(base: CompiledProgram, next: CompiledProgram): Match {
    const files = movedFiles(base, next)
    const functions = new Map<number, number>()
    const nextLevels = levels(next)
    const baseLevels = levels(base)
    const successors: [number, number][] = []
    const users = usersOf(next)
    // outer functions first: an inner one is matched among those in the match of the function around it
    nextLevels.forEach((level, depth) => {
        const candidates = groups(baseLevels[depth] ?? [], f => f.path, i => i)
        for (const [name, members] of groups(level, f => files.get(f.path) ?? f.path, i => functions.get(i)))
            for (const [n, b] of align(next, members, base, candidates.get(name) ?? []))
                if (takesArgumentsOf(n, b) && closesOverSame(n, b)) functions.set(n.index, b.index)
                else successors.push([n.index, b.index])
    })
    return { functions, globals: matchGlobals(base, next, files), files, successors }

    /**
     * Closures made before the update run the new code only if it needs no more than they have. One that captures nothing
     * any more is still made as a closure, where only the function around it makes it.
     */
    function closesOverSame(n: ProgramFunction, b: ProgramFunction): boolean {
        if (n.owner !== "app" || n.creator !== undefined) return (n.creator === undefined) === (b.creator === undefined)
        return b.creator === undefined || [...(users.get(n.index) ?? [])].every(user => functions.get(user) === b.creator)
    }
}

/** Functions in whose code each function is named as a plain value. */
function usersOf(program: CompiledProgram): Map<number, Set<number>> {
    const users = new Map<number, Set<number>>()
    for (const f of program.functions)
        for (const s of f.statements)
            visitExprs(s.args, e => {
                if (e.kind !== "op" || e.op.name !== "STATIC_FUNCTION") return
                const known = users.get(e.immediate)
                if (known) known.add(f.index)
                else users.set(e.immediate, new Set([f.index]))
            })
    return users
}

/**
 * The VM gives a function as many arguments as the base declares: one with more parameters is another function, and so is
 * one that is called in another way. Constructors stay what they are, as objects are told by them; other rules refuse those.
 */
function takesArgumentsOf(next: ProgramFunction, base: ProgramFunction): boolean {
    if (next.devs.flags & FunctionFlag.isConstructor || next.owner !== "app") return true
    return next.devs.args <= base.devs.args && next.devs.flags === base.devs.flags
}

interface Nested {
    f: ProgramFunction
    parent: number | undefined
}

/** Functions by how many others stand around them. */
function levels(program: CompiledProgram): Nested[][] {
    const byKey = new Map(program.functions.map(f => [f.key, f]))
    const parentOf = (f: ProgramFunction) => byKey.get(f.key.slice(0, f.key.lastIndexOf("/")))
    const found: Nested[][] = []
    for (const f of program.functions) {
        let depth = 0
        for (let p = parentOf(f); p; p = parentOf(p)) depth++
        found[depth] ??= []
        found[depth].push({ f, parent: parentOf(f)?.index })
    }
    return Array.from(found, level => level ?? [])
}

function groups(
    level: readonly Nested[],
    pathOf: (f: ProgramFunction) => string,
    parentId: (index: number) => number | undefined,
): Map<string, ProgramFunction[]> {
    const found = new Map<string, ProgramFunction[]>()
    for (const { f, parent } of level) {
        const scope = parent === undefined ? pathOf(f) : parentId(parent)
        if (scope === undefined) continue
        // a constructor has no other role
        const name = `${scope}/${f.name}|${f.devs.flags & 2}`
        const group = found.get(name)
        if (group) group.push(f)
        else found.set(name, [f])
    }
    for (const group of found.values()) group.sort((x, y) => x.debug.location[0] - y.debug.location[0])
    return found
}

type Pair = [ProgramFunction, ProgramFunction]

function align(nextProgram: CompiledProgram, next: ProgramFunction[], baseProgram: CompiledProgram, base: ProgramFunction[]): Pair[] {
    if (!next.length || !base.length) return []
    if (next.length === 1 && base.length === 1) return [[next[0], base[0]]]
    const exact = next.map(f => fingerprint(nextProgram, f))
    const exactBase = base.map(f => fingerprint(baseProgram, f))
    return inGaps(exact, exactBase, next, base, (n, b) =>
        inGaps(n.map(shape), b.map(shape), n, b, (m, c) => m.slice(0, c.length).map((f, i) => [f, c[i]])),
    )
}

/** Pairs those that are the same, in order, and lets `rest` pair what stands between two such. */
function inGaps(
    a: readonly string[],
    b: readonly string[],
    next: ProgramFunction[],
    base: ProgramFunction[],
    rest: (next: ProgramFunction[], base: ProgramFunction[]) => Pair[],
): Pair[] {
    const pairs: Pair[] = []
    let from = 0
    let fromBase = 0
    for (const [i, j] of [...commonSubsequence(a, b), [a.length, b.length]]) {
        pairs.push(...rest(next.slice(from, i), base.slice(fromBase, j)))
        if (i < a.length) pairs.push([next[i], base[j]])
        from = i + 1
        fromBase = j + 1
    }
    return pairs
}

/** Longest common subsequence, as pairs of indices. */
export function commonSubsequence(a: readonly string[], b: readonly string[]): [number, number][] {
    const length = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
    for (let i = a.length - 1; i >= 0; i--)
        for (let j = b.length - 1; j >= 0; j--)
            length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1])
    const pairs: [number, number][] = []
    for (let i = 0, j = 0; i < a.length && j < b.length; ) {
        if (a[i] === b[j]) pairs.push([i++, j++])
        else if (length[i + 1][j] >= length[i][j + 1]) i++
        else j++
    }
    return pairs
}

/** Variables are matched by the file that declares them and their name; those of which the file is not known, by order. */
function matchGlobals(base: CompiledProgram, next: CompiledProgram, files: ReadonlyMap<string, string>): Map<number, number> {
    const names = (p: CompiledProgram, moved: ReadonlyMap<string, string>) => {
        const seen = new Map<string, number>()
        const paths = globalPaths(p, i => topLevelPath(p, i))
        return p.debug.globals.map((g, i) => {
            const path = paths[i]
            const key = `${path === undefined ? "?" : (moved.get(path) ?? path)}/${g.name}`
            const n = seen.get(key) ?? 0
            seen.set(key, n + 1)
            return `${key}#${n}`
        })
    }
    const known = new Map(names(base, new Map()).map((name, i) => [name, i]))
    const globals = new Map<number, number>()
    names(next, files).forEach((name, i) => {
        const b = known.get(name)
        if (b !== undefined) globals.set(i, b)
    })
    return globals
}

function topLevelPath(program: CompiledProgram, statement: number): string | undefined {
    const offset = sourceOffset(program, 0, program.functions[0].statements[statement].pc)
    return offset === undefined ? undefined : sourcePosition(program.debug, offset)?.path
}
