import { encodeWord, varint, type Word } from "./words.ts"

/**
 * A script image: what one update changes against its base. Little-endian.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | magic `HOV1` |
 * | 4 | 1 | format version, 1 |
 * | 5 | 1 | flags, 0 |
 * | 6 | 2 | size of this header, 32 |
 * | 8 | 8 | base id: the start of the SHA-256 of the base as compiled |
 * | 16 | 4 | sequence, for anti-rollback |
 * | 20 | 4 | size of the image |
 * | 24 | 2 | budget: loop rounds and calls before replaced code yields |
 * | 26 | 6 | 0 |
 *
 * Then, with counts as varints: strings, buffers, number of cells (new globals), number of tokens, what each function is and
 * how many words it has, functions, migration rules, and one more than the numbers of three functions (0: none): what runs at every activation,
 * what runs only when the image goes live in a running program, whose top-level code has run already, and what runs when
 * the base's code is current again.
 *
 * An image with changes that must not mix ends in two things more: how many milliseconds the board waits for calls that would
 * mix, and the hosts whose calls those are.
 */
export const imageMagic = 0x31564f48
export const imageHeaderBytes = 32
export const imageFormatVersion = 1
export const imageSequenceOffset = 16

export interface ImageHeader {
    readonly baseId: Uint8Array
    readonly sequence: number
    readonly sizeBytes: number
    readonly budget: number
}

/** What functions that a base does not have are to their callers, by the number that an image says it with. */
export const addedKinds = ["function", "method", "rest function", "rest method"] as const
export type AddedKind = (typeof addedKinds)[number]

/** What a function of the image is: it takes a host's place, or is new. */
export type ImageTarget = { readonly host: number } | { readonly added: AddedKind }
export const faultPolicies = ["skip", "rerun", "rethrow"] as const

export interface ImageFunction {
    readonly target: ImageTarget
    readonly policy: (typeof faultPolicies)[number]
    /** start, end, handler: places in the code array */
    readonly ranges: readonly (readonly [number, number, number])[]
    /** without those of the header */
    readonly words: readonly Word[]
}

export interface ImageRule {
    readonly constructor_: Word
    readonly fields: readonly Word[]
    /** function that sets the fields of its argument */
    readonly up: number
}

export interface Image {
    readonly baseId: Uint8Array
    readonly sequence: number
    readonly budget: number
    readonly strings: readonly string[]
    readonly buffers: readonly Uint8Array[]
    readonly cells: number
    readonly tokens: number
    readonly functions: readonly ImageFunction[]
    readonly rules: readonly ImageRule[]
    readonly initialise: number | undefined
    readonly goLive: number | undefined
    readonly goBack: number | undefined
    /** hosts whose calls must have ended before the image goes live */
    readonly quiesce?: { readonly deadlineMs: number; readonly hosts: readonly number[] }
}

/**
 * Places in a code array start behind the entry handler, what all functions of the image share, and the function's number
 * and fault policy in one word.
 */
export const codeHeaderWords = 3

export function encodeImage(image: Image): Uint8Array {
    const body: number[] = []
    const list = <T>(items: readonly T[], write: (item: T) => void) => {
        body.push(...varint(items.length))
        items.forEach(write)
    }
    const bytes = (b: Uint8Array) => body.push(...varint(b.length), ...b)
    list(image.strings, s => bytes(Buffer.from(s, "utf8")))
    list(image.buffers, bytes)
    body.push(...varint(image.cells), ...varint(image.tokens))
    // what each function is comes first, and its length: code of one may refer to a later one's array
    list(image.functions, f => body.push(...varint(targetNumber(f.target)), ...varint(f.words.length)))
    image.functions.forEach(f => {
        body.push(faultPolicies.indexOf(f.policy))
        list(f.ranges.flat(), n => body.push(...varint(n)))
        f.words.forEach((w, i) => body.push(...encodeWord(w, i + codeHeaderWords)))
    })
    list(image.rules, r => {
        body.push(...encodeWord(r.constructor_, 0))
        list(r.fields, f => body.push(...encodeWord(f, 0)))
        body.push(...varint(r.up))
    })
    for (const f of [image.initialise, image.goLive, image.goBack]) body.push(...varint(f === undefined ? 0 : f + 1))
    if (image.quiesce) {
        body.push(...varint(image.quiesce.deadlineMs))
        list(image.quiesce.hosts, h => body.push(...varint(h)))
    }

    const header = Buffer.alloc(imageHeaderBytes)
    header.writeUInt32LE(imageMagic, 0)
    header[4] = imageFormatVersion
    header.writeUInt16LE(imageHeaderBytes, 6)
    header.set(image.baseId, 8)
    header.writeUInt32LE(image.sequence, imageSequenceOffset)
    header.writeUInt32LE(imageHeaderBytes + body.length, 20)
    header.writeUInt16LE(image.budget, 24)
    return Buffer.concat([header, Buffer.from(body)])
}

export function targetNumber(target: ImageTarget): number {
    return "host" in target ? target.host + addedKinds.length : addedKinds.indexOf(target.added)
}

/** How many of an image's bytes are this function's. */
export function functionSizeBytes(f: ImageFunction): number {
    const numbers = f.ranges.flat()
    const size = (ns: readonly number[]) => ns.reduce((sum, n) => sum + varint(n).length, 0)
    const target = targetNumber(f.target)
    const words = f.words.reduce((sum, w, i) => sum + encodeWord(w, i + codeHeaderWords).length, 0)
    return 1 + size([target, numbers.length, ...numbers, f.words.length]) + words
}

/** Reads an image's header. Throws RangeError when these bytes do not begin an image. */
export function parseImageHeader(file: Uint8Array): ImageHeader {
    const b = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    if (b.length < imageHeaderBytes || b.readUInt32LE(0) !== imageMagic) throw new RangeError("not a script image")
    if (b[4] !== imageFormatVersion) throw new RangeError(`image format ${b[4]} is not known`)
    if (b.readUInt32LE(20) !== b.length) throw new RangeError(`image says ${b.readUInt32LE(20)} bytes and has ${b.length}`)
    return { baseId: b.subarray(8, 16), sequence: b.readUInt32LE(imageSequenceOffset), sizeBytes: b.length, budget: b.readUInt16LE(24) }
}
