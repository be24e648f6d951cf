/** The child process of warm-compiler.ts: holds the stock compiler and compiles in its working folder. */
import { relative, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { compilerBundle, requirePart, runBundle } from "./compiler-bundle.ts"
import { beginCompilation, withHooks } from "./compiler-hooks.ts"
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

/** What commands have said: the version that git knows does not change while a project is edited. */
;(globalThis as unknown as { handoverSaid: Record<string, string> }).handoverSaid = {}
const asksCommand = "function execCmd(cmd) {\n  try {\n    return "

/** The command's own file, which exports no more than its main function, with its compiler handed out too. */
function loadCompiler(): CompileFile {
    const { file, text } = compilerBundle()
    requirePart(file, text.includes("async function compileFile(") && text.includes(asksCommand))
    const source = withHooks(file, text).replaceAll(asksCommand, `${asksCommand}globalThis.handoverSaid[cmd] ??= `)
    const { compileFile } = runBundle(file, `${source}\nconsoleColors = false\nmodule.exports = { compileFile }`) as { compileFile: CompileFile }
    return compileFile
}

const compileFile = loadCompiler()

async function run({ entry, ownFilesOnly }: CompileJob): Promise<CompileReply> {
    beginCompilation(ownFilesOnly ? file => !isOfLibrary(file.fileName) : undefined)
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
