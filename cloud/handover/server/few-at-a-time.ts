/** What comes in bursts is taken a few at a time, with a turn of the event loop after each few. */
import type { RunningWork } from "../../running-work.ts"
import { turn } from "../../turn.ts"

export interface FewAtATimeOptions<T> {
    readonly few: number
    readonly work: RunningWork
    take(one: T): void
    onError(error: unknown): void
}

export class FewAtATime<T> {
    readonly #options: FewAtATimeOptions<T>
    #waiting: T[] = []
    #isWorking = false

    constructor(options: FewAtATimeOptions<T>) {
        this.#options = options
    }

    add(one: T): void {
        this.#waiting.push(one)
        if (this.#isWorking) return
        this.#isWorking = true
        this.#options.work.begin(() => this.#takeAll(), this.#options.onError)
    }

    async #takeAll(): Promise<void> {
        const { few, work, take, onError } = this.#options
        while (this.#waiting.length > 0 && !work.isClosed) {
            for (const one of this.#waiting.splice(0, few)) {
                try {
                    take(one)
                } catch (error) {
                    onError(error)
                }
            }
            await turn()
        }
        this.#isWorking = false
    }
}
