import { join, relative, resolve } from "node:path"
import type { Config } from "./config.ts"

/** A path as a person would write it from here. */
export function shown(path: string): string {
    const short = relative(process.cwd(), path)
    return short.startsWith("..") ? path : short
}

export function inProject(config: Config, path: string): string {
    return resolve(config.projectDir, path)
}

/** Bundles in the build folder, for looking one up by its base id. */
export function bundlesFolder(outDir: string): string {
    return join(outDir, "bases")
}
