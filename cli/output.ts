import type { Writable } from "node:stream"

/**
 * Results go to standard output: text for people, or with `--json` one object on one line, so that scripts read that and
 * nothing else. What is only said by the way goes to the error stream.
 */
export class Output {
    readonly json: boolean
    readonly verbose: boolean
    private readonly out: Writable
    private readonly err: Writable

    constructor(options: { json: boolean; verbose: boolean }, out: Writable = process.stdout, err: Writable = process.stderr) {
        this.json = options.json
        this.verbose = options.verbose
        this.out = out
        this.err = err
    }

    /** The result of a verb, or one of a stream of them. */
    result(value: object, human: string | (() => string)): void {
        const text = this.json ? JSON.stringify(value) : typeof human === "string" ? human : human()
        if (text !== "") this.out.write(`${text}\n`)
    }

    note(text: string): void {
        this.err.write(`${text}\n`)
    }

    warn(text: string): void {
        this.err.write(`warning: ${text}\n`)
    }
}

/** Columns as wide as their longest text. Numbers (right) are aligned at their ends. */
export function table(rows: readonly (readonly (string | number)[])[], header?: readonly string[]): string {
    const all = header && rows.length ? [header, ...rows] : rows
    const widths: number[] = []
    for (const row of all) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, String(cell).length)
    return all
        .map(row =>
            row
                .map((cell, i) => (typeof cell === "number" ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i])))
                .join("  ")
                .trimEnd(),
        )
        .join("\n")
}

export function plural(n: number, one: string, many = `${one}s`): string {
    return `${n} ${n === 1 ? one : many}`
}
