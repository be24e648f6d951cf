import { watch } from "chokidar"
import { relative, sep } from "node:path"
import { PROJECT_FILES } from "../../toolchain/project-copy.ts"

/** Calls `onChange` with the path of each file of the project that a build reads and that was written, made or removed. */
export async function watchProject(projectDir: string, onChange: (path: string) => void): Promise<() => Promise<void>> {
    const isRead = (path: string) => PROJECT_FILES.includes(relative(projectDir, path).split(sep, 1)[0])
    // one root: with a list, "ready" comes before the files in it are known
    const watcher = watch(projectDir, { ignoreInitial: true, ignored: path => path !== projectDir && !isRead(path) })
    watcher.on("all", (_event, path) => onChange(relative(projectDir, path)))
    await new Promise<void>((resolve, reject) => watcher.once("ready", resolve).once("error", reject))
    return () => watcher.close()
}
