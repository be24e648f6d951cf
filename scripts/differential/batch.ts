import { harnessSource } from "./harness.ts"
import { randomProgram } from "./program.ts"

/** Several programs in one build, each in a module of its own, run one behind the other. */
export interface Batch {
    readonly seeds: readonly number[]
    /** sources by path from `src/` */
    readonly files: Readonly<Record<string, string>>
}

export function makeBatch(seeds: readonly number[]): Batch {
    const files: Record<string, string> = { "harness.ts": harnessSource }
    for (const seed of seeds) files[`p${seed}.ts`] = randomProgram(seed)
    files["program.ts"] = [
        'import * as ds from "@devicescript/core"',
        ...seeds.map(n => `import { run as run${n} } from "./p${n}"`),
        ...seeds.map(n => `console.log("program ${n}")\nawait run${n}()`),
        "await ds.sleep(100)",
        'console.log("done")',
    ].join("\n")
    return { seeds, files }
}
