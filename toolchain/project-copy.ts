import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { cp, rm } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"

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

    /** Brings the copy up to the project as it is now, and then the files of `overlay` in the place of the project's own. */
    async refresh(overlay: Readonly<Record<string, string>> = {}): Promise<void> {
        for (const name of PROJECT_FILES) {
            await rm(join(this.dir, name), { recursive: true, force: true })
            if (existsSync(join(this.project, name))) await cp(join(this.project, name), join(this.dir, name), { recursive: true })
        }
        for (const [path, text] of Object.entries(overlay)) {
            mkdirSync(dirname(join(this.dir, path)), { recursive: true })
            writeFileSync(join(this.dir, path), text)
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
