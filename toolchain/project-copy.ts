import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve, sep } from "node:path"

/** What a build reads, besides node_modules. */
export const PROJECT_FILES = ["devsconfig.json", "package.json", "tsconfig.json", "src", "services", "boards", ".env", ".env.defaults"]

/**
 * A copy of a project's sources that a build may write into: the compiler leaves files behind, and two builds (base and
 * edit) can run side by side. It lies in the project's own node_modules, where links and caches are allowed.
 */
export class ProjectCopy {
    private readonly project: string
    readonly dir: string

    constructor(projectDir: string) {
        this.project = resolve(projectDir)
        const cache = join(this.project, "node_modules", ".cache", "handover")
        mkdirSync(cache, { recursive: true })
        this.dir = mkdtempSync(join(cache, "build-"))
        this.linkModules()
    }

    /**
     * Brings the copy up to the project as it is now, with the files of `overlay` in the place of the project's own. Only
     * what differs is written: each edit is compiled, and most of the files are as they were for the last one. Contents
     * are compared, since two writes within a tick of the file system's clock have the same time.
     */
    refresh(overlay: Readonly<Record<string, string>> = {}): void {
        const texts = new Map(Object.entries(overlay).map(([path, text]) => [join(this.dir, path), Buffer.from(text)]))
        const kept = new Set(texts.keys())
        for (const name of PROJECT_FILES) mirror(join(this.project, name), join(this.dir, name), kept)
        for (const [path, text] of texts) {
            mkdirSync(dirname(path), { recursive: true })
            writeFileSync(path, text)
        }
    }

    remove(): void {
        rmSync(this.dir, { recursive: true, force: true })
    }

    /** The compiler puts its own @devicescript packages into node_modules, so that one folder is the copy's own. */
    private linkModules(): void {
        const modules = join(this.project, "node_modules")
        mkdirSync(join(this.dir, "node_modules"))
        for (const name of readdirSync(modules))
            if (name !== "@devicescript" && !name.startsWith(".")) symlinkSync(join(modules, name), join(this.dir, "node_modules", name))
    }
}

/** Makes `to` what `from` is; files in `kept` stay as they are. */
function mirror(from: string, to: string, kept: ReadonlySet<string>): void {
    if (kept.has(to)) return
    const holdsKept = [...kept].some(path => path.startsWith(to + sep))
    const content = read(from)
    const is = lstatSync(to, { throwIfNoEntry: false })
    if (content instanceof Uint8Array) {
        if (is?.isFile() && readFileSync(to).equals(content)) return
        if (is && !is.isFile()) rmSync(to, { recursive: true })
        writeFileSync(to, content)
    } else if (typeof content === "string" && !holdsKept) {
        if (is?.isSymbolicLink() && readlinkSync(to) === content) return
        rmSync(to, { recursive: true, force: true })
        symlinkSync(content, to, "junction")
    } else if (content !== undefined || holdsKept) {
        if (is && !is.isDirectory()) rmSync(to)
        mkdirSync(to, { recursive: true })
        const there = typeof content === "string" ? readdirSync(content) : (content ?? [])
        for (const name of new Set([...there, ...readdirSync(to)])) mirror(join(from, name), join(to, name), kept)
    } else rmSync(to, { recursive: true, force: true })
}

/**
 * A file's content, a folder's names, or where a link to a folder leads; undefined = nothing. Editors write a new file
 * and rename it, so that what was listed a moment ago can be gone: the save that follows brings the next build.
 */
function read(path: string): Buffer | string[] | string | undefined {
    try {
        if (!statSync(path).isDirectory()) return readFileSync(path)
        return lstatSync(path).isSymbolicLink() ? realpathSync(path) : readdirSync(path)
    } catch (e) {
        if ((e as NodeJS.ErrnoException).code === "ENOENT") return undefined
        throw e
    }
}
