/** What comes in bursts is taken a few at a time, with a turn of the event loop after each few. */
import type { RunningWork } from "../../running-work.ts"
import { turn } from "../../turn.ts"

export interface FewAtATimeOptions<T> {
    readonly few: number
    readonly work: RunningWork
    /** What comes again before it was taken is taken once, the newest of it in the place of the first. */
    nameOf(one: T): string
    take(one: T): void
    onError(error: unknown): void
}

export class FewAtATime<T> {
    readonly #options: FewAtATimeOptions<T>
    readonly #waiting = new Map<string, T>()
    #isWorking = false

    constructor(options: FewAtATimeOptions<T>) {
        this.#options = options
    }

    add(one: T): void {
        this.#waiting.set(this.#options.nameOf(one), one)
        if (this.#isWorking) return
        this.#isWorking = true
        this.#options.work.begin(() => this.#takeAll(), this.#options.onError)
    }

    /** What was not taken yet is of no use any more. */
    clear(): void {
        this.#waiting.clear()
    }

    async #takeAll(): Promise<void> {
        const { few, work } = this.#options
        while (this.#waiting.size > 0 && !work.isClosed) {
            let left = few
            for (const [name, one] of this.#waiting) {
                this.#waiting.delete(name)
                this.#take(one)
                if (--left === 0) break
            }
            await turn()
        }
        this.#isWorking = false
    }

    #take(one: T): void {
        try {
            this.#options.take(one)
        } catch (error) {
            this.#options.onError(error)
        }
    }
}
