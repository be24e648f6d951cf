/** The child process of warm-compiler.ts: holds the stock compiler and compiles in its working folder. */
import { Module } from "node:module"
import { dirname, relative, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { compilerBundle, requirePart } from "./compiler-bundle.ts"
import type { CompileJob, CompileReply } from "./warm-compiler.ts"

interface Diagnostic {
    /** 1 = error */
    readonly category: number
    readonly formatted?: string
    readonly messageText?: unknown
    readonly filename?: string
    readonly line?: number
}

type CompileFile = (entry: string, options: { quiet: boolean }) => Promise<{ success: boolean; diagnostics: readonly Diagnostic[] }>

interface SourceFile {
    readonly fileName: string
}

/** Called by the compiler for the files whose types it should check; undefined = all. */
const hook = globalThis as { handoverFilesToCheck?: (file: SourceFile) => boolean }

/** The command's own file, which exports no more than its main function, with its compiler handed out too. */
function loadCompiler(): CompileFile {
    const { file, text } = compilerBundle()
    const source = text.replace(/^#!/, "//")
    requirePart(file, /^async function compileFile\(/m.test(source))
    const all = "program2.getSemanticDiagnostics()"
    const some = `(globalThis.handoverFilesToCheck ? program2.getSourceFiles().filter(globalThis.handoverFilesToCheck).flatMap(f => program2.getSemanticDiagnostics(f)) : ${all})`
    const module = new Module(file) as Module & { _compile(code: string, file: string): void }
    module.filename = file
    module.paths = (Module as unknown as { _nodeModulePaths(dir: string): string[] })._nodeModulePaths(dirname(file))
    module._compile(`${source.replaceAll(`addDiags(() => ${all})`, `addDiags(() => ${some})`)}\nconsoleColors = false\nmodule.exports = { compileFile }`, file)
    return (module.exports as { compileFile: CompileFile }).compileFile
}

const compileFile = loadCompiler()

async function run({ entry, ownFilesOnly }: CompileJob): Promise<CompileReply> {
    hook.handoverFilesToCheck = ownFilesOnly ? file => !isOfLibrary(file.fileName) : undefined
    try {
        const { success, diagnostics } = await compileFile(entry, { quiet: true })
        if (success) return { errors: [] }
        const errors = diagnostics.filter(d => d.category === 1).map(textOf)
        return { errors: errors.length ? [...new Set(errors)] : ["the compiler refused the program without a word"] }
    } catch (e) {
        return { errors: [(e as Error).message] }
    }
}

/** The working folder is the project, and lies in a node_modules itself. */
function isOfLibrary(file: string): boolean {
    return /(^|[\\/])node_modules[\\/]|^\.\.[\\/]/.test(relative(process.cwd(), resolve(file)))
}

function textOf({ formatted, messageText, filename, line }: Diagnostic): string {
    return formatted ? stripVTControlCharacters(formatted) : `${filename}(${line}): ${messageText}`
}

process.once("disconnect", () => process.exit(0))
process.on("message", (job: CompileJob) => void run(job).then(reply => process.send?.(reply)))
