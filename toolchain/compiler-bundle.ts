import { readFileSync } from "node:fs"
import { createRequire, Module } from "node:module"
import { dirname } from "node:path"

/** The version whose layout is known here. */
const version = "2.16.4"

/**
 * The file that the installed `@devicescript/cli` consists of. It exports its main function only, so those who want the
 * compiler in their own process take it out of the text: {@link cutOut}.
 */
export function compilerBundle(): { readonly file: string; readonly text: string } {
    const file = createRequire(import.meta.url).resolve("@devicescript/cli/built/devicescript-cli.cjs")
    return { file, text: readFileSync(file, "utf8") }
}

/** Runs the bundle's text, which may be changed, in this process: what it gives to `module.exports`. */
export function runBundle(file: string, text: string): unknown {
    const module = new Module(file) as Module & { _compile(code: string, file: string): void }
    module.filename = file
    module.paths = (Module as unknown as { _nodeModulePaths(dir: string): string[] })._nodeModulePaths(dirname(file))
    module._compile(text, file)
    return module.exports
}

/** Throws unless the bundle has a part that the compiler is recognised by. */
export function requirePart(file: string, isThere: boolean): void {
    if (!isThere) throw new Error(`no DeviceScript compiler in ${file}: install @devicescript/cli ${version}`)
}

/** The text between two marks. */
export function cutOut(file: string, text: string, startMark: string, endMark: string): string {
    const start = text.indexOf(startMark)
    const end = text.indexOf(endMark, start)
    requirePart(file, start >= 0 && end >= 0)
    return text.slice(start + startMark.length, end)
}
