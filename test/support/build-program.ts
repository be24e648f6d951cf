import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { NURSERY } from "../../toolchain/build-project.ts"

export interface BuiltProgram {
    /** The `.devs` file. */
    devs: Uint8Array
    /** Text of `bytecode-dbg.json`: names, positions, source map. */
    debugInfo: string
}

export interface BuildOptions {
    /** More source files by path relative to `src/`, for programs of several modules. */
    files?: Record<string, string>
    /** More files of the project by path relative to its root, such as `.env.defaults`. */
    projectFiles?: Record<string, string>
    /** More arguments of `devicescript build`, such as `["-F", "allFunctions"]`. */
    flags?: string[]
}

const require = createRequire(import.meta.url)
const CLI = join(dirname(require.resolve("@devicescript/cli/package.json")), "devicescript")
const CACHE = join(tmpdir(), "handover-programs")

/**
 * Builds TypeScript with the stock compiler (about 2 s), once per source: the result is cached by its hash in the
 * system's temporary folder. Rejects with the compiler's messages.
 */
export async function buildProgram(mainTs: string, options: BuildOptions = {}): Promise<BuiltProgram> {
    const version = (require("@devicescript/cli/package.json") as { version: string }).version
    const key = createHash("sha256").update(JSON.stringify([version, mainTs, options])).digest("hex").slice(0, 24)
    const cached = join(CACHE, key)
    if (!existsSync(cached)) {
        mkdirSync(CACHE, { recursive: true })
        const project = mkdtempSync(join(CACHE, "build-"))
        const files: Record<string, string> = {
            "devsconfig.json": "{}",
            "package.json": JSON.stringify({ name: "program", version: "1.0.0" }),
            "src/main.ts": mainTs,
            ...Object.fromEntries(Object.entries(options.files ?? {}).map(([path, text]) => [`src/${path}`, text])),
            ...options.projectFiles,
        }
        for (const [path, text] of Object.entries(files)) {
            mkdirSync(dirname(join(project, path)), { recursive: true })
            writeFileSync(join(project, path), text)
        }
        try {
            await promisify(execFile)(process.execPath, [NURSERY, CLI, "build", "--quiet", ...(options.flags ?? []), "src/main.ts"], { cwd: project })
            // A rename, so that a test running beside this one never sees half a result.
            const output = join(project, ".devicescript/bin")
            if (!existsSync(cached)) renameSync(output, cached)
        } catch (e) {
            const { stdout, stderr } = e as { stdout?: string; stderr?: string }
            if (!existsSync(cached)) throw new Error(`devicescript build failed: ${stdout ?? ""}${stderr ?? ""}${stdout === undefined ? e : ""}`)
        } finally {
            rmSync(project, { recursive: true, force: true })
        }
    }
    return {
        devs: new Uint8Array(readFileSync(join(cached, "bytecode.devs"))),
        debugInfo: readFileSync(join(cached, "bytecode-dbg.json"), "utf8"),
    }
}
