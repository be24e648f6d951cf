import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

/** A change that a person made to a small program, as it stands in test/corpus/. */
export interface Edit {
    readonly name: string
    readonly change: string
    readonly why: string
    readonly expected: "hot" | "refused"
    readonly kinds: readonly string[]
    /** when the running program gets the image, on its own clock */
    readonly atMs: number
    readonly before: Readonly<Record<string, string>>
    readonly after: Readonly<Record<string, string>>
}

const corpusFolder = join(import.meta.dirname, "../../test/corpus")

export function readCorpus(only?: string): Edit[] {
    return readdirSync(corpusFolder)
        .filter(name => only === undefined || name.startsWith(only))
        .sort()
        .map(name => {
            const folder = join(corpusFolder, name)
            const meta = JSON.parse(readFileSync(join(folder, "edit.json"), "utf8")) as Omit<Edit, "name" | "before" | "after">
            return { ...meta, name, before: sources(join(folder, "before")), after: sources(join(folder, "after")) }
        })
}

/** Files by path, `main.ts` as `program.ts`: the program is imported by a main of the test's. */
function sources(folder: string): Record<string, string> {
    const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(e => e.isFile())
    return Object.fromEntries(
        names.map(e => {
            const path = relative(folder, join(e.parentPath, e.name))
            return [path === "main.ts" ? "program.ts" : path, readFileSync(join(e.parentPath, e.name), "utf8")]
        }),
    )
}

/** Lines that an edit changes, adds or takes away: the larger of what went and what came. */
export function changedLines({ before, after }: Edit): number {
    const paths = new Set([...Object.keys(before), ...Object.keys(after)])
    let count = 0
    for (const path of paths) {
        const [old, now] = [before, after].map(files => (files[path] ?? "").split("\n"))
        const kept = longestCommon(old, now)
        count += Math.max(old.length - kept, now.length - kept)
    }
    return count
}

/** Lines of the longest common subsequence. */
function longestCommon(x: readonly string[], y: readonly string[]): number {
    let row = new Array<number>(y.length + 1).fill(0)
    for (const line of x) {
        const above = row
        row = [0]
        y.forEach((other, j) => row.push(line === other ? above[j] + 1 : Math.max(above[j + 1], row[j])))
    }
    return row[y.length]
}
