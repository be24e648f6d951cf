/** How long sessions were frozen: from when next asked for them, as their clients wait there, to its answer "I serve it". */
export class FreezeTimes {
    readonly #asked = new Map<string, number>()
    readonly #since = new Map<string, number>()
    readonly #tookMs: number[] = []

    /** The first word of next counts, until the session is frozen or not. */
    asked(session: string, atMs: number): void {
        if (!this.#asked.has(session)) this.#asked.set(session, atMs)
    }

    answered(session: string): void {
        this.#asked.delete(session)
    }

    begin(session: string, atMs: number): void {
        this.#since.set(session, this.#asked.get(session) ?? atMs)
    }

    end(session: string, atMs: number): void {
        const since = this.#since.get(session)
        if (since === undefined) return
        this.#since.delete(session)
        this.#tookMs.push(atMs - since)
    }

    get figures(): { count: number; p50Ms: number; p99Ms: number; maxMs: number } {
        const sorted = Float64Array.from(this.#tookMs).sort()
        const at = (share: number): number => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 100) / 100
        return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
    }
}
