import { type Expr, type Statement, visitExprs } from "../devs/code.ts"
import { stringAt } from "../devs/image.ts"
import type { CompiledProgram, ProgramFunction } from "../program/compiled-program.ts"

/** A function's operations without what they refer to: tells anonymous functions apart before anything is matched. */
export function shape(f: ProgramFunction): string {
    const parts: string[] = [`${f.devs.args}/${f.devs.flags}`]
    for (const s of f.statements) {
        visitExprs(s.args, e => parts.push(e.kind === "int" ? String(e.value) : e.op.name))
        parts.push(s.op.name)
    }
    return parts.join(" ")
}

/** A function's text with all that needs no match to be named: strings, numbers, names of variables and functions. */
export function fingerprint(program: CompiledProgram, f: ProgramFunction): string {
    return functionText(
        program,
        { function: i => program.functions[i].name, global: g => program.debug.globals[g]?.name ?? `${g}` },
        f,
    )
}

/** Names for the things that code refers to by number, the same in two builds for the same thing. */
export interface Names {
    function(index: number): string
    global(index: number): string
}

/** One statement as text, with everything by name: equal text means equal meaning in both builds. */
export function statementText(program: CompiledProgram, names: Names, s: Statement, positions: ReadonlyMap<number, number>, origin: number): string {
    const expr = (e: Expr): string => {
        if (e.kind === "int") return String(e.value)
        const args = e.args.map(expr).join(",")
        return `${e.op.name}${e.op.immediate === undefined ? "" : `<${immediate(e.op.immediate, e.immediate)}>`}(${args})`
    }
    const immediate = (kind: string, value: number): string => {
        switch (kind) {
            case "function":
                return names.function(value)
            case "global":
                return names.global(value)
            case "asciiString":
                return JSON.stringify(program.image.asciiStrings[value])
            case "utf8String":
                return JSON.stringify(program.image.utf8Strings[value])
            case "buffer":
                return Buffer.from(program.image.buffers[value]).toString("hex")
            case "float":
                return String(program.image.floats[value])
            case "spec":
                return specName(program, value)
            case "jump":
                return `${(positions.get(value) ?? -1) - origin}`
            default:
                return String(value)
        }
    }
    const args = s.args.map(expr).join(",")
    return `${s.op.name}${s.op.immediate === undefined ? "" : `<${immediate(s.op.immediate, s.immediate)}>`}(${args})`
}

/** The whole function as text. */
export function functionText(program: CompiledProgram, names: Names, f: ProgramFunction): string {
    const positions = new Map(f.statements.map((s, i) => [s.pc, i]))
    const body = f.statements.map((s, i) => statementText(program, names, s, positions, i))
    return [`${f.devs.args}/${f.devs.flags}`, ...body].join("\n")
}

const specBytes = 16

/** Service class and layout of a Jacdac service specification. */
export function specName(program: CompiledProgram, index: number): string {
    const specs = program.image.sections.specs
    const view = Buffer.from(specs.buffer, specs.byteOffset, specs.byteLength)
    const at = index * specBytes
    const name = stringAt(program.image, view.readUInt16LE(at)) ?? "?"
    return `${name}:${view.readUInt32LE(at + 4).toString(16)}:${view.readUInt16LE(at + 8)}`
}

const packetBytes = 8
const fieldBytes = 4
/** Packet flag: its fields are a list somewhere else in the section. */
const multiField = 1

/**
 * The same with all of its packets, by name, code and format. The places of packets and fields in the section are in units of
 * four bytes (runtime/devicescript/devs_format.h, devs_service_spec_t).
 */
export function specText(program: CompiledProgram, index: number): string {
    const specs = program.image.sections.specs
    const b = Buffer.from(specs.buffer, specs.byteOffset, specs.byteLength)
    const name = (at: number) => stringAt(program.image, b.readUInt16LE(at)) ?? "?"
    const count = b.readUInt16LE(index * specBytes + 8)
    const first = b.readUInt16LE(index * specBytes + 10) * 4
    const packets: string[] = []
    for (let i = 0; i < count; i++) {
        const at = first + i * packetBytes
        const flags = b.readUInt16LE(at + 4)
        let format = String(b.readUInt16LE(at + 6))
        if (flags & multiField) {
            const fields: string[] = []
            for (let f = b.readUInt16LE(at + 6) * 4; b.readUInt16LE(f) !== 0; f += fieldBytes) fields.push(`${name(f)} ${b[f + 2]} ${b[f + 3]}`)
            format = fields.join(",")
        }
        packets.push(`${name(at)} ${b.readUInt16LE(at + 2).toString(16)} ${flags} ${format}`)
    }
    return `${specName(program, index)}\n${packets.join("\n")}`
}
