import type ts from "typescript"
import type { Expr, Statement } from "../devs/code.ts"
import { builtinStrings } from "../devs/builtins.ts"
import { type CompiledProgram, entrySplit, sourceOffset } from "./compiled-program.ts"
import { typescript } from "./typescript.ts"

/**
 * What a top-level statement leaves behind that goes on by itself, and that the board can take back: the linker makes the
 * base keep its result.
 */
export interface Registration {
    readonly kind: "interval" | "timeout" | "subscription" | "fiber"
    /** position of the call in the unit's statements */
    readonly at: number
    /** the global that the program itself keeps the result in, or undefined */
    readonly keptIn: number | undefined
    /** the function that is called back, as bytecode */
    readonly callback: Expr | undefined
}

/** The bytecode of one top-level statement of the source, or of one variable of a declaration. */
export interface Unit {
    readonly path: string
    readonly node: ts.Node
    readonly statements: readonly Statement[]
    /** position of the first one in `main` */
    readonly first: number
    /** variable that it declares, when it is the plain declaration of one that lives in a global */
    readonly variable: { readonly name: string; readonly isConst: boolean; readonly global: number } | undefined
    readonly registration: Registration | undefined
    readonly isPrint: boolean
    /** has an `await` of its own: other code runs before it is done */
    readonly waits: boolean
}

/** The application's top-level code as its source has it. Statements that no source position tells apart are one unit. */
export function topLevelUnits(program: CompiledProgram): Unit[] {
    const main = program.functions[0]
    const from = entrySplit(program)
    const sources = sourceNodes(program)
    const units: Unit[] = []
    let start = from
    let current: Place | undefined
    const end = (to: number) => {
        if (to > start && current) units.push(unit(program, current, main.statements.slice(start, to), start))
        start = to
    }
    for (let i = from; i < main.statements.length; i++) {
        const s = main.statements[i]
        // the compiler's own end of `main`
        if (s.op.name === "RETURN" && i === main.statements.length - 1) {
            end(i)
            break
        }
        const place = placeOf(program, sources, s.pc) ?? current
        if (place?.node !== current?.node) {
            end(i)
            current = place
        }
    }
    return units
}

interface Place {
    path: string
    node: ts.Node
    /** offset in its file: the compiler gives the `const` in front of several declarations as the place of the first one */
    start: number
    isConst: boolean
}

interface SourceNodes {
    path: string
    start: number
    end: number
    places: Place[]
}

const cache = new WeakMap<CompiledProgram, SourceNodes[]>()

function sourceNodes(program: CompiledProgram): SourceNodes[] {
    let known = cache.get(program)
    if (!known) {
        let start = 0
        known = program.debug.sources.map(s => {
            const file = { path: s.path, start, end: start + s.length, places: s.text === undefined ? [] : topLevelPlaces(s.path, s.text) }
            start += s.length
            return file
        })
        cache.set(program, known)
    }
    return known
}

function topLevelPlaces(path: string, text: string): Place[] {
    const source = typescript().createSourceFile(path, text, typescript().ScriptTarget.Latest, true)
    return source.statements.flatMap((statement): Place[] => {
        const start = statement.getFullStart()
        if (!typescript().isVariableStatement(statement)) return [{ path, node: statement, start, isConst: false }]
        const list = statement.declarationList
        const isConst = (list.flags & typescript().NodeFlags.Const) !== 0
        if (list.declarations.length === 1) return [{ path, node: statement, start, isConst }]
        return list.declarations.map((node, i) => ({ path, node, start: i ? node.getFullStart() : start, isConst }))
    })
}

function placeOf(program: CompiledProgram, sources: readonly SourceNodes[], pc: number): Place | undefined {
    const offset = sourceOffset(program, 0, pc)
    if (offset === undefined) return undefined
    const file = sources.find(s => offset >= s.start && offset < s.end)
    if (!file) return undefined
    const at = offset - file.start
    return file.places.find(p => at >= p.start && at < p.node.getEnd())
}

function unit(program: CompiledProgram, place: Place, statements: readonly Statement[], first: number): Unit {
    const variable = declaredVariable(program, place, statements)
    return {
        path: place.path,
        node: place.node,
        statements,
        first,
        variable,
        registration: registrationOf(program, place.node, statements, variable?.global),
        isPrint: isPrint(place.node, statements),
        waits: waits(place.node),
    }
}

function declarationOf(node: ts.Node): ts.VariableDeclaration | undefined {
    if (typescript().isVariableStatement(node)) return node.declarationList.declarations[0]
    return typescript().isVariableDeclaration(node) ? node : undefined
}

