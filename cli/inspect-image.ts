import { readImage } from "../toolchain/format/image-reader.ts"
import type { BaseBundle } from "../toolchain/pack/base-bundle.ts"
import { disassembleFunction, functionTitle, wordText } from "../toolchain/pack/disassemble-image.ts"
import type { ImageMap } from "../toolchain/pack/image-map.ts"
import { formatCode } from "./inspect-program.ts"
import { plural } from "./output.ts"

export interface ImageDocument {
    readonly sizeBytes: number
    readonly baseId: string
    readonly sequence: number
    readonly budget: number
    readonly strings: readonly string[]
    readonly buffers: readonly string[]
    readonly cells: number
    /** classes whose objects get new fields */
    readonly rules: readonly { readonly constructor: string; readonly fields: readonly string[] }[]
    readonly functions: readonly {
        readonly number: number
        readonly title: string
        readonly words: number
        readonly policy: string
        readonly code?: readonly { readonly pc: number; readonly text: string; readonly location: string | undefined }[]
    }[]
    /** why there is no code, though it was asked for */
    readonly note?: string
}

export function imageDocument(file: Uint8Array, base: BaseBundle | undefined, map: ImageMap | undefined, options: { code?: boolean; function?: string }): ImageDocument {
    const image = readImage(file)
    const wantsCode = options.code || options.function !== undefined
    const linked = base?.linked
    return {
        sizeBytes: file.length,
        baseId: Buffer.from(image.baseId).toString("hex"),
        sequence: image.sequence,
        budget: image.budget,
        strings: image.strings,
        buffers: image.buffers.map(b => Buffer.from(b).toString("hex")),
        cells: image.cells,
        rules: image.rules.map(r => ({ constructor: wordText(r.constructor_, image, linked), fields: r.fields.map(f => wordText(f, image, linked)) })),
        functions: image.functions
            .map((f, number) => ({
                number,
                title: functionTitle(image, number, linked, map),
                words: f.words.length,
                policy: f.policy,
                ...(wantsCode && linked
                    ? { code: disassembleFunction(image, number, linked, map).map(l => ({ pc: l.place, text: [l.operation, l.operands.join(", ")].filter(t => t !== "").join("  "), location: l.location })) }
                    : {}),
            }))
            .filter(f => options.function === undefined || f.title.includes(options.function)),
        ...(wantsCode && !linked ? { note: "no code: it takes the base's bundle to name operations (--base FILE)" } : {}),
    }
}

export function formatImage(i: ImageDocument): string {
    const lines = [
        `image of ${i.sizeBytes} bytes for base ${i.baseId}, sequence ${i.sequence}, budget ${i.budget}`,
        `  ${plural(i.functions.length, "function")}, ${plural(i.strings.length, "string")}, ${plural(i.buffers.length, "buffer")}, ${plural(i.cells, "new global")}`,
    ]
    if (i.strings.length) lines.push(`  strings: ${i.strings.map(s => JSON.stringify(s)).join(", ")}`)
    for (const r of i.rules) lines.push(`  objects of ${r.constructor} get ${r.fields.join(", ")}`)
    for (const f of i.functions) {
        lines.push(`${f.code ? "\n" : "  "}${f.number} ${f.title}: ${plural(f.words, "word")}, on a fault: ${f.policy}`)
        if (f.code) lines.push(formatCode(f.code))
    }
    if (i.note !== undefined) lines.push(i.note)
    return lines.join("\n")
}
