// Reads an image's bytes. Every read is checked against the end: a damaged image is refused, never followed.

import { HotswapError } from "./errors"
import { partOf } from "./plain"

let bytes: Buffer
let at = 0

export function openReader(image: Buffer, offset: number): void {
    bytes = image
    at = offset
}

export function closeReader(): void {
    bytes = undefined
}

export function readerOffset(): number {
    return at
}

function take(count: number): number {
    const start = at
    at += count
    if (count < 0 || at > bytes.length) throw new HotswapError("HOV_IMAGE_TRUNCATED")
    return start
}

export function readByte(): number {
    return bytes[take(1)]
}

/** Seven bits a byte, low ones first, as protocol buffers have them. */
export function readVarint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
        const b = readByte()
        value |= (b & 127) << shift
        if (b < 128) return value
    }
    throw new HotswapError("HOV_IMAGE_FORMAT")
}

/** A number of things that take at least a byte each: more than there are bytes left cannot be. */
export function readCount(): number {
    const n = readVarint()
    if (n > bytes.length - at) throw new HotswapError("HOV_IMAGE_TRUNCATED")
    return n
}

export function readInteger(): number {
    return bytes.getAt(take(4), "i32")
}

export function readFloat(): number {
    return bytes.getAt(take(8), "f64")
}

export function readSlice(): Buffer {
    const length = readCount()
    const start = take(length)
    return partOf(bytes, start, start + length)
}
