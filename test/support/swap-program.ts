import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { type Patchable, patchable, patchableInProcess } from "./replaced-program.ts"

/** When an image goes live and back again while the program runs. */
export interface SwapPlan {
    /** VM time after the program's start */
    firstMs: number
    /** time from one swap to the next */
    everyMs?: number
    /** up to so much longer, by `seed` */
    jitterMs?: number
    seed?: number
    /** swaps in all: the first goes to the new code, the second back, and so on; at most 65,535 */
    count?: number
    /**
     * Where among the fibers that are due in the same millisecond: 0 before all others; n: in a fiber that was started
     * n - 1 ms earlier, so after all that were there by then.
     */
    place?: number
    /** loops of `sleep(0)` before the swap */
    turns?: number
    /** makes the image's exceptions put the base's code back */
    trial?: boolean
    /** no lines about swaps */
    quiet?: boolean
}

/** A program whose image is swapped in and out live, by a plan that is patched into the file. */
export interface Swappable {
    readonly base: Patchable["base"]
    withPlan(image: Uint8Array, plan: SwapPlan): Uint8Array
}

/** What the loader prints at a swap, behind its switch. */
export const toNew = "> # new"
export const toOld = "> # old"
/** What it prints when calls that would mix old and new code did not end in time. */
export const refusedSwap = "> # refused HOV_QUIESCE"
/** How long it waits for them. */
const quiesce = { waitMs: 200 }

const planMark = "SWAPPLAN"
const planBytes = 16

/** Takes the place of the loader of `replaced-program.ts`: this one loads the image at the start and swaps later. */
const loader = `
import * as ds from "@devicescript/core"
import { activate, activeImage, deactivate, type Fault, loadImage, LoadedImage, onFault, setMachineUp } from "./index"

const slot = hex\`${Buffer.from("HANDOVER-TEST-IMAGE-SLOT").toString("hex")}\`
const plan = hex\`${Buffer.from(planMark).toString("hex")}${"00".repeat(planBytes)}\`
let image: LoadedImage
let random = 0
const quiet = plan[18] !== 0

/** A number that a run is given. */
export function planSeed(): number {
    return plan.getAt(20, "u16")
}

/** Where the program asks for a swap itself. */
export async function swap() {
    if (activeImage()) {
        deactivate()
        if (!quiet) console.log("# old")
    } else {
        await activate(image, { trial: plan[17] !== 0, reason: "hot", version: "test" })
        if (!quiet) console.log("# new")
    }
}

async function later(ms: number, turns: number) {
    if (ms > 0) await ds.sleep(ms)
    for (let i = 0; i < turns; ++i) await ds.sleep(0)
    try {
        await swap()
    } catch (e) {
        console.log("# refused " + (e as any).code)
    }
}

async function swaps() {
    const count = plan.getAt(12, "u16")
    const every = plan.getAt(10, "u16")
    const place = plan[15]
    await ds.sleep(plan.getAt(8, "u16"))
    for (let i = 0; i < count; ++i) {
        if (place === 0) await later(0, plan[16])
        else later.start(place - 1, plan[16])
        random = (random * 1103 + 12345) & 0x7fff
        await ds.sleep(every + (plan[14] ? random % (plan[14] + 1) : 0))
    }
}

await setMachineUp()
if (slot.length !== 24) image = await loadImage(slot)
random = plan.getAt(20, "u16")
onFault((fault: Fault) => console.log("# fault " + fault.message))
console.log("# loaded")
if (image && plan.getAt(12, "u16")) swaps.start()
`

/** Builds and links a program behind the loader. Files by path from `src/`; `program.ts` is the one that runs. */
export function swappable(files: Record<string, string>): Swappable {
    const linked = patchableInProcess({ ...files, "hotswap/test-loader.ts": loader })
    return {
        base: linked.base,
        withPlan: (image, plan) => withPlan(linked.withImage(image), plan),
    }
}

/** A source text in two versions: a line that ends in `// before` or `// after` is of that version only. */
export function inVersion(version: "before" | "after", text: string): string {
    const other = version === "before" ? "after" : "before"
    return text
        .split("\n")
        .map(line => (line.endsWith(`// ${other}`) ? "" : line))
        .join("\n")
}

const selfHeader =
    'import * as ds from "@devicescript/core"\nimport { oldCalls } from "./hotswap/index"\nimport { planSeed, swap } from "./hotswap/test-loader"\n'

/** Builds a program that calls `swap()` itself: one text, two versions. Throws RefusedError. */
export function swappedBySelf(text: string, plan: Partial<SwapPlan> = {}): { program: Uint8Array; update: Update } {
    const base = swappable({ "program.ts": selfHeader + inVersion("before", text) })
    const update = updateTo(base, { "program.ts": selfHeader + inVersion("after", text) })
    return { program: base.withPlan(update.file, { firstMs: 0, count: 0, ...plan }), update }
}

/** The same with a process for the compiler, which has the libraries beside `@devicescript/core`. */
export async function swappedBySelfInProject(text: string, plan: Partial<SwapPlan> = {}): Promise<Uint8Array> {
    const build = (version: "before" | "after") =>
        patchable({ "program.ts": selfHeader + inVersion(version, text), "hotswap/test-loader.ts": loader })
    const [base, next] = [await build("before"), await build("after")]
    const { file } = buildUpdate(base.base, next.base.program, { sequence: 1 })
    return withPlan(base.withImage(file), { firstMs: 0, count: 0, ...plan })
}

/** The same program with another number for `planSeed()`, at most 32767. */
export function withSeed(program: Uint8Array, seed: number): Uint8Array {
    return withPlan(program, { firstMs: 0, count: 0, quiet: true, seed })
}

/** The image that takes the program to another build of it. Throws RefusedError. */
export function updateTo(from: Swappable, files: Record<string, string>): Update {
    return buildUpdate(from.base, swappable(files).base.program, { sequence: 1, quiesce })
}

/** The image that replaces every function of the program by itself. */
export function updateToItself(program: Swappable): Update {
    return buildUpdate(program.base, program.base.program, { sequence: 1, replaceAll: true })
}

function withPlan(program: Uint8Array, plan: SwapPlan): Uint8Array {
    const file = Buffer.from(program)
    const at = file.indexOf(planMark)
    if (at < 0) throw new Error("the program has no slot for a plan")
    file.writeUInt16LE(plan.firstMs, at + 8)
    file.writeUInt16LE(plan.everyMs ?? 1, at + 10)
    file.writeUInt16LE(plan.count ?? 1, at + 12)
    file[at + 14] = plan.jitterMs ?? 0
    file[at + 15] = plan.place ?? 0
    file[at + 16] = plan.turns ?? 0
    file[at + 17] = plan.trial ? 1 : 0
    file[at + 18] = plan.quiet ? 1 : 0
    file.writeUInt16LE((plan.seed ?? 1) & 0x7fff, at + 20)
    return file
}
