import { createHash } from "node:crypto"
import { builtinStrings } from "./builtins.ts"
import { DevsError } from "./errors.ts"

/**
 * A compiled DeviceScript program (`.devs`), taken apart and put together again.
 *
 * Layout (runtime/devicescript/devs_format.h): a 32-byte header, ten section descriptors (u32 start, u32 length), then the
 * sections in the order of {@link sectionNames}, contiguous and 4-aligned. Function bodies are contiguous and in the order
 * of their descriptors, so a body may grow, but order is part of the format.
 */

export const MAGIC0 = 0x53766544
export const MAGIC1 = 0xf1296e0a
const HEADER_BYTES = 32
const SECTION_BYTES = 8
const FUNCTION_BYTES = 16
/** The VM's program counter is 16 bits, counted from the start of the file. */
export const CODE_END_MAX = 0x10000

export const sectionNames = [
    "functions",
    "functionsData",
    "floats",
    "rolesRemoved",
    "asciiStrings",
    "utf8Strings",
    "buffers",
    "stringData",
    "specs",
    "dcfg",
] as const
export type SectionName = (typeof sectionNames)[number]

export const FunctionFlag = { needsThis: 1, isConstructor: 2, hasRestArgument: 4 } as const
/** Upper two bits of a string index say which table it points into. */
export const StringTable = { buffer: 0, builtin: 1, ascii: 2, utf8: 3 } as const
const STRING_TABLE_SHIFT = 14

export interface DevsFunction {
    index: number
    name: string
    nameIndex: number
    /** body without the padding that the format puts behind it */
    code: Uint8Array
    slots: number
    args: number
    flags: number
    tryFrames: number
}

export interface DevsImage {
    version: number
    globals: number
    specCount: number
    reserved: Uint8Array
    functions: DevsFunction[]
    /** raw 8-byte VM values: a double, or an integer tagged with 0xffffffff in its upper half */
    floats: number[]
    asciiStrings: string[]
    utf8Strings: string[]
    buffers: Uint8Array[]
    sections: Record<SectionName, Uint8Array>
}

/** Takes a program apart. Throws {@link DevsError} `HOV_DEVS_FORMAT` on anything that the VM would not load. */
export function parseDevs(file: Uint8Array): DevsImage {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    const fixed = HEADER_BYTES + sectionNames.length * SECTION_BYTES
    if (bytes.length < fixed) throw new DevsError(`file of ${bytes.length} bytes is shorter than its header`)
    if (bytes.readUInt32LE(0) !== MAGIC0 || bytes.readUInt32LE(4) !== MAGIC1)
        throw new DevsError("not a DeviceScript program (magic number)")
    const sections = {} as Record<SectionName, Uint8Array>
    let expected = fixed
    sectionNames.forEach((name, i) => {
        const start = bytes.readUInt32LE(HEADER_BYTES + i * SECTION_BYTES)
        const length = bytes.readUInt32LE(HEADER_BYTES + i * SECTION_BYTES + 4)
        if (start !== expected || (start & 3) !== 0 || start + length > bytes.length)
            throw new DevsError(`section ${name} at ${start}+${length} is out of place`)
        sections[name] = bytes.subarray(start, start + length)
        expected = start + length
    })
    const strings = parseStrings(sections)
    return {
        version: bytes.readUInt32LE(8),
        globals: bytes.readUInt16LE(12),
        specCount: bytes.readUInt16LE(14),
        reserved: bytes.subarray(16, 32),
        functions: parseFunctions(bytes, sections, strings),
        floats: parseFloats(sections.floats),
        ...strings,
        sections,
    }
}

interface Strings {
    asciiStrings: string[]
    utf8Strings: string[]
    buffers: Uint8Array[]
}

function parseStrings(sections: Record<SectionName, Uint8Array>): Strings {
    const data = view(sections.stringData)
    const asciiTable = view(sections.asciiStrings)
    const asciiStrings: string[] = []
    for (let o = 0; o + 2 <= asciiTable.length; o += 2) {
        const start = asciiTable.readUInt16LE(o)
        let end = start
        while (end < data.length && data[end] !== 0) end++
        asciiStrings.push(data.toString("latin1", start, end))
    }
    const utf8Table = view(sections.utf8Strings)
    const utf8Strings: string[] = []
    for (let o = 0; o + 4 <= utf8Table.length; o += 4) {
        const start = utf8Table.readUInt32LE(o)
        if (start + 4 > data.length) throw new DevsError(`string ${o / 4} is outside of its section`)
        const sizeBytes = data.readUInt16LE(start)
        const jumpEntries = data.readUInt16LE(start + 2) >> 4
        const text = start + 4 + 2 * jumpEntries
        if (text + sizeBytes > data.length) throw new DevsError(`string ${o / 4} ends outside of its section`)
        utf8Strings.push(data.toString("utf8", text, text + sizeBytes))
    }
    const bufferTable = view(sections.buffers)
    const buffers: Uint8Array[] = []
    for (let o = 0; o + 8 <= bufferTable.length; o += 8) {
        const start = bufferTable.readUInt32LE(o)
        const end = start + bufferTable.readUInt32LE(o + 4)
        if (end > data.length) throw new DevsError(`buffer ${o / 8} is outside of its section`)
        buffers.push(data.subarray(start, end))
    }
    return { asciiStrings, utf8Strings, buffers }
}

