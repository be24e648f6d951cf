import { createRequire } from "node:module"
import type ts from "typescript"

let loaded: typeof ts | undefined

/**
 * The TypeScript compiler, loaded when it is first used. Not by `import`, for which node looks through its 9 MB for the names
 * that it exports: that takes a process several times as long as to load it.
 */
export function typescript(): typeof ts {
    loaded ??= createRequire(import.meta.url)("typescript") as typeof ts
    return loaded
}
