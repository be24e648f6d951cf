/** Seeded random choices (mulberry32): the same seed gives the same program on every machine. */
export class Random {
    private state: number

    constructor(seed: number) {
        this.state = (Math.imul(seed, 0x9e3779b1) + 0x7f4a7c15) | 0
    }

    /** 0 … n - 1 */
    int(n: number): number {
        this.state = (this.state + 0x6d2b79f5) | 0
        let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return (((t ^ (t >>> 14)) >>> 0) * n) / 4294967296 | 0
    }

    chance(percent: number): boolean {
        return this.int(100) < percent
    }

    pick<T>(list: readonly T[]): T {
        return list[this.int(list.length)]
    }

    /** Picks by weight: `[[3, "often"], [1, "rarely"]]`. */
    weighted<T>(list: readonly (readonly [number, T])[]): T {
        let n = this.int(list.reduce((sum, [weight]) => sum + weight, 0))
        for (const [weight, item] of list) if ((n -= weight) < 0) return item
        return list[0][1]
    }
}
