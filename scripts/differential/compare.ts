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
    programs: number
    lines: number
    functions: number
    instructions: number
    differences: Difference[]
    /** programs that crash the stock VM, or that do not fit its heap beside their replacement */
    unfit: number[]
}

export function merge(total: BatchResult, part: BatchResult): void {
    for (const key of ["programs", "lines", "functions", "instructions"] as const) total[key] += part[key]
    total.differences.push(...part.differences)
    total.unfit.push(...part.unfit)
}

/** Runs programs natively and in every way. */
export async function compareBatch(seeds: readonly number[], gcStress: boolean): Promise<BatchResult> {
    const { files } = makeBatch(seeds)
    const start = { programs: 0, lines: 0, functions: 0, instructions: 0, differences: [] as Difference[], unfit: [] as number[] }
    const native = compileInProcess({
        "src/main.ts": files["program.ts"],
        ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`src/${path}`, text])),
    })
    // some programs crash the stock VM: nothing to compare with
    const oneByOne = async () => {
        if (seeds.length === 1) return { ...start, unfit: [...seeds] }
        for (const seed of seeds) merge(start, await compareBatch([seed], gcStress))
        return start
    }
    const expected = await linesOf(native.devs)
    if (expected[expected.length - 1] !== "> done") return oneByOne()
    const patchable = patchableInProcess(files)
    const base = patchable.base
    const differences: Difference[] = []
    const check = async (way: Way, program: Uint8Array) => {
        const lines = await linesOf(program, way === "all replaced, GC stress")
        const isRefused = lines.some(l => l.includes("HOV_IMAGE_HEAP")) && !lines.some(l => l.startsWith("> program"))
        if (isRefused || /^(panic 60004|crash)/.test(lines[lines.length - 1])) throw new Unfit()
        differences.push(...compare(expected, lines, way))
    }
    try {
        await check("idle preludes", patchable.withImage(undefined))
        for (const seed of seeds) {
            // an image a program: all of them in one would not fit the heap
            const isOwn = (key: string) => key.startsWith(`src/p${seed}.ts/`) || key.startsWith("src/harness.ts/")
            const all = buildUpdate(base, base.program, { sequence: 1, replaceAll: isOwn })
            const some = buildUpdate(base, base.program, { sequence: 1, replaceAll: key => isOwn(key) && hash(key) % 2 === seed % 2 })
            await check("all replaced", patchable.withImage(all.file))
            await check("some replaced", patchable.withImage(some.file))
            if (gcStress) await check("all replaced, GC stress", patchable.withImage(all.file))
            start.functions += all.shipped.length
            start.instructions += all.shipped.reduce((n, s) => n + s.laidOut.instructions.length, 0)
        }
    } catch (e) {
        if (e instanceof Unfit) return oneByOne()
        throw e
    }
    return { ...start, programs: seeds.length, lines: expected.length, differences }
}

/** The VM ran out of memory or crashed, or the loader refused an image of that size: the program is tried alone, and left out if that is no better. */
class Unfit extends Error {}

/** What the program printed, and a panic if it came to one. */
async function linesOf(program: Uint8Array, gcStress = false): Promise<string[]> {
    const r = await runProgram(program, { until: /^> done/, clock: "virtual", gcStress, timeoutMs: 10 * 60_000 }).catch(() => undefined)
    if (!r) return ["crash"]
    const lines = r.lines.filter(l => l.startsWith("> ") || /xception|panic|HOV_IMAGE_HEAP/i.test(l)).map(withoutAddresses)
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
