import { runProgram } from "../../sim/run-program.ts"
import { compileInProcess } from "../../test/support/stock-compiler.ts"
import { type Patchable, patchableInProcess } from "../../test/support/replaced-program.ts"
import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { type Refusal, RefusedError } from "../../toolchain/translate/refusal.ts"
import type { Edit } from "./edits.ts"
import { expectedBack, expectedLines } from "./expectation.ts"

export interface EditResult {
    readonly edit: Edit
    readonly refusals: readonly Refusal[]
    /** what goes live only partly */
    readonly notes: readonly Refusal[]
    /** what is wrong with a hot update; empty when it is right */
    readonly problems: readonly string[]
    readonly imageBytes?: number
    /** the whole program as it would have to be sent otherwise, with and without the loader */
    readonly fullBytes: number
    readonly plainBytes: number
    /** lines behind the swap, as far as they are compared */
    readonly live: readonly string[]
}

/** How long programs run, on their own clock. */
const runMs = 4000
/** Lines compared behind a swap. */
const linesAfter = 8

/** Builds both versions and the update, and compares what the board does with it. */
export async function checkEdit(edit: Edit): Promise<EditResult> {
    const before = patchableInProcess(edit.before)
    const after = patchableInProcess(edit.after)
    const plain = compileInProcess({ "src/main.ts": `import "./program"\n`, ...inSource(edit.after) }).devs
    const sizes = { fullBytes: after.base.program.file.length, plainBytes: plain.length }
    let update: Update
    try {
        update = buildUpdate(before.base, after.base.program, { sequence: 1 })
    } catch (e) {
        if (!(e instanceof RefusedError)) throw e
        return { edit, refusals: e.refusals, notes: [], problems: [], live: [], ...sizes }
    }
    const problems: string[] = []
    const base = await trace(before.base.file)
    await bootLaw(before, update, plain, problems)
    const live = await swapped(before, update, edit, base, problems)
    await wayBack(before, update, edit, base, problems)
    return { edit, refusals: [], notes: update.notes, problems, imageBytes: update.file.length, live, ...sizes }
}

function inSource(files: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(files).map(([path, text]) => [`src/${path}`, text]))
}

/** What a program prints, without the VM's own lines. */
async function trace(program: Uint8Array): Promise<string[]> {
    const { lines, panicCode } = await runProgram(program, { timeoutMs: runMs, clock: "virtual" })
    const own = lines.filter(l => l.startsWith("> ")).map(l => l.slice(2))
    return panicCode ? [...own, `panic ${panicCode}: ${lines.slice(-5).join(" | ")}`] : own
}

/** Booting base and image prints what the stock compiler's build of the new version prints. */
async function bootLaw(before: Patchable, update: Update, plain: Uint8Array, problems: string[]): Promise<void> {
    const native = await trace(plain)
    const booted = await trace(before.withImage(update.file))
    const differs = firstDifference(native, booted)
    // the loader takes some of the time
    if (differs !== undefined && differs < Math.max(native.length, booted.length) - 3)
        problems.push(`boot: line ${differs + 1} is "${booted[differs]}", natively "${native[differs]}"`)
}

/** Applied to the running program: what it printed before, then what the edit's model does. */
async function swapped(before: Patchable, update: Update, edit: Edit, base: readonly string[], problems: string[]): Promise<string[]> {
    const lines = await trace(before.withImage(update.file, { activateAtMs: edit.atMs }))
    const at = lines.indexOf("live")
    if (at < 0) {
        problems.push(`live: the image was not activated: ${lines.slice(-3).join(" | ")}`)
        return []
    }
    const prefix = firstDifference(lines.slice(0, at), base.slice(0, at))
    if (prefix !== undefined) problems.push(`live: before the swap line ${prefix + 1} is "${lines[prefix]}", not "${base[prefix]}"`)
    const after = lines.slice(at + 1, at + 1 + linesAfter)
    const wanted = expectedLines(edit, runMs, linesAfter)
    const differs = firstDifference(after, wanted)
    if (differs !== undefined) problems.push(`live: line ${differs + 1} after the swap is "${after[differs]}", not "${wanted[differs]}"`)
    const panic = lines.find(l => l.startsWith("panic "))
    if (panic) problems.push(`live: ${panic}`)
    return after
}

/** There and back at once: nothing of the new version stays, no timer is lost or doubled. */
async function wayBack(before: Patchable, update: Update, edit: Edit, base: readonly string[], problems: string[]): Promise<void> {
    const lines = await trace(before.withImage(update.file, { activateAtMs: edit.atMs, backAtMs: edit.atMs }))
    const at = lines.indexOf("back")
    if (at < 0) {
        problems.push(`back: the base's code did not come back: ${lines.slice(-3).join(" | ")}`)
        return
    }
    // timers that were taken back begin a new period: the lines are the same, perhaps a few less
    const rest = lines.slice(at + 1)
    const kinds = (all: readonly string[]) => {
        const counts = new Map<string, number>()
        for (const l of all) counts.set(l.replace(/\d+(\.\d+)?/g, "#"), (counts.get(l.replace(/\d+(\.\d+)?/g, "#")) ?? 0) + 1)
        return counts
    }
    const wanted = kinds(expectedBack(edit, runMs) ?? base.slice(at - 1))
    const found = kinds(rest)
    for (const kind of new Set([...wanted.keys(), ...found.keys()])) {
        const difference = (found.get(kind) ?? 0) - (wanted.get(kind) ?? 0)
        if (Math.abs(difference) > 2) problems.push(`back: "${kind}" comes ${found.get(kind) ?? 0} times, natively ${wanted.get(kind) ?? 0}`)
    }
}

function firstDifference(a: readonly string[], b: readonly string[]): number | undefined {
    for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i
    return undefined
}
