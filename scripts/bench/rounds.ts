/**
 * Times of several variants of one thing: measured in turn, round after round, so that what else the machine does falls on
 * all of them alike.
 */
export async function timesOf<T>(variants: readonly T[], rounds: number, timeMs: (variant: T) => Promise<number>): Promise<number[][]> {
    const times: number[][] = variants.map(() => [])
    for (let n = 0; n < rounds; n++) for (const [i, variant] of variants.entries()) times[i].push(await timeMs(variant))
    return times
}

export function median(list: readonly number[]): number {
    const sorted = [...list].sort((x, y) => x - y)
    return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/**
 * Mean of the fastest half. Whatever disturbs a run makes it slower, never faster; and the clock of the VM counts whole
 * milliseconds, of which a mean sees more than a median does.
 */
export function fastestHalf(list: readonly number[]): number {
    const fastest = [...list].sort((x, y) => x - y).slice(0, Math.ceil(list.length / 2))
    return fastest.reduce((sum, x) => sum + x, 0) / fastest.length
}
