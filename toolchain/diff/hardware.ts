/**
 * Hardware settings of a program by their keys, as text. Layout: compiler/src/dcfg.ts of microsoft/devicescript; a header
 * with a jump table, then entries of a 16-byte key, a hash, type and size, and a value or the place of one.
 */
export function hardwareSettings(section: Uint8Array): Map<string, string> {
    const settings = new Map<string, string>()
    const b = Buffer.from(section.buffer, section.byteOffset, section.byteLength)
    if (b.length < headerBytes) return settings
    const count = b.readUInt16LE(12)
    for (let i = 0; i < count; i++) {
        const at = headerBytes + i * entryBytes
        if (at + entryBytes > b.length) break
        const key = b.toString("latin1", at, at + keyBytes).replace(/\0+$/, "")
        const typeAndSize = b.readUInt16LE(at + keyBytes + 2)
        const value = b.readUInt32LE(at + keyBytes + 4)
        const isInline = (typeAndSize & typeMask) < firstReferenceType
        settings.set(key, isInline ? `${typeAndSize}:${value}` : b.toString("hex", value, value + (typeAndSize >> typeBits)))
    }
    return settings
}

const keyBytes = 16
const entryBytes = 24
const headerBytes = 24 + 2 * 32
const typeBits = 2
const typeMask = 3
/** strings and blobs; before them are numbers */
const firstReferenceType = 2
