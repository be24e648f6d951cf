import { readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { parseDevs, serializeDevs } from "../../toolchain/devs/image.ts"
import { type LinkedBase, linkBase } from "../../toolchain/link/link-base.ts"
import { readProgram } from "../../toolchain/program/compiled-program.ts"
import { buildProgram, type BuiltProgram } from "./build-program.ts"
import { compileInProcess } from "./stock-compiler.ts"

/** When a running program gets its image, on the VM's clock. */
export interface LivePlan {
    readonly activateAtMs: number
    /** when the base's code comes back; default never */
    readonly backAtMs?: number
}

/** A program linked with the hot-swap loader alone, for tests of replaced code: no network, no flash. */
export interface Patchable {
    readonly base: LinkedBase
    /**
     * The linked program with this image in it, which it activates before its own first statement, or in the middle of
     * running when there is a plan; then it prints `live` and `back`.
     */
    withImage(image: Uint8Array | undefined, plan?: LivePlan): Uint8Array
}

const hotswapFolder = join(import.meta.dirname, "../../src/hotswap")
const slotText = "HANDOVER-TEST-IMAGE-SLOT"
const slotHex = Buffer.from(slotText).toString("hex")
const planText = "HANDOVER-TEST-PLAN"
const planHex = Buffer.from(planText).toString("hex")
const never = 0xffffffff

const loader = `
import * as ds from "@devicescript/core"
import { activate, deactivate, loadImage, setMachineUp } from "./index"
const slot = hex\`${slotHex}\`
const plan = hex\`${planHex}\`
async function goLive() {
    const image = await loadImage(slot)
    const backAtMs = plan.getAt(4, "u32")
    await ds.sleep(plan.getAt(0, "u32") - ds.millis())
    await activate(image, { trial: false, reason: "hot", version: "test" })
    console.log("live")
    if (backAtMs === ${never}) return
    if (backAtMs > ds.millis()) await ds.sleep(backAtMs - ds.millis())
    deactivate()
    console.log("back")
}
await setMachineUp()
if (plan.length !== ${planText.length}) goLive.start()
else if (slot.length !== ${slotText.length}) await activate(await loadImage(slot), { trial: false, reason: "boot", version: "test" })
`

/** Builds and links `source` (several files by path, or the text of one) behind the loader. */
export async function patchable(source: string | Record<string, string>): Promise<Patchable> {
    const files = typeof source === "string" ? { "program.ts": source } : source
    return link(await buildProgram(mainSource, { files: withLoader(files) }))
}

/** The same without a process for the compiler: for many programs that are built once. Files by path from `src/`. */
export function patchableInProcess(files: Record<string, string>, options: Parameters<typeof linkBase>[2] = {}): Patchable {
    const all = { "main.ts": mainSource, ...withLoader(files) }
    return link(compileInProcess(Object.fromEntries(Object.entries(all).map(([path, text]) => [posix.join("src", path), text]))), options)
}

const mainSource = `import "./hotswap/test-loader"\nimport "./program"\n`

function withLoader(files: Record<string, string>): Record<string, string> {
    return { ...hotswapFiles(), "hotswap/test-loader.ts": loader, ...files }
}

function link(built: BuiltProgram, options: Parameters<typeof linkBase>[2] = {}): Patchable {
    const base = linkBase(readProgram(built.devs, built.debugInfo), undefined, options)
    return {
        base,
        withImage(image, plan) {
            if (!image) return base.file
            const file = withBuffer(base.file, slotText, image)
            return plan ? withBuffer(file, planText, planBytes(plan)) : file
        },
    }
}

/** The same program with every function that can be replaced running on the executor. */
export async function replaceAll(source: string | Record<string, string>): Promise<{ patchable: Patchable; update: Update }> {
    const p = await patchable(source)
    return { patchable: p, update: buildUpdate(p.base, p.base.program, { sequence: 1, replaceAll: true }) }
}

function hotswapFiles(): Record<string, string> {
    return Object.fromEntries(
        readdirSync(hotswapFolder)
            .filter(name => name.endsWith(".ts"))
            .map(name => [`hotswap/${name}`, readFileSync(join(hotswapFolder, name), "utf8")]),
    )
}

function planBytes(plan: LivePlan): Uint8Array {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(plan.activateAtMs, 0)
    bytes.writeUInt32LE(plan.backAtMs ?? never, 4)
    return bytes
}

/** Puts other bytes in the place of a buffer literal. */
function withBuffer(file: Uint8Array, placeholder: string, bytes: Uint8Array): Uint8Array {
    const image = parseDevs(file)
    const index = image.buffers.findIndex(b => Buffer.from(b).toString("latin1") === placeholder)
    if (index < 0) throw new Error("the program has no slot for an image")
    const data = Buffer.from(image.sections.stringData)
    const start = (data.length + 3) & ~3
    const stringData = Buffer.alloc((start + bytes.length + 4) & ~3)
    data.copy(stringData)
    stringData.set(bytes, start)
    const buffers = Buffer.from(image.sections.buffers)
    buffers.writeUInt32LE(start, index * 8)
    buffers.writeUInt32LE(bytes.length, index * 8 + 4)
    return serializeDevs({ ...image, sections: { ...image.sections, stringData, buffers } })
}
