import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { buildUpdate, type Update } from "../../toolchain/diff/build-update.ts"
import { parseDevs, serializeDevs } from "../../toolchain/devs/image.ts"
import { type LinkedBase, linkBase } from "../../toolchain/link/link-base.ts"
import { readProgram } from "../../toolchain/program/compiled-program.ts"
import { buildProgram, type BuiltProgram } from "./build-program.ts"
import { compileInProcess } from "./stock-compiler.ts"

/** A program linked with the hot-swap loader alone, for tests of replaced code: no network, no flash. */
export interface Patchable {
    readonly base: LinkedBase
    /** the linked program with this image in it, which it activates before its own first statement */
    withImage(image: Uint8Array | undefined): Uint8Array
}

const hotswapFolder = join(import.meta.dirname, "../../src/hotswap")
const slotText = "HANDOVER-TEST-IMAGE-SLOT"
const slotHex = Buffer.from(slotText).toString("hex")

const loader = `
import { activate, loadImage, setMachineUp } from "./hotswap"
const slot = hex\`${slotHex}\`
await setMachineUp()
if (slot.length !== ${slotText.length}) await activate(await loadImage(slot), { trial: false, reason: "boot", version: "test" })
`

/** Builds and links `source` (several files by path, or the text of one) behind the loader. */
export async function patchable(source: string | Record<string, string>): Promise<Patchable> {
    const files = typeof source === "string" ? { "program.ts": source } : source
    return link(await buildProgram(mainSource, { files: withLoader(files) }))
}

/** The same without a process for the compiler: for many programs that are built once. Files by path from `src/`. */
export function patchableInProcess(files: Record<string, string>): Patchable {
    const all = { "main.ts": mainSource, ...withLoader(files) }
    return link(compileInProcess(Object.fromEntries(Object.entries(all).map(([path, text]) => [`src/${path}`, text]))))
}

const mainSource = `import "./hotswap/test-loader"\nimport "./program"\n`

function withLoader(files: Record<string, string>): Record<string, string> {
    return { ...hotswapFiles(), "hotswap/test-loader.ts": loader.replace('"./hotswap"', '"./index"'), ...files }
}

function link(built: BuiltProgram): Patchable {
    const base = linkBase(readProgram(built.devs, built.debugInfo))
    return { base, withImage: image => (image ? withBuffer(base.file, slotText, image) : base.file) }
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
