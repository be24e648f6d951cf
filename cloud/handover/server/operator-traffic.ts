/** Requests of operators and listeners, where a handover makes them wait. */
import { Barrier } from "./barrier.ts"

export class OperatorTraffic {
    /** At current: requests that come while everything that is not a device's moves. */
    readonly resting = new Barrier()
    /** At next: listeners that come before it has the events with their numbers. */
    readonly arrival = new Barrier()
    readonly #unchanging = new Barrier()
    #changes = 0

    /** A change is made here; returns what to call at its end, which a takeover waits for. */
    begun(): () => void {
        let isOver = false
        this.#changes++
        return () => {
            if (!isOver && --this.#changes === 0) this.#unchanging.lift()
            isOver = true
        }
    }

    /** Resolves when no change is being made. */
    async unchanging(): Promise<void> {
        if (this.#changes > 0) this.#unchanging.lower()
        await this.#unchanging.passed
    }
}
