import { randomBytes } from "node:crypto"

/** What an image does once it is active; see `test/device/plain-loader.ts`. */
export const DEED = { nothing: 0, throw: 1, panic: 2, refuseToLoad: 3, panicAtBoot: 4, hang: 5, outOfMemory: 6, stackOverflow: 7, starve: 8, starveLater: 9 } as const

export const PLAIN_BASE_ID = "00c0ffee00c0ffee"

export interface PlainImageOptions {
    sequence: number
    sizeBytes?: number
    deed?: number
    baseId?: string
}

/** An image for the plain loader: the header of a script image, a deed, and noise. */
export function plainImage(options: PlainImageOptions): Buffer {
    const bytes = randomBytes(options.sizeBytes ?? 400)
    bytes.write("HOV1", 0, "latin1")
    bytes[4] = 1
    bytes[5] = 0
    bytes.writeUInt16LE(24, 6)
    Buffer.from(options.baseId ?? PLAIN_BASE_ID, "hex").copy(bytes, 8)
    bytes.writeUInt32LE(options.sequence, 16)
    bytes.writeUInt32LE(bytes.length, 20)
    bytes[24] = options.deed ?? DEED.nothing
    return bytes
}
