import { setTimeout as sleep } from "node:timers/promises"

const AGAIN_MS = 500

/**
 * Work that goes on by itself, for as long as what began it is open: when `close` has
 * resolved, none of it runs any more, and none begins.
 */
export class RunningWork {
    readonly #end = new AbortController()
    readonly #running = new Set<Promise<unknown>>()

    /** Aborted by `close`: for what waits for somebody else. */
    get signal(): AbortSignal {
        return this.#end.signal
    }

    get isClosed(): boolean {
        return this.#end.signal.aborted
    }

    /** Somebody waits for its result. @throws what the work throws, or that it is too late for it */
    async run<T>(work: () => Promise<T>): Promise<T> {
        this.#end.signal.throwIfAborted()
        const running = work()
        this.#running.add(running)
        try {
            return await running
        } finally {
            this.#running.delete(running)
        }
    }

    /** Nobody waits for it. What the close itself makes fail is no error. */
    begin(work: () => Promise<unknown>, onError: (error: unknown) => void): void {
        this.run(work).catch(error => {
            if (!this.isClosed) onError(error)
        })
    }

    /** Does it again, with a pause, until it succeeds. @throws when this is closed before */
    async insist<T>(work: () => Promise<T>, onError: (error: unknown) => void): Promise<T> {
        for (;;) {
            this.signal.throwIfAborted()
            try {
                return await work()
            } catch (error) {
                this.signal.throwIfAborted()
                onError(error)
                await sleep(AGAIN_MS, undefined, { signal: this.signal })
            }
        }
    }

    /** What a promise comes to, or that this was closed meanwhile: for a wait whose end is in somebody else's hands. */
    async unlessClosed<T>(promise: Promise<T>): Promise<T> {
        const { signal } = this.#end
        signal.throwIfAborted()
        let onAbort = (): void => {}
        const closed = new Promise<never>((_resolve, reject) => {
            onAbort = () => reject(signal.reason)
            signal.addEventListener("abort", onAbort)
        })
        try {
            return await Promise.race([promise, closed])
        } finally {
            signal.removeEventListener("abort", onAbort)
        }
    }

    async close(): Promise<void> {
        this.#end.abort(new Error("closed"))
        while (this.#running.size > 0) await Promise.allSettled(this.#running)
    }
}
