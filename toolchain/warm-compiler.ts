import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { BuildError, DEFAULT_ENTRY, NURSERY, type ProjectBuild, readBuilt } from "./build-project.ts"
import { keepLibrary } from "./keep-library.ts"
import type { CompiledProgram } from "./program/compiled-program.ts"
import { ProjectCopy } from "./project-copy.ts"

export interface CompileJob {
    readonly entry: string
    /** check the types of the project's own files only: those of libraries were checked before and have not changed */
    readonly ownFilesOnly: boolean
}

export interface CompileReply {
    /** what the compiler had to say; empty = it compiled */
    readonly errors: readonly string[]
}

/**
 * The stock compiler, kept loaded in a child process for one project. A build by the command line spends most of its time
 * on loading the compiler and running it cold; here the second build of a project takes about a quarter of that.
 * Builds run one after the other.
 */
export class WarmCompiler {
    private readonly build: ProjectBuild
    private readonly copy: ProjectCopy
    private child: ChildProcess | undefined
    private checkedLibraries = false
    private last: Promise<unknown> = Promise.resolve()

    constructor(build: ProjectBuild) {
        this.build = build
        this.copy = new ProjectCopy(build.projectDir)
    }

    /** Compiles the project as it is now, or another program of it. Throws BuildError with the compiler's words. */
    compile(program: Pick<ProjectBuild, "entry" | "overlay"> = {}): Promise<CompiledProgram> {
        const turn = this.last.then(() => this.compileNow({ ...this.build, ...program }))
        this.last = turn.catch(() => undefined)
        return turn
    }

    private async compileNow({ entry, overlay, keep }: ProjectBuild): Promise<CompiledProgram> {
        this.copy.refresh(overlay)
        keepLibrary(this.copy.dir, entry ?? DEFAULT_ENTRY, keep ?? [])
        const { errors } = await this.ask({ entry: entry ?? DEFAULT_ENTRY, ownFilesOnly: this.checkedLibraries })
        if (errors.length) throw new BuildError(errors.join("\n"))
        this.checkedLibraries = true
        return readBuilt(this.copy.dir, this.build)
    }

    private ask(job: CompileJob): Promise<CompileReply> {
        this.child ??= this.start()
        const child = this.child
        return new Promise((resolve, reject) => {
            const settle = () => {
                child.off("message", onMessage)
                child.off("exit", onExit)
            }
            const onMessage = (reply: CompileReply) => {
                settle()
                resolve(reply)
            }
            const onExit = (code: number | null, signal: string | null) => {
                settle()
                this.child = undefined
                reject(new BuildError(`the compiler ended by itself (${signal ?? code})`))
            }
            child.on("message", onMessage)
            child.on("exit", onExit)
            child.send(job)
        })
    }

    private start(): ChildProcess {
        // the same file under tsx and after compilation; a loader that is named without its place is looked for in the child's folder
        const isSource = import.meta.url.endsWith(".ts")
        const file = fileURLToPath(new URL(`./warm-compiler-child.${isSource ? "ts" : "js"}`, import.meta.url))
        return fork(file, {
            cwd: this.copy.dir,
            execArgv: [...(isSource ? ["--import", import.meta.resolve("tsx")] : []), NURSERY],
            // what the compiler prints, it also returns
            stdio: ["ignore", "ignore", "inherit", "ipc"],
            env: { ...process.env, CI: "true" },
        })
    }

    close(): void {
        this.child?.removeAllListeners("exit")
        this.child?.kill()
        this.copy.remove()
    }
}
