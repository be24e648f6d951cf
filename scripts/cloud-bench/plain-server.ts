/** The server's sources as plain JavaScript in a temporary folder: starting it again and again costs half as much. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import ts from "typescript"

const ROOT = path.join(import.meta.dirname, "..", "..")
const OPTIONS: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
}

export async function plainServer(): Promise<{ entry: string; remove(): Promise<void> }> {
    const folder = await mkdtemp(path.join(tmpdir(), "handover-server-"))
    const files = ["test/support/cloud-process.ts", "test/support/cloud-database.ts"]
    for (const room of ["cloud", "toolchain/format"])
        for (const file of await readdir(path.join(ROOT, room), { recursive: true })) files.push(path.join(room, file))
    for (const file of files) {
        const target = path.join(folder, file)
        if (file.endsWith(".json")) await cp(path.join(ROOT, file), target)
        if (!file.endsWith(".ts")) continue
        await mkdir(path.dirname(target), { recursive: true })
        const { outputText } = ts.transpileModule(await readFile(path.join(ROOT, file), "utf8"), { compilerOptions: OPTIONS })
        await writeFile(target.replace(/\.ts$/, ".js"), outputText)
    }
    await writeFile(path.join(folder, "package.json"), JSON.stringify({ type: "module" }))
    await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"))
    return { entry: path.join(folder, "test/support/cloud-process.js"), remove: () => rm(folder, { recursive: true, force: true }) }
}
