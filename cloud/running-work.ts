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

    async close(): Promise<void> {
        this.#end.abort(new Error("closed"))
        while (this.#running.size > 0) await Promise.allSettled(this.#running)
    }
}
