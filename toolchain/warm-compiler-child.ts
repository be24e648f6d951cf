/** The child process of warm-compiler.ts: holds the stock compiler and compiles in its working folder. */
import { relative, resolve } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { compilerBundle, requirePart, runBundle } from "./compiler-bundle.ts"
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

interface Checker {
    getFullyQualifiedName(symbol: object): string
    getSymbolAtLocation(node: object): object | undefined
    [other: string]: unknown
}

/** What the compiler asks while it works. */
interface Hooks {
    /** whether a file's types should be checked; undefined = all */
    handoverFilesToCheck?: (file: SourceFile) => boolean
    handoverChecker: (checker: Checker) => Checker
    /** whether an expression is in a file whose types need no check: then nobody asks either whether an `await` is missing */
    handoverIsChecked: (expression: { getSourceFile(): SourceFile }) => boolean
    /** what commands have said: the version that git knows does not change while a project is edited */
    handoverSaid: Record<string, string>
    /** parses a file, or gives the tree that it had when its text was the same */
    handoverParse: (parse: Parse) => Parse
    /** keeps in mind that the compiler writes something on a node or symbol */
    handoverMark: <T extends object>(marked: T) => T
}

type Parse = (fileName: string, text: string, ...options: unknown[]) => object

const hooks = globalThis as unknown as Hooks
hooks.handoverChecker = checker => ({
    ...checker,
    getFullyQualifiedName: remembered(checker.getFullyQualifiedName),
    getSymbolAtLocation: remembered(checker.getSymbolAtLocation),
})
hooks.handoverIsChecked = expression => hooks.handoverFilesToCheck !== undefined && !hooks.handoverFilesToCheck(expression.getSourceFile())
hooks.handoverSaid = {}
hooks.handoverParse = parse => (fileName, text, ...options) => {
    const known = parsed.get(fileName)
    if (known?.text === text) return known.tree
    const tree = parse(fileName, text, ...options)
    parsed.set(fileName, { text, tree })
    return tree
}
hooks.handoverMark = node => {
    marked.push(node)
    return node
}

/** As editors do: a tree that is bound once serves any number of programs. */
const parsed = new Map<string, { readonly text: string; readonly tree: object }>()
/** What the compiler has written on trees and their symbols holds for one compilation. */
let marked: object[] = []
const MARKS = ["__ds_cell", "__ds_const_val", "__ds_folded", "__ds_srcidx", "__ds_srcoffset"]

function removeMarks(): void {
    for (const node of marked) for (const mark of MARKS) if (mark in node) (node as Record<string, unknown>)[mark] = undefined
    marked = []
}

/** The compiler asks for the same names and symbols at every use, and again while it looks at what stands around. */
function remembered<T>(answer: (about: object) => T): (about: object) => T {
    const answers = new WeakMap<object, { readonly is: T }>()
    return about => {
        let known = answers.get(about)
        if (known === undefined) {
            known = { is: answer(about) }
            answers.set(about, known)
        }
        return known.is
    }
}

/** Where the hooks go: what the compiler says, and what it says with them. */
const PLACES = [
    ["addDiags(() => program2.getSemanticDiagnostics())", "addDiags(() => globalThis.handoverFilesToCheck ? program2.getSourceFiles().filter(globalThis.handoverFilesToCheck).flatMap(f => program2.getSemanticDiagnostics(f)) : program2.getSemanticDiagnostics())"],
    ["this.checker = this.tree.getTypeChecker();", "this.checker = globalThis.handoverChecker(this.tree.getTypeChecker());"],
    ["return ts.createSourceFile(\n          fileName,", "return globalThis.handoverParse(ts.createSourceFile)(\n          fileName,"],
    ["ee.__ds_folded = null;", "globalThis.handoverMark(ee).__ds_folded = null;"],
    ["sf.__ds_srcidx = idx;", "globalThis.handoverMark(sf).__ds_srcidx = idx;"],
    ["return decl.__ds_const_val = {", "return globalThis.handoverMark(decl).__ds_const_val = {"],
    ["d0.__ds_const_val = folded;", "globalThis.handoverMark(d0).__ds_const_val = folded;"],
    [" s.__ds_cell = cell;", " globalThis.handoverMark(s).__ds_cell = cell;"],
    ["function execCmd(cmd) {\n  try {\n    return ", "function execCmd(cmd) {\n  try {\n    return globalThis.handoverSaid[cmd] ??= "],
    // the debug information is written once more with the program's digest, and nobody here reads a table of sizes
    ["this.host.write(DEVS_DBG_FILE3, JSON.stringify(dbg));", ""],
    ["this.host.write(DEVS_SIZES_FILE, (0, import_interop6.computeSizes)(dbg));", ""],
    [`const tp = this.checker.getTypeAtLocation(expr);\n        if (this.isPromise(tp)`, `const tp = globalThis.handoverIsChecked(expr) ? undefined : this.checker.getTypeAtLocation(expr);\n        if (this.isPromise(tp)`],
] as const

/** The command's own file, which exports no more than its main function, with its compiler handed out too. */
function loadCompiler(): CompileFile {
    const { file, text } = compilerBundle()
    let source = text
    for (const [found, put] of [["async function compileFile(", "async function compileFile("], ...PLACES]) {
        requirePart(file, source.includes(found))
        source = source.replaceAll(found, put)
    }
    const { compileFile } = runBundle(file, `${source}\nconsoleColors = false\nmodule.exports = { compileFile }`) as { compileFile: CompileFile }
    return compileFile
}

const compileFile = loadCompiler()

async function run({ entry, ownFilesOnly }: CompileJob): Promise<CompileReply> {
    hooks.handoverFilesToCheck = ownFilesOnly ? remembered(file => !isOfLibrary((file as SourceFile).fileName)) : undefined
    try {
        const { success, diagnostics } = await compileFile(entry, { quiet: true })
        if (success) return { errors: [] }
        const errors = diagnostics.filter(d => d.category === 1).map(textOf)
        return { errors: errors.length ? [...new Set(errors)] : ["the compiler refused the program without a word"] }
    } catch (e) {
        return { errors: [(e as Error).message] }
    } finally {
        removeMarks()
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
