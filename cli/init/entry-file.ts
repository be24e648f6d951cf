import type ts from "typescript"
import { typescript } from "../../toolchain/program/typescript.ts"

const LIBRARY = "handover"
const BUS_LIBRARY = "handover/src/bus"
const BUS_START = "startBootloaderServer"

/**
 * The program's source with the two lines that make it updatable: the import comes first, since it boots the bank before
 * the program's own top-level code; the start comes last. What is there already stays as it is.
 */
export function withResident(source: string): string {
    const file = typescript().createSourceFile("main.ts", source, typescript().ScriptTarget.ES2022, true)
    const imports = file.statements.filter(typescript().isImportDeclaration)
    const ours = imports.find(i => typescript().isStringLiteral(i.moduleSpecifier) && i.moduleSpecifier.text === LIBRARY)
    const eol = source.includes("\r\n") ? "\r\n" : "\n"
    const semicolon = /;[ \t]*\r?$/m.test(source) ? ";" : ""
    let result = source
    if (!callTo("startResident", file)) {
        if (result !== "" && !result.endsWith("\n")) result += eol
        result += `${eol}await startResident()${semicolon}${eol}`
    }
    const name = "startResident"
    if (ours === undefined) {
        const at = file.statements.length ? file.statements[0].getFullStart() + leadingHeader(source) : leadingHeader(source)
        return `${result.slice(0, at)}import { ${name} } from "${LIBRARY}"${semicolon}${eol}${result.slice(at)}`
    }
    const named = ours.importClause?.namedBindings
    if (named !== undefined && typescript().isNamedImports(named) && !named.elements.some(e => (e.propertyName ?? e.name).text === name)) {
        const at = named.elements.length ? named.elements[0].getStart() : named.getEnd() - 1
        return `${result.slice(0, at)}${name}${named.elements.length ? ", " : " "}${result.slice(at)}`
    }
    return result
}

/** The source with the lines that start the updater's Jacdac service, before the resident. What is there stays. */
export function withBusServer(source: string): string {
    const file = typescript().createSourceFile("main.ts", source, typescript().ScriptTarget.ES2022, true)
    const resident = callTo("startResident", file)
    if (callTo(BUS_START, file) || !resident) return source
    const eol = source.includes("\r\n") ? "\r\n" : "\n"
    const semicolon = /;[ \t]*\r?$/m.test(source) ? ";" : ""
    const isImported = file.statements.some(s => typescript().isImportDeclaration(s) && s.importClause?.getText().includes(BUS_START))
    let statement: ts.Node = resident
    while (!typescript().isSourceFile(statement.parent) && !typescript().isBlock(statement.parent)) statement = statement.parent
    const at = statement.getStart()
    const withCall = `${source.slice(0, at)}${BUS_START}()${semicolon}${eol}${source.slice(source.lastIndexOf("\n", at - 1) + 1, at)}${source.slice(at)}`
    if (isImported) return withCall
    const ours = file.statements.findLast(s => typescript().isImportDeclaration(s) && typescript().isStringLiteral(s.moduleSpecifier) && s.moduleSpecifier.text === LIBRARY)
    const behind = ours ? ours.getEnd() : 0
    const line = `import { ${BUS_START} } from "${BUS_LIBRARY}"${semicolon}`
    return ours ? `${withCall.slice(0, behind)}${eol}${line}${withCall.slice(behind)}` : `${line}${eol}${withCall}`
}

function callTo(name: string, file: ts.SourceFile): ts.CallExpression | undefined {
    let found: ts.CallExpression | undefined
    const visit = (node: ts.Node): void => {
        if (typescript().isCallExpression(node) && node.expression.getText().split(".").at(-1) === name) found = node
        else typescript().forEachChild(node, visit)
    }
    visit(file)
    return found
}

/** Length of what must stay in front: a byte order mark, and the comment that a file begins with up to an empty line. */
function leadingHeader(source: string): number {
    const header = /^\uFEFF?(?:#![^\n]*\n)?(?:(?:\/\/[^\n]*\n)+[ \t]*\r?\n|\/\*[\s\S]*?\*\/[ \t]*\r?\n(?:[ \t]*\r?\n)?)?/.exec(source)
    return header?.[0].length ?? 0
}
