import { CONFIG_FILE } from "../config.ts"
import { withBusServer, withResident } from "./entry-file.ts"
import { newProjectFiles, vsCodeExtensions, vsCodeLaunch, vsCodeTasks } from "./templates.ts"

/** One file as it is and as it is to be; a file that is right already has no change. */
export interface Change {
    /** from the project's folder, with "/" */
    readonly path: string
    /** undefined = there is none */
    readonly before: string | undefined
    readonly after: string
}

export interface InitOptions {
    /** name of the folder: the name of a project that has none */
    readonly folder: string
    readonly entry: string
    /** version range of this package, as package.json takes it */
    readonly handover: string
    /** version of the stock command */
    readonly devicescript: string
    /** text of the Jacdac service; undefined = the board is not updated over the bus */
    readonly service?: string
}

export type ReadFile = (path: string) => string | undefined

/** Something in the project is not what it should be; the message says what to do. */
export class InitError extends Error {}

/**
 * What has to change in a folder, so that what it holds becomes a project that can be updated. Pure: reads through
 * `read`, writes nothing. Applied to its own result it changes nothing.
 * @throws InitError
 */
export function planInit(read: ReadFile, options: InitOptions): Change[] {
    // `npm install` of this package comes first: a package.json alone is no program
    const isNew = read("devsconfig.json") === undefined && read(options.entry) === undefined
    const template = isNew ? newProjectFiles(options) : {}
    const current: ReadFile = path => read(path) ?? template[path]
    const wanted = new Map<string, string>(Object.entries(template).filter(([path]) => read(path) === undefined))

    wanted.set("package.json", packageFile(current("package.json"), options))
    const source = current(options.entry)
    if (source === undefined)
        throw new InitError(`there is no ${options.entry}: name the program's source file with --entry, or "entry" in ${CONFIG_FILE}`)
    wanted.set(options.entry, options.service === undefined ? withResident(source) : withBusServer(withResident(source)))
    if (current("devsconfig.json") === undefined) wanted.set("devsconfig.json", "{}\n")
    if (current(CONFIG_FILE) === undefined) {
        const config = { ...(options.entry === "src/main.ts" ? {} : { entry: options.entry }), channels: ["stable", "beta"] }
        wanted.set(CONFIG_FILE, json(config))
    }
    wanted.set(".gitignore", withLines(current(".gitignore"), ["node_modules/", ".devicescript/", "built/", "keys/", "handover-data/", ".env.local", "*.env"]))
    if (current(".vscode/tasks.json") === undefined) wanted.set(".vscode/tasks.json", vsCodeTasks)
    if (current(".vscode/launch.json") === undefined) wanted.set(".vscode/launch.json", vsCodeLaunch(options.entry))
    if (current(".vscode/extensions.json") === undefined) wanted.set(".vscode/extensions.json", vsCodeExtensions)
    if (options.service !== undefined && current("services/bootloader.md") === undefined) wanted.set("services/bootloader.md", options.service)

    return [...wanted]
        .map(([path, after]) => ({ path, before: read(path), after }))
        .filter(change => change.before !== change.after)
}

function packageFile(text: string | undefined, { folder, handover, devicescript }: InitOptions): string {
    let content: Record<string, unknown>
    try {
        content = text === undefined ? { name: packageName(folder), version: "1.0.0", private: true } : (JSON.parse(text) as Record<string, unknown>)
    } catch (e) {
        throw new InitError(`package.json is not valid JSON: ${(e as Error).message}`)
    }
    if (typeof content !== "object" || content === null || Array.isArray(content)) throw new InitError("package.json must hold one object")
    const has = (name: string) => ["dependencies", "devDependencies"].some(kind => Object.hasOwn((content[kind] as object | undefined) ?? {}, name))
    const missing: Record<string, string> = {}
    // the compiler is asked for libraries by name: a dependency, not a tool
    if (!has("handover")) missing.handover = handover
    if (!has("@devicescript/cli")) missing["@devicescript/cli"] = devicescript
    if (text !== undefined && Object.keys(missing).length === 0) return text
    const next = { ...content, dependencies: { ...(content.dependencies as object | undefined), ...missing } }
    return json(next, indentOf(text))
}

export function packageName(folder: string): string {
    return folder.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[._-]+/, "") || "firmware"
}

const indentOf = (text: string | undefined): string => /\n([ \t]+)"/.exec(text ?? "")?.[1] ?? "    "

function withLines(text: string | undefined, lines: readonly string[]): string {
    const known = new Set((text ?? "").split(/\r?\n/).map(line => line.trim().replace(/^\/|\/$/g, "")))
    const missing = lines.filter(line => !known.has(line.replace(/\/$/, "")))
    if (missing.length === 0) return text ?? ""
    const start = text === undefined || text === "" || text.endsWith("\n") ? (text ?? "") : `${text}\n`
    return `${start}${missing.join("\n")}\n`
}

function json(value: object, indent = "    "): string {
    return `${JSON.stringify(value, undefined, indent)}\n`
}