function declaredVariable(program: CompiledProgram, place: Place, statements: readonly Statement[]): Unit["variable"] {
    const declaration = declarationOf(place.node)
    if (!declaration || !typescript().isIdentifier(declaration.name)) return undefined
    const last = statements[statements.length - 1]
    const name = declaration.name.text
    if (last.op.name !== "STORE_GLOBAL" || program.debug.globals[last.immediate]?.name !== name) return undefined
    if (statements.filter(s => s.op.name === "STORE_GLOBAL").length !== 1) return undefined
    return { name, isConst: place.isConst, global: last.immediate }
}

/** The expression that is the whole statement, or that the variable starts with. */
function expressionOf(node: ts.Node): ts.Expression | undefined {
    const expression = typescript().isExpressionStatement(node) ? node.expression : declarationOf(node)?.initializer
    return expression && typescript().isParenthesizedExpression(expression) ? expression.expression : expression
}

const timers: Record<string, "interval" | "timeout"> = { setInterval: "interval", setTimeout: "timeout" }

function registrationOf(
    program: CompiledProgram,
    node: ts.Node,
    statements: readonly Statement[],
    keptIn: number | undefined,
): Registration | undefined {
    const expression = expressionOf(node)
    if (!expression || !typescript().isCallExpression(expression)) return undefined
    const at = statements.length - (typescript().isExpressionStatement(node) ? 1 : 2)
    const call = statements[at]
    if (!call || !/^CALL\d$/.test(call.op.name)) return undefined
    if (!typescript().isExpressionStatement(node)) {
        const stored = statements[at + 1]
        const value = stored.args[0]
        if (keptIn === undefined || value.kind !== "op" || value.op.name !== "RET_VAL") return undefined
    }
    // a jump over the call would leave a stale result behind
    const end = statements[statements.length - 1]
    if (statements.some(s => s.op.immediate === "jump" && (s.immediate > call.pc || s.pc >= call.pc) && end !== undefined)) return undefined
    const callee = call.args[0]
    if (callee.kind !== "op") return undefined
    const callback: Expr | undefined = call.args[1]
    if (callee.op.name === "DS_FIELD") {
        const kind = timers[builtinStrings[callee.immediate]]
        return kind && { kind, at, keptIn, callback }
    }
    if (callee.op.name === "BUILTIN_FIELD") {
        const name = builtinStrings[callee.immediate]
        if (name === "subscribe") return { kind: "subscription", at, keptIn, callback }
        if (name === "start") return { kind: "fiber", at, keptIn, callback: callee.args[0] }
    }
    if (callee.op.name === "STATIC_FUNCTION") {
        const f = program.functions[callee.immediate]
        const isSchedule = f.owner === "library" && f.name === "schedule" && f.path.includes("/runtime/")
        const isActivation = f.owner === "resident" && f.name === "onActivate"
        if (isSchedule || isActivation) return { kind: "subscription", at, keptIn, callback }
    }
    return undefined
}

const printers = ["print", "format"]

/** Only prints: `console.log(…)` with values that need no call but formatting. */
function isPrint(node: ts.Node, statements: readonly Statement[]): boolean {
    const expression = expressionOf(node)
    if (!typescript().isExpressionStatement(node) || !expression || !typescript().isCallExpression(expression)) return false
    if (!/^console\./.test(expression.expression.getText())) return false
    return statements.every(s => {
        if (s.op.name === "STORE_LOCAL") return true
        const callee = s.args[0]
        return /^CALL\d$/.test(s.op.name) && callee.kind === "op" && callee.op.name === "DS_FIELD" && printers.includes(builtinStrings[callee.immediate])
    })
}

/** Whether code of this node itself (not of functions in it) waits. */
export function waits(node: ts.Node): boolean {
    let found = false
    const visit = (n: ts.Node) => {
        if (found || typescript().isFunctionLike(n) || typescript().isClassLike(n)) return
        if (typescript().isAwaitExpression(n)) found = true
        else typescript().forEachChild(n, visit)
    }
    visit(node)
    return found
}

/** Names of the variables that each source file declares at its top level. */
export function declaredNames(program: CompiledProgram): Map<string, Set<string>> {
    const names = new Map<string, Set<string>>()
    for (const file of sourceNodes(program)) {
        const found = new Set<string>()
        const bind = (name: ts.BindingName) => {
            if (typescript().isIdentifier(name)) found.add(name.text)
            else for (const e of name.elements) if (typescript().isBindingElement(e)) bind(e.name)
        }
        for (const { node } of file.places) {
            if (typescript().isVariableDeclaration(node)) bind(node.name)
            else if (typescript().isVariableStatement(node)) for (const d of node.declarationList.declarations) bind(d.name)
        }
        names.set(file.path, found)
    }
    return names
}
