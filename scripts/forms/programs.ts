import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { patchableInProcess } from "../../test/support/replaced-program.ts"
import { countOperations } from "../../toolchain/link/choose-operations.ts"
import type { LinkedBase } from "../../toolchain/link/link-base.ts"
import { formOf, parsePattern } from "../../toolchain/executor/patterns.ts"
import { readCorpus } from "../corpus/edits.ts"

/** A sample program, built when it is asked for. */
export interface Sample {
    /** `bench/fib`, `corpus/07-…` */
    readonly name: string
    readonly link: () => LinkedBase
}

const programs = join(import.meta.dirname, "../../test/programs")

/** The programs of the benchmark, and those of the corpus as they were before the edit. */
export function samples(only?: ReadonlySet<string>): Sample[] {
    const benchmarks = readdirSync(programs)
        .filter(file => file.startsWith("bench-"))
        .map(file => ({ name: `bench/${file.slice("bench-".length, -".ts".length)}`, files: () => ({ "program.ts": readFileSync(join(programs, file), "utf8") }) }))
    const edits = readCorpus().map(edit => ({ name: `corpus/${edit.name}`, files: () => edit.before }))
    return [...benchmarks, ...edits].filter(s => !only || only.has(s.name)).map(({ name, files }) => ({ name, link: () => patchableInProcess(files()).base }))
}

/** Forms of the fused operations that a program's own code is translated to; `allows` is asked for each that could be. */
export function formsUsed(base: LinkedBase, allows: (form: string) => boolean): Set<string> {
    const counted = countOperations(base.program, base.places, base.handlers, base.core, allows)
    const fused = [...counted.keys()].filter(name => !base.core.has(name) && parsePattern(name) !== undefined)
    return new Set(fused.map(name => formOf(parsePattern(name)!)))
}
