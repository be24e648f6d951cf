import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { cp } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { type CompiledProgram, readProgram } from "./program/compiled-program.ts"
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

const require = createRequire(import.meta.url)
const compiler = join(dirname(require.resolve("@devicescript/cli/package.json")), "devicescript")
/** What a build reads, besides package.json and .env files. */
const projectFiles = ["devsconfig.json", "package.json", "tsconfig.json", "src", "services", "boards", ".env", ".env.defaults"]

/**
 * Compiles a project with the stock compiler and reads the result. The project's folder is left alone: the build runs in a
 * copy, so that two builds (base and edit) can run side by side.
 */
export async function buildProject(build: ProjectBuild): Promise<CompiledProgram> {
    const project = resolve(build.projectDir)
    const cache = join(project, "node_modules", ".cache", "handover")
    mkdirSync(cache, { recursive: true })
    const copy = mkdtempSync(join(cache, "build-"))
    try {
        for (const name of projectFiles)
            if (existsSync(join(project, name))) await cp(join(project, name), join(copy, name), { recursive: true })
        linkModules(project, copy)
        for (const [path, text] of Object.entries(build.overlay ?? {})) {
            mkdirSync(dirname(join(copy, path)), { recursive: true })
            writeFileSync(join(copy, path), text)
        }
        await compile(copy, build.entry ?? "src/main.ts")
        const output = join(copy, ".devicescript/bin")
        const devs = new Uint8Array(readFileSync(join(output, "bytecode.devs")))
        const debug = readFileSync(join(output, "bytecode-dbg.json"), "utf8")
        return readProgram(build.trustedKeys?.length ? patchTrustedKeys(devs, build.trustedKeys, build.productId) : devs, debug)
    } finally {
        rmSync(copy, { recursive: true, force: true })
    }
}

/** The compiler puts its own @devicescript packages into node_modules, so that one folder is the copy's own. */
function linkModules(project: string, copy: string): void {
    const modules = join(project, "node_modules")
    if (!existsSync(modules)) return
    mkdirSync(join(copy, "node_modules"))
    for (const name of readdirSync(modules))
        if (name !== "@devicescript" && !name.startsWith(".")) symlinkSync(join(modules, name), join(copy, "node_modules", name))
}

async function compile(dir: string, entry: string): Promise<void> {
    try {
        await promisify(execFile)(process.execPath, [compiler, "build", "--quiet", "--no-colors", entry], {
            cwd: dir,
            env: { ...process.env, CI: "true" },
            maxBuffer: 16 << 20,
        })
    } catch (e) {
        const { stdout, stderr, message } = e as { stdout?: string; stderr?: string; message: string }
        throw new BuildError(`${stdout ?? ""}${stderr ?? ""}`.trim() || message)
    }
}
