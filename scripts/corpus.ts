// Applies every edit of test/corpus/ to its running program in the stock VM, and boots it: `npm run corpus -- [--json] [--only NN]`

import { formatRefusal } from "../toolchain/translate/refusal.ts"
import { checkEdit, type EditResult } from "./corpus/check.ts"
import { changedLines, readCorpus } from "./corpus/edits.ts"

const args = process.argv.slice(2)
const json = args.includes("--json")
const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : undefined

/** A change of one line is to fit in this many bytes on the air. */
const oneLineBytesMax = 256

const results: EditResult[] = []
for (const edit of readCorpus(only)) {
    const result = await checkEdit(edit)
    results.push(result)
    if (!json) printEdit(result)
}
const summary = summarise(results)
if (json) console.log(JSON.stringify(summary, null, 2))
else printSummary()
process.exitCode = summary.wrong.length ? 1 : 0

function printEdit(r: EditResult): void {
    const state = r.refusals.length ? `refused ${r.refusals[0].code}` : r.problems.length ? "WRONG" : `hot ${r.imageBytes} B`
    console.log(`${r.edit.name.padEnd(32)} ${state}`)
    for (const refusal of r.refusals) console.log(`    ${formatRefusal(refusal)}`)
    for (const note of r.notes) console.log(`    note ${formatRefusal(note)}`)
    for (const problem of r.problems) console.log(`    ${problem}`)
    if (process.env.CORPUS_LIVE) console.log(r.live.map(l => `    | ${l}`).join("\n"))
}

function summarise(all: readonly EditResult[]) {
    const hot = all.filter(r => !r.refusals.length && !r.problems.length)
    const bytes = hot.map(r => r.imageBytes!).sort((a, b) => a - b)
    const ratios = hot.map(r => r.imageBytes! / r.fullBytes).sort((a, b) => a - b)
    const plainRatios = hot.map(r => r.imageBytes! / r.plainBytes).sort((a, b) => a - b)
    const refused: Record<string, number> = {}
    for (const r of all) if (r.refusals.length) refused[r.refusals[0].code] = (refused[r.refusals[0].code] ?? 0) + 1
    return {
        edits: all.length,
        topLevelEdits: all.filter(r => r.edit.kinds.includes("top-level")).length,
        libraryEdits: all.filter(r => r.edit.kinds.includes("library")).length,
        hot: hot.length,
        hotShare: round(hot.length / all.length),
        refused,
        wrong: all.filter(r => r.problems.length).map(r => r.edit.name),
        medianImageBytes: median(bytes),
        largestImageBytes: bytes[bytes.length - 1],
        ...oneLine(hot),
        medianOfFullDevs: round(median(ratios)),
        medianOfPlainDevs: round(median(plainRatios)),
        results: all.map(r => ({
            name: r.edit.name,
            kinds: r.edit.kinds,
            changedLines: changedLines(r.edit),
            imageBytes: r.imageBytes,
            fullBytes: r.fullBytes,
            plainBytes: r.plainBytes,
            refusals: r.refusals.map(formatRefusal),
            notes: r.notes.map(formatRefusal),
            problems: r.problems,
        })),
    }
}

function oneLine(hot: readonly EditResult[]) {
    const edits = hot.filter(r => changedLines(r.edit) === 1)
    const largest = Math.max(...edits.map(r => r.imageBytes!))
    return { oneLineEdits: edits.length, oneLineImageBytesLargest: edits.length ? largest : 0, oneLineFits: edits.every(r => r.imageBytes! <= oneLineBytesMax) }
}

function printSummary(): void {
    const { results: _, refused, wrong, ...figures } = summary
    console.log("")
    for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value}`)
    console.log(`${"refused by code".padEnd(20)} ${Object.entries(refused).map(([code, n]) => `${code} ${n}`).join(", ") || "none"}`)
    console.log(`${"wrong".padEnd(20)} ${wrong.join(", ") || "none"}`)
}

function median(sorted: readonly number[]): number {
    if (!sorted.length) return 0
    const middle = sorted.length >> 1
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function round(share: number): number {
    return Math.round(share * 10_000) / 10_000
}
