import { readFileSync, writeFileSync } from "node:fs"
import { join, posix } from "node:path"
import type { CompiledProgram } from "./program/compiled-program.ts"

/**
 * What the compiler leaves out of a program that does not call it, an image has to bring along when an edit does. A project
 * can name what its programs will want: then the base has it already, and images stay small.
 *
 * - `MODULE#NAME`: what a module exports, as `@devicescript/runtime#schedule`
 * - `TYPE.prototype.NAME`: a method of the standard library, as `Array.prototype.sort`
 */
const exported = /^([@A-Za-z][\w@./-]*)#([A-Za-z_]\w*)$/
const method = /^([A-Z]\w*)\.prototype\.([A-Za-z_]\w*)$/

/** Whether a text names a library function. */
export function isKeepable(name: string): boolean {
    return exported.test(name) || method.test(name)
}

const moduleName = "handover-keep"

/**
 * Files that have a program refer to these functions: a module that does nothing, which the program imports last, so that
 * its own lines keep their numbers.
 */
export function keepFiles(entry: string, entryText: string, keep: readonly string[]): Record<string, string> {
    if (!keep.length) return {}
    const module = posix.join(posix.dirname(entry.replaceAll("\\", "/")), `${moduleName}.ts`)
    return { [entry]: `${entryText}\nimport "./${moduleName}"\n`, [module]: keepModule(keep) }
}

/** Writes them into a project's copy. */
export function keepLibrary(dir: string, entry: string, keep: readonly string[]): void {
    if (!keep.length) return
    for (const [path, text] of Object.entries(keepFiles(entry, readFileSync(join(dir, entry), "utf8"), keep))) writeFileSync(join(dir, path), text)
}

/** What a program was built with: an update for it has to be built with the same. */
export function keptBy({ debug }: CompiledProgram): readonly string[] {
    const source = debug.sources.find(s => posix.basename(s.path) === `${moduleName}.ts`)
    const list = /^\/\/ (\[.*\])$/m.exec(source?.text ?? "")
    return list ? (JSON.parse(list[1]) as string[]) : []
}

function keepModule(keep: readonly string[]): string {
    const uses = keep.map((name, i) => {
        const found = method.exec(name)
        return found ? `(undefined as any as ${typeNames[found[1]] ?? found[1]}).${found[2]}` : `kept${i}`
    })
    const imports = keep.flatMap((name, i) => {
        const found = exported.exec(name)
        return found ? [`import { ${found[2]} as kept${i} } from ${JSON.stringify(found[1])}`] : []
    })
    const list = `// ${JSON.stringify(keep)}`
    return [list, ...imports, "const keep: any = () => {", ...uses.map(use => `    keep(${use})`), "}", "if (!keep) keep()", ""].join("\n")
}

/** Types that need more than their name. */
const typeNames: Readonly<Record<string, string>> = { Array: "any[]", String: "string", Number: "number", Boolean: "boolean" }
