/**
 * The stock compiler, made to compile several programs in one process without doing again what is the same: its text is
 * changed in a few places, which call hooks.
 */
import { requirePart } from "./compiler-bundle.ts"

export interface SourceFile {
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
    /** parses a file, or gives the tree that it had when its text was the same */
    handoverParse: (parse: Parse) => Parse
    /** keeps in mind that the compiler writes something on a node or symbol */
    handoverMark: <T extends object>(marked: T) => T
}

type Parse = (fileName: string, text: string, ...options: unknown[]) => object

const hooks = globalThis as unknown as Hooks

/** The compiler's text, which calls the hooks. Throws when it is not the one that is known here. */
export function withHooks(file: string, text: string): string {
    let source = text
    for (const [found, put] of PLACES) {
        requirePart(file, source.includes(found))
        source = source.replaceAll(found, put)
    }
    return source
}

/**
 * Before each compilation.
 * @param isToCheck whether a file's types are to be checked; undefined = all
 */
export function beginCompilation(isToCheck: ((file: SourceFile) => boolean) | undefined): void {
    removeMarks()
    hooks.handoverFilesToCheck = isToCheck && remembered(file => isToCheck(file as SourceFile))
}

hooks.handoverChecker = checker => ({
    ...checker,
    getFullyQualifiedName: remembered(checker.getFullyQualifiedName),
    getSymbolAtLocation: remembered(checker.getSymbolAtLocation),
})
hooks.handoverIsChecked = expression => hooks.handoverFilesToCheck !== undefined && !hooks.handoverFilesToCheck(expression.getSourceFile())
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
    // the debug information is written once more with the program's digest, and nobody here reads a table of sizes
    ["this.host.write(DEVS_DBG_FILE3, JSON.stringify(dbg));", ""],
    ["this.host.write(DEVS_SIZES_FILE, (0, import_interop6.computeSizes)(dbg));", ""],
    [`const tp = this.checker.getTypeAtLocation(expr);\n        if (this.isPromise(tp)`, `const tp = globalThis.handoverIsChecked(expr) ? undefined : this.checker.getTypeAtLocation(expr);\n        if (this.isPromise(tp)`],
] as const
