/** A small deterministic generator (mulberry32): the same seed gives the same faults on every machine. */
export class SeededRandom {
    private state: number

    constructor(readonly seed: number) {
        this.state = seed >>> 0
    }

    /** Uniform in [0, 1). */
    next(): number {
        this.state = (this.state + 0x6d2b79f5) >>> 0
        let t = this.state
        t = Math.imul(t ^ (t >>> 15), t | 1)
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
        return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
    }

    /** Uniform integer in [min, max]. */
    integer(min: number, max: number): number {
        return min + Math.floor(this.next() * (max - min + 1))
    }

    /** True with the given probability; always draws, so that one option does not shift the others' numbers. */
    chance(probability: number): boolean {
        return this.next() < probability
    }

    fill(buffer: Uint8Array): void {
        for (let i = 0; i < buffer.length; i++) buffer[i] = this.integer(0, 255)
    }
}
