import { runProgram } from "../../sim/index.ts"
import { patchableInProcess } from "../../test/support/replaced-program.ts"
import { compileInProcess } from "../../test/support/stock-compiler.ts"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"
import { makeBatch } from "./batch.ts"

/** One way to run a batch beside the untouched build. */
export type Way = "idle preludes" | "all replaced" | "some replaced" | "all replaced, GC stress"

export interface Difference {
    readonly seed: number
    readonly way: Way
    readonly native: string
    readonly other: string
}

export interface BatchResult {
    readonly programs: number
    readonly lines: number
    readonly functions: number
    readonly instructions: number
    readonly differences: readonly Difference[]
}

/** Runs programs natively and in every way. Throws when the untouched build itself does not come to its end. */
export async function compareBatch(seeds: readonly number[], gcStress: boolean): Promise<BatchResult> {
    const { files } = makeBatch(seeds)
    const native = compileInProcess({
        "src/main.ts": files["program.ts"],
        ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`src/${path}`, text])),
    })
    const patchable = patchableInProcess(files)
    const base = patchable.base
    const expected = await linesOf(native.devs)
    if (expected[expected.length - 1] !== "> done") throw new Error(`native: ${expected.slice(-3).join(" | ")}`)
    const differences: Difference[] = []
    const check = async (way: Way, program: Uint8Array) => {
        const lines = await linesOf(program, way === "all replaced, GC stress")
        differences.push(...compare(expected, lines, way))
    }
    await check("idle preludes", patchable.withImage(undefined))
    const totals = { functions: 0, instructions: 0 }
    for (const seed of seeds) {
        // an image a program: all of them in one would not fit the heap
        const isOwn = (key: string) => key.startsWith(`src/p${seed}.ts/`) || key.startsWith("src/harness.ts/")
        const all = buildUpdate(base, base.program, { sequence: 1, replaceAll: isOwn })
        const some = buildUpdate(base, base.program, { sequence: 1, replaceAll: key => isOwn(key) && hash(key) % 2 === seed % 2 })
        await check("all replaced", patchable.withImage(all.file))
        await check("some replaced", patchable.withImage(some.file))
        if (gcStress) await check("all replaced, GC stress", patchable.withImage(all.file))
        totals.functions += all.shipped.length
        totals.instructions += all.shipped.reduce((n, s) => n + s.laidOut.instructions.length, 0)
    }
    return { programs: seeds.length, lines: expected.length, ...totals, differences }
}

/** What the program printed, and a panic if it came to one. */
async function linesOf(program: Uint8Array, gcStress = false): Promise<string[]> {
    const r = await runProgram(program, { until: /^> done/, clock: "virtual", gcStress, timeoutMs: 10 * 60_000 })
    const lines = r.lines.filter(l => l.startsWith("> ") || /xception|panic/i.test(l)).map(withoutAddresses)
    return r.panicCode === undefined ? lines : [...lines, `panic ${r.panicCode}`]
}

/** The VM's messages show where a value lies in memory. */
function withoutAddresses(line: string): string {
    return line.replace(/0x[0-9A-F]+/g, "0x")
}

function compare(expected: readonly string[], lines: readonly string[], way: Way): Difference[] {
    const [native, other] = [byProgram(expected), byProgram(lines)]
    const found: Difference[] = []
    for (const [seed, texts] of native) {
        const others = other.get(seed) ?? []
        const at = texts.findIndex((t, i) => t !== others[i])
        if (at >= 0) found.push({ seed, way, native: texts[at], other: others[at] ?? "(nothing)" })
        else if (others.length > texts.length) found.push({ seed, way, native: "(nothing)", other: others[texts.length] })
    }
    return found
}

function byProgram(lines: readonly string[]): Map<number, string[]> {
    const programs = new Map<number, string[]>()
    let current: string[] = []
    for (const line of lines) {
        const seed = /^> program (\d+)$/.exec(line)?.[1]
        if (seed !== undefined) programs.set(Number(seed), (current = []))
        else current.push(line)
    }
    return programs
}

function hash(text: string): number {
    let h = 0
    for (const c of text) h = (Math.imul(h, 31) + c.charCodeAt(0)) >>> 0
    return h >> 3
}
