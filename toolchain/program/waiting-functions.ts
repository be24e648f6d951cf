import type ts from "typescript"
import type { CompiledProgram, ProgramFunction } from "./compiled-program.ts"
import { waits } from "./top-level.ts"
import { typescript } from "./typescript.ts"

/**
 * Functions of the application whose calls may wait in their middle, so that an update can find them on a stack: those that
 * the source says `async` of, and those that call one of these. Bytecode does not tell: `await` leaves nothing behind in it.
 */
export function waitingFunctions(program: CompiledProgram): ReadonlySet<number> {
    const found = new Set<number>()
    const files = new Map<string, ts.Node[]>()
    let start = 0
    for (const { path, length, text } of program.debug.sources) {
        for (const f of program.functions)
            if (f.owner === "app" && f.path === path && text !== undefined) {
                const nodes = files.get(path) ?? functionNodes(path, text)
                files.set(path, nodes)
                if (isAsync(nodeOf(nodes, f, start))) found.add(f.index)
            }
        start += length
    }
    if (mainWaits(program)) found.add(0)
    for (let size = -1; size !== found.size; ) {
        size = found.size
        for (const f of program.functions) if (f.owner === "app" && callsOneOf(f, found)) found.add(f.index)
    }
    return found
}

/**
 * Parameters and result of a function as its source says them: the text is another one when the function is called, or what it
 * gives is used, in another way. Undefined without a source.
 */
export function signatureOf(program: CompiledProgram, f: ProgramFunction): string | undefined {
    let start = 0
    for (const { path, length, text } of program.debug.sources) {
        const node = path === f.path && text !== undefined ? nodeOf(knownNodes(program, path, text), f, start) : undefined
        if (node && typescript().isFunctionLike(node)) {
            const parameters = node.parameters.map(p => `${p.dotDotDotToken ? "..." : ""}${p.name.getText()}${p.questionToken ? "?" : ""}:${p.type?.getText() ?? ""}`)
            return `(${parameters.join()}):${node.type?.getText() ?? ""}`.replace(/\s+/g, " ")
        }
        start += length
    }
    return undefined
}

const known = new WeakMap<CompiledProgram, Map<string, ts.Node[]>>()

function knownNodes(program: CompiledProgram, path: string, text: string): ts.Node[] {
    const files = known.get(program) ?? new Map<string, ts.Node[]>()
    known.set(program, files)
    const nodes = files.get(path) ?? functionNodes(path, text)
    files.set(path, nodes)
    return nodes
}

function functionNodes(path: string, text: string): ts.Node[] {
    const nodes: ts.Node[] = []
    const visit = (n: ts.Node) => {
        if (typescript().isFunctionLike(n)) nodes.push(n)
        typescript().forEachChild(n, visit)
    }
    visit(typescript().createSourceFile(path, text, typescript().ScriptTarget.Latest, true))
    return nodes
}

/** The compiler's location of a function ends where its node ends. */
function nodeOf(nodes: readonly ts.Node[], f: ProgramFunction, fileStart: number): ts.Node | undefined {
    const from = f.debug.location[0] - fileStart
    return nodes.find(n => n.getEnd() === from + f.debug.location[1] && n.getStart() >= from)
}

function isAsync(node: ts.Node | undefined): boolean {
    if (!node || !typescript().isFunctionLike(node)) return false
    const body = (node as ts.FunctionLikeDeclaration).body
    return (typescript().getCombinedModifierFlags(node as ts.Declaration) & typescript().ModifierFlags.Async) !== 0 || (body !== undefined && waits(body))
}

/** Whether the application's top-level code waits in its middle. */
function mainWaits(program: CompiledProgram): boolean {
    return program.debug.sources.some(({ path, text }) => {
        if (text === undefined || path.startsWith("node_modules/") || program.ownership.residentPaths.some(p => path.startsWith(p))) return false
        return typescript().createSourceFile(path, text, typescript().ScriptTarget.Latest, true).statements.some(waits)
    })
}

function callsOneOf(f: ProgramFunction, found: ReadonlySet<number>): boolean {
    return f.statements.some(s => {
        const callee = s.op.name.startsWith("CALL") ? s.args[0] : undefined
        return callee?.kind === "op" && callee.op.name === "STATIC_FUNCTION" && found.has(callee.immediate)
    })
}
