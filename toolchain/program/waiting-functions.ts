import ts from "typescript"
import type { CompiledProgram, ProgramFunction } from "./compiled-program.ts"
import { waits } from "./top-level.ts"

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
        if (node && ts.isFunctionLike(node)) {
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
        if (ts.isFunctionLike(n)) nodes.push(n)
        ts.forEachChild(n, visit)
    }
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
    return nodes
}

/** The compiler's location of a function ends where its node ends. */
function nodeOf(nodes: readonly ts.Node[], f: ProgramFunction, fileStart: number): ts.Node | undefined {
    const from = f.debug.location[0] - fileStart
    return nodes.find(n => n.getEnd() === from + f.debug.location[1] && n.getStart() >= from)
}

function isAsync(node: ts.Node | undefined): boolean {
    if (!node || !ts.isFunctionLike(node)) return false
    const body = (node as ts.FunctionLikeDeclaration).body
    return (ts.getCombinedModifierFlags(node as ts.Declaration) & ts.ModifierFlags.Async) !== 0 || (body !== undefined && waits(body))
}

/** Whether the application's top-level code waits in its middle. */
function mainWaits(program: CompiledProgram): boolean {
    return program.debug.sources.some(({ path, text }) => {
        if (text === undefined || path.startsWith("node_modules/") || program.ownership.residentPaths.some(p => path.startsWith(p))) return false
        return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements.some(waits)
    })
}

function callsOneOf(f: ProgramFunction, found: ReadonlySet<number>): boolean {
    return f.statements.some(s => {
        const callee = s.op.name.startsWith("CALL") ? s.args[0] : undefined
        return callee?.kind === "op" && callee.op.name === "STATIC_FUNCTION" && found.has(callee.immediate)
    })
}
