import { addedKinds, codeHeaderWords, faultPolicies, type Image, type ImageFunction, imageHeaderBytes, parseImageHeader } from "./image.ts"
import { codeArrayMark, specials, type Word } from "./words.ts"

/** These bytes are no image that a board would load; `offset` is where that was seen. */
export class ImageError extends Error {
    readonly code = "HOV_IMAGE_FORMAT"
    readonly offset: number
    constructor(message: string, offset: number) {
        super(`${message} (at byte ${offset}): build the image again`)
        this.name = "ImageError"
        this.offset = offset
    }
}

/**
 * Takes an image apart; `encodeImage` gives the same bytes again. It is stricter than the board: every index is checked.
 * @throws ImageError
 */
export function readImage(file: Uint8Array): Image {
    let header: ReturnType<typeof parseImageHeader>
    try {
        header = parseImageHeader(file)
    } catch (e) {
        throw new ImageError((e as Error).message, 0)
    }
    const r = new Reader(file)
    const strings = r.many(() => r.bytes().toString("utf8"))
    const buffers = r.many(() => new Uint8Array(r.bytes()))
    const cells = r.varint()
    const tokens = r.varint()
    const kinds = r.many(() => ({ kind: r.varint(), words: r.varint() }))
    const functions = kinds.map(({ kind, words }) => readFunction(r, kind, words))
    const rules = r.many(() => ({ constructor_: r.word(0), fields: r.many(() => r.word(0)), up: r.varint() }))
    const optional = () => {
        const n = r.varint()
        return n === 0 ? undefined : n - 1
    }
    const initialise = optional()
    const goLive = optional()
    const goBack = optional()
    const quiesce = r.at < file.length ? { deadlineMs: r.varint(), hosts: r.many(() => r.varint()) } : undefined
    if (r.at !== file.length) throw new ImageError(`${file.length - r.at} bytes too many`, r.at)
    const image: Image = { baseId: header.baseId, sequence: header.sequence, budget: header.budget, strings, buffers, cells, tokens, functions, rules, initialise, goLive, goBack, ...(quiesce ? { quiesce } : {}) }
    checkIndices(image, file.length)
    return image
}

function readFunction(r: Reader, kind: number, count: number): ImageFunction {
    const policy = faultPolicies[r.byte()]
    if (policy === undefined) throw new ImageError("a fault policy that is not known", r.at - 1)
    const numbers = r.many(() => r.varint())
    if (numbers.length % 3 !== 0) throw new ImageError("a try range is cut short", r.at)
    const ranges: [number, number, number][] = []
    for (let i = 0; i < numbers.length; i += 3) ranges.push([numbers[i], numbers[i + 1], numbers[i + 2]])
    let position = codeHeaderWords
    const words = r.many(() => r.word(position++), count)
    const target = kind < addedKinds.length ? { added: addedKinds[kind] } : { host: kind - addedKinds.length }
    return { target, policy, ranges, words }
}

/** What refers to a part of the image must find it there. */
function checkIndices(image: Image, sizeBytes: number): void {
    const limits = { string: image.strings.length, buffer: image.buffers.length, function: image.functions.length, code: image.functions.length, cell: image.cells, token: image.tokens }
    const check = (word: Word, length: number): void => {
        if (word.kind === "member") {
            check(word.object, length)
            check(word.name, length)
        } else if (word.kind === "target") {
            if (word.index < codeHeaderWords || word.index > length + codeHeaderWords) throw new ImageError(`a jump to ${word.index}, outside of its function`, sizeBytes)
        } else if (word.kind in limits) {
            const { kind, index } = word as { kind: keyof typeof limits; index: number }
            if (index >= limits[kind]) throw new ImageError(`${kind} ${index} is not in the image`, sizeBytes)
        }
    }
    for (const f of image.functions) for (const word of f.words) check(word, f.words.length)
    for (const rule of image.rules) for (const word of [rule.constructor_, ...rule.fields]) check(word, 0)
    for (const n of [image.initialise, image.goLive, image.goBack, ...image.rules.map(rule => rule.up)])
        if (n !== undefined && n >= image.functions.length) throw new ImageError(`function ${n} is not in the image`, sizeBytes)
}

class Reader {
    at = imageHeaderBytes
    private readonly file: Buffer

    constructor(file: Uint8Array) {
        this.file = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
    }

    private take(count: number): number {
        const start = this.at
        if (start + count > this.file.length) throw new ImageError("it ends too soon", start)
        this.at += count
        return start
    }

    byte(): number {
        return this.file[this.take(1)]
    }

    varint(): number {
        let value = 0
        for (let shift = 0; shift < 28; shift += 7) {
            const b = this.byte()
            value |= (b & 127) << shift
            if (b < 128) return value
        }
        throw new ImageError("a number that is too long", this.at)
    }

    /** Things that take at least a byte each: more than there are bytes left cannot be. */
    many<T>(read: () => T, count = this.varint()): T[] {
        if (count > this.file.length - this.at) throw new ImageError(`${count} items where ${this.file.length - this.at} bytes are left`, this.at)
        return Array.from({ length: count }, read)
    }

    bytes(): Buffer {
        const length = this.varint()
        const start = this.take(length)
        return this.file.subarray(start, start + length)
    }

    /** @param position of the word in its code array */
    word(position: number, depth = 0): Word {
        if (depth > 4) throw new ImageError("members of members of members", this.at)
        const b = this.byte()
        if (b < 0xc0) return { kind: "handler", number: b }
        if (b >= 0xe0) return { kind: "static", index: b - 0xe0 }
        if (b >= 0xd0) return { kind: "int", value: b - 0xd0 }
        switch (b) {
            case 0xc0:
                return { kind: "handler", number: 0xc0 + this.byte() }
            case 0xc1:
                return { kind: "handler", number: 0x1c0 + this.byte() }
            case 0xc2:
                return { kind: "int", value: this.file.readInt32LE(this.take(4)) }
            case 0xc3:
                return { kind: "float", value: this.file.readDoubleLE(this.take(8)) }
            case 0xc4: {
                const mark = this.byte()
                if (mark === codeArrayMark) return { kind: "code", index: this.varint() }
                const value = specials[mark]
                if (value === undefined) throw new ImageError("a special value that is not known", this.at - 1)
                return { kind: "special", value }
            }
            case 0xc5:
                return { kind: "static", index: this.varint() }
            case 0xc6:
            case 0xc7:
            case 0xc8:
            case 0xc9:
            case 0xca:
                return { kind: (["string", "buffer", "function", "cell", "token"] as const)[b - 0xc6], index: this.varint() }
            case 0xcb:
                return { kind: "member", object: this.word(0, depth + 1), name: this.word(0, depth + 1) }
            case 0xcc:
                return { kind: "int", value: -this.byte() }
            case 0xcd:
                return { kind: "target", index: position + this.byte() }
            case 0xce:
                return { kind: "target", index: position - this.byte() }
            case 0xcf:
                return { kind: "migrate" }
            default:
                throw new ImageError(`a word that begins with ${b.toString(16)}`, this.at - 1)
        }
    }
}

