/**
 * Runs `work` after each change, never twice at a time. Editors write a file in several steps, and a person saves again
 * while the last edit is on its way: changes within `quietMs` are one, those during the work are one more run after it.
 */
export class EditLoop {
    private readonly work: (changedMs: number) => Promise<void>
    private readonly quietMs: number
    private timer: NodeJS.Timeout | undefined
    private firstChangeMs: number | undefined
    private running: Promise<void> | undefined
    private closed = false

    constructor(work: (changedMs: number) => Promise<void>, quietMs = 15) {
        this.work = work
        this.quietMs = quietMs
    }

    changed(): void {
        if (this.closed) return
        this.firstChangeMs ??= performance.now()
        if (this.running) return
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.start(), this.quietMs)
    }

    private start(): void {
        const changedMs = this.firstChangeMs ?? performance.now()
        this.firstChangeMs = undefined
        this.running = this.work(changedMs).finally(() => {
            this.running = undefined
            if (this.firstChangeMs !== undefined) this.changed()
        })
    }

    /** Takes no more changes, and waits for the work that has begun. */
    async close(): Promise<void> {
        this.closed = true
        clearTimeout(this.timer)
        this.firstChangeMs = undefined
        await this.running
    }
}
