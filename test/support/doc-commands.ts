import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

const root = join(import.meta.dirname, "../..")

export interface DocFile {
    /** from the project's folder */
    readonly path: string
    readonly text: string
}

/** A fenced block of a document. */
export interface DocBlock {
    readonly language: string
    readonly lines: readonly string[]
    /** of the fence, from 1 */
    readonly line: number
}

/** README, SECURITY and all of docs/; not the changelog and the decisions, which speak of the past. */
export function documents(): DocFile[] {
    const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
        .filter(name => name.endsWith(".md") && !/^decisions[/\\]/.test(name))
        .map(name => join("docs", name))
    return ["README.md", "SECURITY.md", ...docs.sort()].map(path => ({ path: relative(root, join(root, path)), text: readFileSync(join(root, path), "utf8") }))
}

export function blocks(text: string): DocBlock[] {
    const found: DocBlock[] = []
    let open: { language: string; lines: string[]; line: number } | undefined
    text.split("\n").forEach((line, i) => {
        const fence = /^\s*```(\w*)/.exec(line)
        if (!fence) open?.lines.push(line)
        else if (open) {
            found.push(open)
            open = undefined
        } else open = { language: fence[1], lines: [], line: i + 1 }
    })
    return found
}

/** The commands of a block's lines, as words; comments, variables set before a command, and prompts are not part of them. */
export function commands(block: DocBlock): { readonly words: readonly string[]; readonly line: number }[] {
    const joined: { text: string; line: number }[] = []
    block.lines.forEach((text, i) => {
        const last = joined.at(-1)
        if (last?.text.endsWith("\\")) last.text = `${last.text.slice(0, -1)} ${text.trim()}`
        else joined.push({ text, line: block.line + 1 + i })
    })
    return joined.flatMap(({ text, line }) =>
        text
            .replace(/(^|\s)#.*$/, "")
            .split(/\s*(?:&&|\|\||;|\|)\s*/)
            .map(part => wordsOf(part).filter((word, i, all) => !all.slice(0, i + 1).every(w => /^[A-Z_]+=/.test(w) || w === "export") || !/^[A-Z_]+=|^export$/.test(word)))
            .filter(words => words.length > 0)
            .map(words => ({ words, line })),
    )
}

function wordsOf(text: string): string[] {
    return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(m => m[1] ?? m[2] ?? m[3])
}
