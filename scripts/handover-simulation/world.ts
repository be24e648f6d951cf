/** Time, chance and the network of a run; nothing here happens but by the seed. */
import { SeededRandom } from "../../sim/seeded-random.ts"
import type { Entry } from "./log.ts"

export interface Faults {
    readonly loss: number
    readonly duplication: number
    /** Share of messages that take up to a second. */
    readonly lateness: number
    readonly delayMinMs: number
    readonly delayMaxMs: number
}

const LATE_MAX_MS = 1_000

type EntryWithoutTime = Entry extends infer E ? (E extends Entry ? Omit<E, "atMs"> : never) : never

export class World {
    readonly random: SeededRandom
    readonly log: Entry[] = []
    readonly faults: Faults
    nowMs = 0
    /** Messages sent and received, and commits: each is a place where a server can die. */
    boundaries = 0
    onBoundary: ((n: number) => void) | undefined
    #seq = 0
    readonly #queue: { atMs: number; seq: number; run: () => void }[] = []

    constructor(seed: number, faults: Faults) {
        this.random = new SeededRandom(seed)
        this.faults = faults
    }

    note(entry: EntryWithoutTime): void {
        this.log.push({ ...entry, atMs: this.nowMs } as Entry)
    }

    after(ms: number, run: () => void): void {
        const item = { atMs: this.nowMs + ms, seq: this.#seq++, run }
        const queue = this.#queue
        queue.push(item)
        let at = queue.length - 1
        while (at > 0) {
            const up = (at - 1) >> 1
            if (!before(item, queue[up])) break
            queue[at] = queue[up]
            at = up
        }
        queue[at] = item
    }

    /** Over the network: perhaps late, lost, or twice. Reordering comes of the delays. */
    carry(deliver: () => void): void {
        this.boundary()
        const { loss, duplication, delayMinMs, delayMaxMs } = this.faults
        const copies = (this.random.chance(loss) ? 0 : 1) + (this.random.chance(duplication) ? 1 : 0)
        for (let n = 0; n < copies; n++)
            this.after(this.#delayMs(delayMinMs, delayMaxMs), () => {
                this.boundary()
                deliver()
            })
    }

    /** A few come much too late, when all has changed. */
    #delayMs(minMs: number, maxMs: number): number {
        const late = this.random.chance(this.faults.lateness)
        return minMs + this.random.next() * (late ? LATE_MAX_MS : maxMs - minMs)
    }

    boundary(): void {
        this.onBoundary?.(++this.boundaries)
    }

    /** Runs until `done`, or to the limit. */
    run(limitMs: number, done: () => boolean): "quiet" | "limit" {
        for (;;) {
            const next = this.#pop()
            if (next === undefined || next.atMs > limitMs) return "limit"
            this.nowMs = next.atMs
            next.run()
            if (done()) return "quiet"
        }
    }

    #pop() {
        const queue = this.#queue
        const first = queue[0]
        const last = queue.pop()
        if (first === undefined || last === undefined || queue.length === 0) return first
        let at = 0
        for (;;) {
            let down = 2 * at + 1
            if (down >= queue.length) break
            if (down + 1 < queue.length && before(queue[down + 1], queue[down])) down++
            if (!before(queue[down], last)) break
            queue[at] = queue[down]
            at = down
        }
        queue[at] = last
        return first
    }
}

const before = (a: { atMs: number; seq: number }, b: { atMs: number; seq: number }): boolean =>
    a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq)
