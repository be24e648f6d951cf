/**
 * The numbered logs (events, audit) at next: copied in small pages while devices move, so
 * that at the end only the last few are missing and the copies just take the places of
 * next's own. Listeners then go on by the numbers that they have.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { EventHub } from "../../events/hub.ts"
import type { RunningWork } from "../../running-work.ts"
import type { Store } from "../../store/store.ts"
import { exchange, PIECE_MS, type Peer } from "./exchange.ts"

/** Small: devices that move come first. */
const PAGE = 100
/** Between two pages; longer when whatever else there is to do makes it longer. */
const PAUSE_MS = 40
const PAUSES_MAX = 8
/** The end has nobody to wait for. */
const LAST_PAGE = 1_000
/** At the end of the logs: what is added from then on is worth a page, and not an exchange for each of it. */
const IDLE_MS = 500

export class LogCopy {
    readonly #store: Store
    readonly #peer: Peer
    readonly #work: RunningWork
    readonly #onError: (error: unknown) => void
    #running: Promise<void> | undefined
    #stopped = false

    constructor(store: Store, peer: Peer, work: RunningWork, onError: (error: unknown) => void) {
        this.#store = store
        this.#peer = peer
        this.#work = work
        this.#onError = onError
    }

    start(): void {
        if (this.#running !== undefined) return
        this.#work.begin(() => (this.#running = this.#run()), this.#onError)
    }

    stop(): void {
        this.#stopped = true
    }

    /** Takes what is missing, and puts the copies in place. May be done again from the beginning. */
    async finish(hub: EventHub): Promise<void> {
        this.#stopped = true
        await this.#running
        this.#running = undefined
        await this.#store.write(repos => repos.handoverLogs.ensure())
        // The last one has nothing: current knows by it that next has all.
        while ((await this.#page(LAST_PAGE)) > 0);
        await this.#store.write(repos => repos.handoverLogs.swap())
        await hub.reload()
    }

    async #run(): Promise<void> {
        const { signal } = this.#work
        const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false, signal })
        let begun = false
        while (!this.#stopped) {
            let more = false
            try {
                if (!begun) await this.#store.write(repos => repos.handoverLogs.ensure())
                begun = true
                more = (await this.#page(PAGE)) >= PAGE
            } catch (error) {
                signal.throwIfAborted()
                // Nothing depends on it yet: the end asks again.
                if (!this.#stopped) this.#onError(error)
            }
            if (more) {
                const fromMs = performance.now()
                await pause(PAUSE_MS)
                const late = performance.now() - fromMs - PAUSE_MS
                if (late > PAUSE_MS / 2) await pause(Math.min(late, PAUSE_MS) * PAUSES_MAX)
            } else await pause(IDLE_MS)
        }
    }

    /** Returns how many rows came. */
    async #page(limit: number): Promise<number> {
        const { events, audit } = await this.#store.read.handoverLogs.copied()
        const { signal } = this.#work
        const pages = await exchange(this.#peer, "GET", `/handover/v1/logs?events=${events}&audit=${audit}&limit=${limit}`, { timeoutMs: PIECE_MS, signal })
        return this.#store.write(repos => repos.handoverLogs.keep(pages.toString()))
    }
}
