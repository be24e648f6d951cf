import type { CompiledProgram } from "../program/compiled-program.ts"
import { declaredNames } from "../program/top-level.ts"

/**
 * Source files that were only moved or renamed, by their new path: their functions and variables are still the same ones.
 * A file is the moved one when the text is the same, or most of the variables and functions in it have the same names.
 */
export function movedFiles(base: CompiledProgram, next: CompiledProgram): Map<string, string> {
    const own = (p: CompiledProgram) => p.debug.sources.filter(s => p.functions.every(f => f.path !== s.path || f.owner === "app" || f.owner === "entry") && !s.path.startsWith("node_modules/"))
    const before = new Map(own(base).map(s => [s.path, s]))
    const after = new Map(own(next).map(s => [s.path, s]))
    const gone = [...before.values()].filter(s => !after.has(s.path))
    const moved = new Map<string, string>()
    for (const s of after.values()) {
        if (before.has(s.path)) continue
        const names = namesIn(next, s.path)
        let best: string | undefined
        let bestShare = 0.5
        for (const g of gone) {
            const other = namesIn(base, g.path)
            const common = [...names].filter(n => other.has(n)).length
            const share = g.text === s.text ? 2 : names.size ? common / Math.max(names.size, other.size) : 0
            if (share > bestShare && ![...moved.values()].includes(g.path)) {
                best = g.path
                bestShare = share
            }
        }
        if (best !== undefined) moved.set(s.path, best)
    }
    return moved
}

function namesIn(program: CompiledProgram, path: string): Set<string> {
    const names = new Set(declaredNames(program).get(path))
    for (const f of program.functions) if (f.path === path && f.name !== "inline" && f.owner === "app") names.add(`${f.name}()`)
    return names
}

/**
 * The file that declares each global. Debug information has names only; where several files declare the same one, those
 * whose functions or top-level code use the global decide.
 */
export function globalPaths(program: CompiledProgram, pathOfTopLevel: (statement: number) => string | undefined): (string | undefined)[] {
    const declared = declaredNames(program)
    const votes = program.debug.globals.map(() => new Map<string, number>())
    const vote = (g: number, path: string | undefined) => {
        if (path === undefined || !declared.get(path)?.has(program.debug.globals[g]?.name)) return
        votes[g].set(path, (votes[g].get(path) ?? 0) + 1)
    }
    for (const f of program.functions) {
        f.statements.forEach((s, i) => {
            const path = f.index === 0 ? pathOfTopLevel(i) : f.path
            const visit = (e: { op?: { name: string }; immediate?: number; args?: readonly unknown[] }) => {
                if (e.op?.name === "LOAD_GLOBAL") vote(e.immediate!, path)
                for (const a of e.args ?? []) visit(a as never)
            }
            if (s.op.name === "STORE_GLOBAL") vote(s.immediate, path)
            for (const a of s.args) visit(a as never)
        })
    }
    return program.debug.globals.map((global, g) => {
        const best = [...votes[g]].sort((x, y) => y[1] - x[1])[0]
        if (best) return best[0]
        const files = [...declared].filter(([, names]) => names.has(global.name))
        return files.length === 1 ? files[0][0] : undefined
    })
}
