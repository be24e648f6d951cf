/** What an image takes of a board's heap, as the board's loader counts it (`src/hotswap/image.ts`): roughly, and rather more. */
import type { Image } from "./image.ts"

export const imageHeapMaxBytes = 44_000
const itemBytes = 40
const functionBytes = 64
const wordBytes = 8

export function imageHeapBytes(image: Image): number {
    const words = image.functions.reduce((sum, f) => sum + f.words.length, 0)
    const ranges = image.functions.reduce((sum, f) => sum + f.ranges.length * 3, 0)
    const rules = image.rules.reduce((sum, rule) => sum + 1 + rule.fields.length, 0)
    const items = image.strings.length + image.buffers.length + image.cells + image.tokens + ranges + rules + (image.quiesce?.hosts.length ?? 0)
    return image.functions.length * functionBytes + words * wordBytes + items * itemBytes
}
