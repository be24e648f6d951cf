import { createRequire } from "node:module"
import { posix } from "node:path"
import { compilerBundle, cutOut } from "../../toolchain/compiler-bundle.ts"
import { beginCompilation, withHooks } from "../../toolchain/compiler-hooks.ts"

/** What of the stock compiler's module is used here; see compiler/src/compiler.ts of microsoft/devicescript. */
interface CompilerModule {
    compileWithHost(mainFileName: string, host: unknown): { success: boolean; binary: Uint8Array; dbg: unknown }
    resolveBuildConfig(config?: unknown): unknown
    formatDiagnostics(errors: readonly unknown[], basic: boolean): string
}

const moduleStart = 'var require_devicescript_compiler_node = __commonJS({\n  "compiler/built/devicescript-compiler.node.cjs"(exports, module2) {\n'
const moduleEnd = "\n  }\n});\n\n// node_modules/universalify"

let loaded: CompilerModule | undefined

/**
 * The compiler out of the installed `@devicescript/cli`, in this process: about a second once, then a few hundred
 * milliseconds a program instead of two seconds. Throws when the bundle is not laid out as in 2.16.x.
 */
export function stockCompiler(): CompilerModule {
    if (loaded) return loaded
    const require = createRequire(import.meta.url)
    const { file, text: bundle } = compilerBundle()
    const text = withHooks(file, cutOut(file, bundle, moduleStart, moduleEnd))
    const cjs = { exports: {} }
    new Function("exports", "module2", "require", "module", "__filename", "__dirname", text)(cjs.exports, cjs, require, cjs, file, posix.dirname(file))
    loaded = cjs.exports as CompilerModule
    return loaded
}

/**
 * Files whose types were found right before, by path. The loader's depend on nothing that tests write; libraries' are not
 * checked at all: that takes a second of every process, and who builds with the command has them checked.
 */
const checked = new Map<string, string>()

function isToCheck(path: string, files: Readonly<Record<string, string>>): boolean {
    const text = files[path]
    return text !== undefined && !(path.startsWith("src/hotswap/") && checked.get(path) === text)
}

/**
 * Compiles a program in memory. `files` are by path, e.g. `src/main.ts`.
 * Throws with the compiler's messages.
 */
export function compileInProcess(files: Readonly<Record<string, string>>, main = "src/main.ts"): { devs: Uint8Array; debugInfo: string } {
    const compiler = stockCompiler()
    const config = compiler.resolveBuildConfig()
    const errors: unknown[] = []
    const written = new Map<string, string | Uint8Array>()
    beginCompilation(({ fileName }) => isToCheck(posix.normalize(fileName), files))
    const result = compiler.compileWithHost(main, {
        write: (name: string, contents: string | Uint8Array) => written.set(name, contents),
        read(name: string) {
            const text = files[posix.normalize(name)]
            if (text === undefined) throw new Error(`no file ${name}`)
            return text
        },
        resolvePath: (path: string) => path,
        relativePath: (path: string) => path,
        log() {},
        isBasicOutput: () => true,
        error: (e: unknown) => errors.push(e),
        getConfig: () => config,
        verifyBytecode() {},
        getFlags: () => ({}),
    })
    if (result.success) for (const [path, text] of Object.entries(files)) checked.set(path, text)
    if (!result.success) throw new Error(`devicescript build failed: ${compiler.formatDiagnostics(errors, true)}`)
    return { devs: result.binary, debugInfo: JSON.stringify(result.dbg) }
}
