import { disassembleBytecode } from "../toolchain/devs/disassemble.ts"
import { FunctionFlag, functionStarts, parseDevs, sectionNames } from "../toolchain/devs/image.ts"
import { sourceLines } from "../toolchain/pack/source-lines.ts"
import type { DebugInfo } from "../toolchain/program/debug-info.ts"
import { plural, table } from "./output.ts"

interface CodeLine {
    readonly pc: number
    readonly text: string
    readonly location: string | undefined
}

export interface ProgramDocument {
    readonly fileBytes: number
    readonly sections: Readonly<Record<string, number>>
    readonly globals: number
    readonly functions: readonly {
        readonly index: number
        readonly name: string
        readonly startPc: number
        readonly bytes: number
        readonly parameters: number
        readonly slots: number
        readonly kind: string
        readonly location: string | undefined
        readonly code?: readonly CodeLine[]
    }[]
    readonly constants: { readonly numbers: readonly number[]; readonly strings: readonly string[]; readonly buffers: readonly string[] }
}

export function programDocument(file: Uint8Array, debug: DebugInfo | undefined, options: { code?: boolean; function?: string }): ProgramDocument {
    const image = parseDevs(file)
    const starts = functionStarts(image)
    const source = debug && sourceLines(debug)
    const place = (index: number, address: number) => {
        const position = source?.positionAt(index, address)
        return position && `${position.path}:${position.line}`
    }
    const functions = image.functions
        .filter(f => options.function === undefined || f.name.includes(options.function))
        .map(f => ({
            index: f.index,
            name: f.name,
            startPc: starts[f.index],
            bytes: f.code.length,
            parameters: f.args,
            slots: f.slots,
            kind: [f.flags & FunctionFlag.isConstructor && "constructor", f.flags & FunctionFlag.needsThis && "method", f.flags & FunctionFlag.hasRestArgument && "rest"].filter(Boolean).join(" "),
            location: place(f.index, starts[f.index]),
            ...(options.code || options.function !== undefined
                ? { code: disassembleBytecode(image, f.index).map(l => ({ ...l, location: place(f.index, starts[f.index] + l.pc) })) }
                : {}),
        }))
    return {
        fileBytes: file.length,
        sections: Object.fromEntries(sectionNames.map(n => [n, image.sections[n].length])),
        globals: image.globals,
        functions,
        constants: {
            numbers: image.floats,
            strings: [...image.asciiStrings, ...image.utf8Strings],
            buffers: image.buffers.map(b => Buffer.from(b).toString("hex")),
        },
    }
}

export function formatProgram(p: ProgramDocument): string {
    const lines = [
        `program of ${p.fileBytes} bytes, ${p.globals} globals, ${plural(p.constants.strings.length, "string")}, ${plural(p.constants.numbers.length, "number")}, ${plural(p.constants.buffers.length, "buffer")}`,
        table(
            Object.entries(p.sections)
                .filter(([, n]) => n > 0)
                .map(([name, n]) => [`  ${name}`, n]),
        ),
    ]
    if (p.functions.some(f => f.code)) for (const f of p.functions) lines.push(`\n${f.name}_F${f.index} (${f.location ?? "?"}), ${f.bytes} bytes at ${f.startPc}`, formatCode(f.code ?? []))
    else
        lines.push(
            table(
                p.functions.map(f => [`  F${f.index}`, f.name, f.bytes, f.parameters, f.kind, f.location ?? ""]),
                ["  number", "function", "bytes", "parameters", "kind", "source"],
            ),
        )
    return lines.join("\n")
}

/** The source line stands where it changes. */
export function formatCode(code: readonly { readonly pc: number; readonly text: string; readonly location: string | undefined }[]): string {
    let last: string | undefined
    const lines: string[] = []
    for (const { pc, text, location } of code) {
        if (location !== undefined && location !== last) lines.push(`  ; ${location}`)
        last = location
        lines.push(`  ${String(pc).padStart(5)}  ${text}`)
    }
    return lines.join("\n")
}
