const window: number[] = [0, 0, 0]
let at = 0

/** Median of the last three values. */
export function median(value: number) {
    window[at] = value
    at = (at + 1) % 3
    const a = window[0]
    const b = window[1]
    const c = window[2]
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
