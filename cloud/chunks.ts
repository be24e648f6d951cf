/** A list in parts of at most `size`. */
export function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
    for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
