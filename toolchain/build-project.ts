import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { type CompiledProgram, readProgram } from "./program/compiled-program.ts"
import { ProjectCopy } from "./project-copy.ts"
import { keepLibrary } from "./keep-library.ts"
import { patchTrustedKeys } from "./sign/index.ts"

export interface ProjectBuild {
    /** folder with devsconfig.json and src/ */
    readonly projectDir: string
    /** default src/main.ts */
    readonly entry?: string
    /** 60-byte public keys that the board will trust: one, or two for a rotation */
    readonly trustedKeys?: readonly Uint8Array[]
    /** vendor and class of the boards; with keys only, as without them no update is taken; default 0 */
    readonly productId?: number
    /** library functions that the program is linked with whether it uses them or not; see {@link keepLibrary} */
    readonly keep?: readonly string[]
    /** files that take the place of the project's own, by path from the project: a working copy with an edit */
    readonly overlay?: Readonly<Record<string, string>>
}

/** The stock compiler did not accept the program; `message` is what it said. */
export class BuildError extends Error {
    readonly code = "HOV_BUILD"
    constructor(message: string) {
        super(message)
        this.name = "BuildError"
    }
}

/** A compile makes and drops some hundred MB of trees: with the usual nursery a sixth of its time is garbage collection. */
export const NURSERY = "--max-semi-space-size=64"
export const DEFAULT_ENTRY = "src/main.ts"

const require = createRequire(import.meta.url)
const compiler = join(dirname(require.resolve("@devicescript/cli/package.json")), "devicescript")

/** Compiles a project with the stock compiler and reads the result. The project's folder is left alone. */
export async function buildProject(build: ProjectBuild): Promise<CompiledProgram> {
    const copy = new ProjectCopy(build.projectDir)
    try {
        copy.refresh(build.overlay)
        keepLibrary(copy.dir, build.entry ?? DEFAULT_ENTRY, build.keep ?? [])
        await compile(copy.dir, build.entry ?? DEFAULT_ENTRY)
        return readBuilt(copy.dir, build)
    } finally {
        copy.remove()
    }
}

/** What the compiler has left in a folder, with the keys that the board will trust put in. */
export function readBuilt(dir: string, { trustedKeys, productId }: Pick<ProjectBuild, "trustedKeys" | "productId">): CompiledProgram {
    const output = join(dir, ".devicescript/bin")
    const devs = new Uint8Array(readFileSync(join(output, "bytecode.devs")))
    const debug = readFileSync(join(output, "bytecode-dbg.json"), "utf8")
    return readProgram(trustedKeys?.length ? patchTrustedKeys(devs, trustedKeys, productId) : devs, debug)
}

async function compile(dir: string, entry: string): Promise<void> {
    try {
        await promisify(execFile)(process.execPath, [NURSERY, compiler, "build", "--quiet", "--no-colors", entry], {
            cwd: dir,
            env: { ...process.env, CI: "true" },
            maxBuffer: 16 << 20,
        })
    } catch (e) {
        const { stdout, stderr, message } = e as { stdout?: string; stderr?: string; message: string }
        throw new BuildError(`${stdout ?? ""}${stderr ?? ""}`.trim() || message)
    }
}
