import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"
import { shape } from "./shape.ts"

/** Which functions and globals of a new build are which of the base's. */
export interface Match {
    /** new function number -> base function number */
    readonly functions: ReadonlyMap<number, number>
    /** new global number -> base global number */
    readonly globals: ReadonlyMap<number, number>
}

/**
 * Numbers change with every edit, so functions are matched by their keys: path, nesting, name. Functions that share a
 * name in one scope (all anonymous ones are called `inline`) are matched in their order; where their number has changed,
 * those of the same shape are found first and the others keep to the gaps between them.
 */
export function matchPrograms(base: CompiledProgram, next: CompiledProgram): Match {
    const functions = new Map<number, number>()
    const baseGroups = groups(base)
    for (const [name, members] of groups(next)) {
        const candidates = baseGroups.get(name) ?? []
        for (const [n, b] of align(members, candidates)) functions.set(n.index, b.index)
    }
    return { functions, globals: matchGlobals(base, next) }
}

function groups(program: CompiledProgram): Map<string, ProgramFunction[]> {
    const found = new Map<string, ProgramFunction[]>()
    for (const f of program.functions) {
        const name = `${f.key.replace(/~\d+$/, "")}|${f.devs.flags & 2}`
        const group = found.get(name)
        if (group) group.push(f)
        else found.set(name, [f])
    }
    for (const group of found.values()) group.sort((x, y) => x.debug.location[0] - y.debug.location[0])
    return found
}

function align(next: ProgramFunction[], base: ProgramFunction[]): [ProgramFunction, ProgramFunction][] {
    if (next.length === base.length) return next.map((f, i) => [f, base[i]])
    if (!next.length || !base.length) return []
    const a = next.map(shape)
    const b = base.map(shape)
    const pairs: [ProgramFunction, ProgramFunction][] = []
    let from = 0
    let fromBase = 0
    for (const [i, j] of [...commonSubsequence(a, b), [a.length, b.length]]) {
        // what stands between two that are the same is matched in order
        for (let k = 0; from + k < i && fromBase + k < j; k++) pairs.push([next[from + k], base[fromBase + k]])
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

function matchGlobals(base: CompiledProgram, next: CompiledProgram): Map<number, number> {
    const names = (p: CompiledProgram) => {
        const seen = new Map<string, number>()
        return p.debug.globals.map(g => {
            const n = seen.get(g.name) ?? 0
            seen.set(g.name, n + 1)
            return `${g.name}#${n}`
        })
    }
    const known = new Map(names(base).map((name, i) => [name, i]))
    const globals = new Map<number, number>()
    names(next).forEach((name, i) => {
        const b = known.get(name)
        if (b !== undefined) globals.set(i, b)
    })
    return globals
}