function parseFunctions(bytes: Buffer, sections: Record<SectionName, Uint8Array>, strings: Strings): DevsFunction[] {
    const table = view(sections.functions)
    const functions: DevsFunction[] = []
    for (let o = 0; o + FUNCTION_BYTES <= table.length; o += FUNCTION_BYTES) {
        const start = table.readUInt32LE(o)
        const length = table.readUInt32LE(o + 4)
        if (start + length > bytes.length) throw new DevsError(`function ${o / FUNCTION_BYTES} is outside of the file`)
        const nameIndex = table.readUInt16LE(o + 12)
        functions.push({
            index: o / FUNCTION_BYTES,
            name: stringAt(strings, nameIndex) ?? "?",
            nameIndex,
            code: bytes.subarray(start, start + length),
            slots: table.readUInt16LE(o + 8),
            args: table[o + 10],
            flags: table[o + 11],
            tryFrames: table[o + 14],
        })
    }
    return functions
}

function parseFloats(section: Uint8Array): number[] {
    const data = view(section)
    const floats: number[] = []
    for (let o = 0; o + 8 <= data.length; o += 8)
        floats.push(data.readUInt32LE(o + 4) === 0xffffffff ? data.readInt32LE(o) : data.readDoubleLE(o))
    return floats
}

/** Text of a string index (table in its upper two bits), or undefined for a buffer or a bad index. */
export function stringAt(strings: Omit<Strings, "buffers">, stringIndex: number): string | undefined {
    const index = stringIndex & ((1 << STRING_TABLE_SHIFT) - 1)
    switch (stringIndex >> STRING_TABLE_SHIFT) {
        case StringTable.builtin:
            return builtinStrings[index]
        case StringTable.ascii:
            return strings.asciiStrings[index]
        case StringTable.utf8:
            return strings.utf8Strings[index]
        default:
            return undefined
    }
}

/**
 * Puts a program together. Function bodies, slot counts and the number of globals are taken from the parsed fields; all
 * other sections are written as they were read, so an unchanged image comes out byte for byte.
 */
export function serializeDevs(image: DevsImage): Uint8Array {
    const fixed = HEADER_BYTES + sectionNames.length * SECTION_BYTES
    const table = Buffer.alloc(image.functions.length * FUNCTION_BYTES)
    const bodies: Uint8Array[] = []
    let pc = fixed + table.length
    image.functions.forEach((f, i) => {
        const body = padded(f.code, 4)
        const o = i * FUNCTION_BYTES
        table.writeUInt32LE(pc, o)
        table.writeUInt32LE(body.length, o + 4)
        table.writeUInt16LE(f.slots, o + 8)
        table[o + 10] = f.args
        table[o + 11] = f.flags
        table.writeUInt16LE(f.nameIndex, o + 12)
        table[o + 14] = f.tryFrames
        bodies.push(body)
        pc += body.length
    })
    if (pc >= CODE_END_MAX)
        throw new DevsError(`code ends at ${pc} bytes, over the VM's ${CODE_END_MAX}: make the program smaller`)
    const header = Buffer.alloc(fixed)
    header.writeUInt32LE(MAGIC0, 0)
    header.writeUInt32LE(MAGIC1, 4)
    header.writeUInt32LE(image.version, 8)
    header.writeUInt16LE(image.globals, 12)
    header.writeUInt16LE(image.specCount, 14)
    header.set(image.reserved, 16)
    const sections = { ...image.sections, functions: table, functionsData: Buffer.concat(bodies) }
    const parts: Uint8Array[] = [header]
    let offset = fixed
    sectionNames.forEach((name, i) => {
        header.writeUInt32LE(offset, HEADER_BYTES + i * SECTION_BYTES)
        header.writeUInt32LE(sections[name].length, HEADER_BYTES + i * SECTION_BYTES + 4)
        parts.push(sections[name])
        offset += sections[name].length
    })
    return padded(Buffer.concat(parts), 32)
}

/** Offset in the serialized file at which each function's body starts. */
export function functionStarts(image: DevsImage): number[] {
    let pc = HEADER_BYTES + sectionNames.length * SECTION_BYTES + image.functions.length * FUNCTION_BYTES
    return image.functions.map(f => {
        const start = pc
        pc += (f.code.length + 3) & ~3
        return start
    })
}

export function sha256(bytes: Uint8Array): Buffer {
    return createHash("sha256").update(bytes).digest()
}

function padded(bytes: Uint8Array, to: number): Uint8Array {
    const rest = bytes.length % to
    return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(to - rest)])
}

function view(bytes: Uint8Array): Buffer {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
