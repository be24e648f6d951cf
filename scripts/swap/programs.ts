import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { RefusedError } from "../../toolchain/translate/refusal.ts"
import { inVersion, type Swappable, swappable, updateTo, updateToItself } from "../../test/support/swap-program.ts"

const corpusFolder = join(import.meta.dirname, "../../test/corpus")
const folder = join(import.meta.dirname, "../../test/programs")

/** A program and an image to swap in and out of it. */
export interface SwapProgram {
    readonly name: string
    readonly swappable: Swappable
    readonly image: Uint8Array
    /** how a run with swaps is judged; see sweep.ts */
    readonly oracle: "versions" | "same" | "oldPrefix"
}

/** Names of `test/programs/swap-*.ts`: each two versions with the same states in the same order, which say who they are. */
export function swapProgramNames(): string[] {
    return readdirSync(folder)
        .map(file => /^swap-(.*)\.ts$/.exec(file)?.[1] ?? "")
        .filter(name => name !== "" && name !== "harness")
        .sort()
}

export function loadSwapProgram(name: string): SwapProgram {
    const base = swappable(versionOf(name, "before"))
    return { name, swappable: base, image: updateTo(base, versionOf(name, "after")).file, oracle: "versions" }
}

function versionOf(name: string, version: "before" | "after"): Record<string, string> {
    return {
        "program.ts": inVersion(version, readFileSync(join(folder, `swap-${name}.ts`), "utf8")),
        "harness.ts": readFileSync(join(folder, "swap-harness.ts"), "utf8"),
        "version.ts": `export const V = ${version === "before" ? 1 : 2}\n`,
    }
}

/** Names of the corpus's edits. */
export function corpusNames(): string[] {
    return readdirSync(corpusFolder).filter(name => existsSync(join(corpusFolder, name, "before/main.ts")))
}

/**
 * A program of the corpus, with all of its functions replaced by themselves: nothing it prints may change. And, unless
 * the edit is refused, with its edit.
 */
export function loadCorpusPrograms(name: string): SwapProgram[] {
    const base = swappable(corpusFiles(name, "before"))
    const programs: SwapProgram[] = [{ name: `${name} by itself`, swappable: base, image: updateToItself(base).file, oracle: "same" }]
    try {
        programs.push({ name, swappable: base, image: updateTo(base, corpusFiles(name, "after")).file, oracle: "oldPrefix" })
    } catch (e) {
        if (!(e instanceof RefusedError)) throw e
    }
    return programs
}

function corpusFiles(name: string, version: "before" | "after"): Record<string, string> {
    const folder = join(corpusFolder, name, version)
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(file => file.endsWith(".ts"))
    return Object.fromEntries(files.map(file => [file === "main.ts" ? "program.ts" : file, readFileSync(join(folder, file), "utf8")]))
}
