/**
 * The numbered logs (events, audit) at next: copied in small pages while devices move, so
 * that at the end only the last few are missing and the copies just take the places of
 * next's own. Listeners then go on by the numbers that they have.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { EventHub } from "../../events/hub.ts"
import type { LogPage } from "../../store/handover-logs.ts"
import type { Store } from "../../store/store.ts"
import { exchange, type Peer } from "./link.ts"

const PAGE = 250
/** Between two pages: devices that move come first. */
const PAUSE_MS = 50
const IDLE_MS = 500

export class LogCopy {
    readonly #store: Store
    readonly #peer: Peer
    readonly #onError: (error: unknown) => void
    #running: Promise<void> | undefined
    #stopped = false

    constructor(store: Store, peer: Peer, onError: (error: unknown) => void) {
        this.#store = store
        this.#peer = peer
        this.#onError = onError
    }

    start(): void {
        this.#running ??= this.#run()
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
        while (await this.#page());
        await this.#store.write(repos => repos.handoverLogs.swap())
        await hub.reload()
    }

    async #run(): Promise<void> {
        let begun = false
        while (!this.#stopped) {
            let more = false
            try {
                if (!begun) await this.#store.write(repos => repos.handoverLogs.ensure())
                begun = true
                more = await this.#page()
            } catch (error) {
                // Nothing depends on it yet: the end asks again.
                if (!this.#stopped) this.#onError(error)
            }
            await sleep(more ? PAUSE_MS : IDLE_MS, undefined, { ref: false })
        }
    }

    /** Returns whether there may be more. */
    async #page(): Promise<boolean> {
        const { events, audit } = await this.#store.read.handoverLogs.copied()
        const page = JSON.parse((await exchange(this.#peer, "GET", `/handover/v1/logs?events=${events}&audit=${audit}&limit=${PAGE}`)).toString()) as LogPage
        if (page.events.length === 0 && page.audit.length === 0) return false
        await this.#store.write(repos => repos.handoverLogs.keep(page))
        return true
    }
}
