/** A server of an earlier commit of this repository, in a folder of its own; needs the history, which a shallow clone has not. */
import { execFile } from "node:child_process"
import { symlink } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { temporaryFolder } from "./cloud.ts"

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL("../..", import.meta.url))
/** What a server and what starts it in tests are made of. */
const PARTS = new Set(["cli", "cloud", "console", "package.json", "sim", "src", "test", "toolchain", "tsconfig.json"])

/** What runs such a server (see `beginProcess`); undefined when the commit is not here. */
export async function olderServer(commit: string): Promise<{ folder: string; command: readonly string[] } | undefined> {
    try {
        await run("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: ROOT })
    } catch {
        return undefined
    }
    const folder = await temporaryFolder()
    const { stdout: names } = await run("git", ["ls-tree", "--name-only", commit], { cwd: ROOT })
    const parts = names.split("\n").filter(name => PARTS.has(name))
    await run("sh", ["-c", 'git archive "$@" | tar -x -C "$0"', folder, commit, ...parts], { cwd: ROOT })
    await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"))
    return { folder, command: ["--import", "tsx", path.join(folder, "test", "support", "cloud-process.ts")] }
}
