/** The chip's own: `Math.random` gives every board the same numbers from its start on, unless its chip seeds it. */
export function randomBytes(size: number) {
    const bytes: any = Buffer.alloc(size)
    bytes.fillRandom()
    return bytes as Buffer
}

/** From 0 to 1. */
export function chance() {
    return randomBytes(2).getAt(0, "u16") / 65536
}
