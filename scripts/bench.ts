/**
 * Speed of replaced code: each program as the stock compiler built it, linked with idle preludes, and with every function
 * replaced, in one run: rounds are interleaved, and the means of each one's fastest half compared.
 *
 * `npm run bench -- [--rounds 8] [--json] [FILE...]`
 *
 * A program measures itself and prints `took <ms>` and, before that, whatever its result is; at its end `done`.
 * The heap that an image takes is what is alive on a board with it, less what is without.
 * Without FILE all of test/programs/bench-*.ts run.
 */
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { runProgram } from "../sim/index.ts"
import { countExecuted } from "./bench/instructions.ts"
import { heapCost } from "./bench/heap.ts"
import { fastestHalf, timesOf } from "./bench/rounds.ts"
import { patchableInProcess } from "../test/support/replaced-program.ts"
import { compileInProcess } from "../test/support/stock-compiler.ts"
import { buildUpdate } from "../toolchain/diff/build-update.ts"

const { values, positionals } = parseArgs({
    options: { rounds: { type: "string", default: "8" }, json: { type: "boolean", default: false } },
    allowPositionals: true,
})
const rounds = Number(values.rounds)
const folder = join(import.meta.dirname, "../test/programs")
const files = positionals.length
    ? positionals
    : readdirSync(folder).filter(n => n.startsWith("bench-")).map(n => join(folder, n))

interface Measured {
    readonly name: string
    /** what the program measured, in milliseconds: the mean of the fastest half of the rounds */
    readonly nativeMs: number
    readonly idleMs: number
    readonly replacedMs: number
    /** replaced to native */
    readonly ratio: number
    /** linked with idle preludes to native */
    readonly idleRatio: number
    readonly programBytes: number
    readonly imageBytes: number
    readonly instructions: number
    readonly words: number
    /** executed from the program's first statement to `took`; undefined where counting takes too many operations */
    readonly nativeOperations: number | undefined
    readonly idleOperations: number | undefined
    readonly replacedOperations: number | undefined
    readonly replacedInstructions: number | undefined
    readonly executorBytes: number
}

const all: Measured[] = []
for (const file of files) {
    const m = await measure(basename(file, ".ts").replace(/^bench-/, ""), readFileSync(file, "utf8"))
    all.push(m)
    if (!values.json)
        console.log(
            `${m.name.padEnd(12)} native ${ms(m.nativeMs)}  idle ${m.idleRatio.toFixed(3)}x  replaced ${ms(m.replacedMs)}  ${m.ratio.toFixed(2).padStart(5)}x   ` +
                `executed ${thousands(m.nativeOperations)} operations, replaced ${thousands(m.replacedInstructions)} instructions in ${thousands(m.replacedOperations)} operations   ` +
                `image ${m.imageBytes} of ${m.programBytes} B, ${m.instructions} instructions, ${m.words} words`,
        )
}

const mean = (chosen: readonly Measured[], value: (m: Measured) => number) =>
    Math.exp(chosen.reduce((sum, m) => sum + Math.log(value(m)), 0) / chosen.length)
const helped = ["json", "sort", "buffers"]
const heap = await heapCost()
const summary = {
    programs: all.length,
    geometricMean: round(mean(all, m => m.ratio)),
    geometricMeanWithoutHelped: round(mean(all.filter(m => !helped.includes(m.name)), m => m.ratio)),
    worst: round(Math.max(...all.map(m => m.ratio))),
    idleApp: round(all.find(m => m.name === "app")?.idleRatio ?? NaN),
    idleFib: round(all.find(m => m.name === "fib")?.idleRatio ?? NaN),
    executorBytesLargest: Math.max(...all.map(m => m.executorBytes)),
    heapBytesPerInstruction: round(heap.bytesPerInstruction),
    heapBytesPerFunction: round(heap.bytesPerFunction),
    heapBytesPerInstructionWhole: round(heap.wholeBytesPerInstruction),
}
if (values.json) console.log(JSON.stringify({ rounds, summary, programs: all }))
else {
    console.log(`geometric mean ${summary.geometricMean}x, without ${helped.join(", ")} ${summary.geometricMeanWithoutHelped}x, worst ${summary.worst}x`)
    console.log(`idle preludes: app ${percent(summary.idleApp)}, fib ${percent(summary.idleFib)}; executor at most ${summary.executorBytesLargest} B`)
    console.log(`heap of a loaded image: ${summary.heapBytesPerInstruction} B an instruction and ${summary.heapBytesPerFunction} B a function more; ${summary.heapBytesPerInstructionWhole} B an instruction for a whole one`)
}
process.exit(0)

async function measure(name: string, source: string): Promise<Measured> {
    const native = compileInProcess({ "src/main.ts": source })
    const patchable = patchableInProcess({ "program.ts": source })
    const update = buildUpdate(patchable.base, patchable.base.program, { sequence: 1, replaceAll: true })
    const programs = [native.devs, patchable.withImage(undefined), patchable.withImage(update.file)]
    const results = new Set<string>()
    const times = await timesOf(programs, rounds, async program => {
        const { lines, panicCode } = await runProgram(program, { until: /^> done/, clock: "skip", timeoutMs: 120_000 })
        const took = lines.map(l => /^> took (.*)/.exec(l)?.[1]).find(t => t !== undefined)
        if (took === undefined) throw new Error(`${name}: ${panicCode === undefined ? "measured nothing" : `panic ${panicCode}`}: ${lines.slice(-4).join(" | ")}`)
        results.add(lines.filter(l => l.startsWith("> ") && !l.startsWith("> took")).join("\n"))
        return Number(took)
    })
    if (results.size !== 1) throw new Error(`${name}: results differ: ${[...results].join(" / ")}`)
    const [nativeMs, idleMs, replacedMs] = times.map(fastestHalf)
    const instructions = update.shipped.reduce((n, s) => n + s.laidOut.instructions.length, 0)
    const executed = [await countExecuted(programs[0]), await countExecuted(programs[1], patchable.base), await countExecuted(programs[2], patchable.base)]
    return {
        name,
        nativeMs: round(nativeMs),
        idleMs: round(idleMs),
        replacedMs: round(replacedMs),
        ratio: round(replacedMs / nativeMs),
        idleRatio: round(idleMs / nativeMs),
        programBytes: native.devs.length,
        imageBytes: update.file.length,
        instructions,
        words: update.shipped.reduce((n, s) => n + s.laidOut.function.words.length, 0),
        nativeOperations: executed[0]?.operations,
        idleOperations: executed[1]?.operations,
        replacedOperations: executed[2]?.operations,
        replacedInstructions: executed[2]?.instructions,
        executorBytes: patchable.base.sizes.executorBytes,
    }
}

function round(n: number): number {
    return Math.round(n * 1000) / 1000
}

function ms(n: number): string {
    return `${n.toFixed(1)} ms`.padStart(9)
}

function thousands(n: number | undefined): string {
    return n === undefined ? "?" : `${Math.round(n / 1000)}k`
}

function percent(ratio: number): string {
    return `${((ratio - 1) * 100).toFixed(1)} %`
}
