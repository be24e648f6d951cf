/**
 * How the words of a code array are written in an image. The first byte says what a word is; the rest depends on it.
 * The board's reader is src/hotswap/image.ts.
 *
 * | first byte | word |
 * |---|---|
 * | 00 … bf | handler 0 … 191 |
 * | c0, c1 + u8 | handler 192 …, 448 … |
 * | c2 + i32 | integer |
 * | c3 + f64 | number |
 * | c4 + u8 | undefined, null, true, false, NaN, Infinity; 6: code array of a function of the image, + varint |
 * | c5 + varint | value of the base (see `statics`) |
 * | c6, c7, c8, c9, ca + varint | string, buffer, function, cell, token of the image |
 * | cb + word + word | member of an object: looked up when the image is loaded |
 * | cc + u8 | small negative integer |
 * | cd, ce + u8 | place in the code array so many words on, back |
 * | cf | the resident's migrate function |
 * | d0 … df | integer 0 … 15 |
 * | e0 … ff | value 0 … 31 of the base |
 */
export type Word =
    | { readonly kind: "handler"; readonly number: number }
    | { readonly kind: "int"; readonly value: number }
    | { readonly kind: "float"; readonly value: number }
    | { readonly kind: "special"; readonly value: (typeof specials)[number] }
    | { readonly kind: "static"; readonly index: number }
    | { readonly kind: "string" | "buffer" | "function" | "cell" | "token" | "code"; readonly index: number }
    | { readonly kind: "member"; readonly object: Word; readonly name: Word }
    | { readonly kind: "target"; readonly index: number }
    | { readonly kind: "migrate" }

export const specials = ["undefined", "null", "true", "false", "nan", "infinity"] as const
/** behind the special values: a function's code array, which closures are made over */
export const codeArrayMark = specials.length

const imageTables = { string: 0xc6, buffer: 0xc7, function: 0xc8, cell: 0xc9, token: 0xca } as const

/** Bytes of one word that stands at `position` of its code array. */
export function encodeWord(word: Word, position: number): number[] {
    switch (word.kind) {
        case "handler":
            if (word.number < 0xc0) return [word.number]
            if (word.number < 0x1c0) return [0xc0, word.number - 0xc0]
            if (word.number < 0x2c0) return [0xc1, word.number - 0x1c0]
            throw new RangeError(`handler ${word.number} is over what an image can name`)
        case "int":
            return encodeInteger(word.value)
        case "float": {
            const bytes = Buffer.alloc(8)
            bytes.writeDoubleLE(word.value)
            return [0xc3, ...bytes]
        }
        case "special":
            return [0xc4, specials.indexOf(word.value)]
        case "static":
            return word.index < 32 ? [0xe0 + word.index] : [0xc5, ...varint(word.index)]
        case "member":
            return [0xcb, ...encodeWord(word.object, 0), ...encodeWord(word.name, 0)]
        case "target": {
            const distance = word.index - position
            if (distance >= 0 && distance < 256) return [0xcd, distance]
            if (distance < 0 && distance > -256) return [0xce, -distance]
            return encodeInteger(word.index)
        }
        case "migrate":
            return [0xcf]
        case "code":
            return [0xc4, codeArrayMark, ...varint(word.index)]
        default:
            return [imageTables[word.kind], ...varint(word.index)]
    }
}

function encodeInteger(value: number): number[] {
    if (value >= 0 && value < 16) return [0xd0 + value]
    if (value < 0 && value > -256) return [0xcc, -value]
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return [0xc2, ...bytes]
}

export function varint(value: number): number[] {
    const bytes: number[] = []
    for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
    bytes.push(value)
    return bytes
}
