import { existsSync, readFileSync, statSync } from "node:fs"
import { buildProject } from "../toolchain/build-project.ts"
import { type BaseBundle, baseBundle, looksLikeBaseBundle, readBaseBundle } from "../toolchain/pack/base-bundle.ts"
import { keptBy } from "../toolchain/keep-library.ts"
import type { CompiledProgram } from "../toolchain/program/compiled-program.ts"
import { CliError } from "./cli-error.ts"
import { type Config, readConfig } from "./config.ts"
import { bundlesFolder, shown } from "./paths.ts"
import { join } from "node:path"
import { withProgress } from "./progress.ts"
import type { Output } from "./output.ts"

/** Reads bundles; a folder stands for the `base.json` in it. */
export function readBundles(files: readonly string[]): BaseBundle[] {
    return files.map(file => {
        if (!existsSync(file))
            throw new CliError("HOV_CLI_FILE", `there is no base bundle ${shown(file)}: make one with "handover build", or name one with --base`)
        return readBaseBundle(readFileSync(file, "utf8"))
    })
}

/** Whether a path is a project's folder (else it is a file). */
export function isProject(path: string): boolean {
    return existsSync(path) && statSync(path).isDirectory()
}

/** What a program that is compared with a base takes from it; default: what the project's configuration says. */
export interface SameAsBase {
    readonly productId?: number
    readonly keep?: readonly string[]
}

export function sameAs(base: BaseBundle): SameAsBase {
    return { productId: base.productId, keep: keptBy(base.linked.program) }
}

export function compile(out: Output, config: Config, trustedKeys: readonly Uint8Array[], { productId = config.productId, keep = config.keep }: SameAsBase = {}): Promise<CompiledProgram> {
    return withProgress(out, `Compile ${shown(config.projectDir) || "the project"}`, () =>
        buildProject({ projectDir: config.projectDir, entry: config.entry, keep, trustedKeys, productId }),
    )
}

/** The base that a bundle file holds, or that a project's folder would become. */
export async function baseOf(out: Output, path: string): Promise<BaseBundle> {
    if (isProject(path)) {
        const config = readConfig(path)
        return baseBundle(await compile(out, config, []), config.packageVersion ?? "0.0.0")
    }
    return readBundles([path])[0]
}

/** The program that a bundle file holds, or that a project's folder compiles to with the keys of `base`. */
export async function programOf(out: Output, path: string, base: BaseBundle): Promise<CompiledProgram> {
    if (isProject(path)) return compile(out, readConfig(path), base.trustedKeys, sameAs(base))
    const text = existsSync(path) ? readFileSync(path, "utf8") : undefined
    if (text === undefined || !looksLikeBaseBundle(text))
        throw new CliError("HOV_CLI_FILE_KIND", `${path} is neither a project's folder nor a base bundle`)
    return readBaseBundle(text).linked.program
}

/** The bundle of a base that was built here. */
export function findBundle(outDir: string, baseId: string): BaseBundle | undefined {
    const file = join(bundlesFolder(outDir), `${baseId}.json`)
    return existsSync(file) ? readBaseBundle(readFileSync(file, "utf8")) : undefined
}
