/**
 * Events of devices that have moved go to current while it has the listeners: in
 * order, each once. Current writes down the last number that it got, in the same
 * transaction as the events.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { RunningWork } from "../../running-work.ts"
import type { StoredEvent } from "../../store/events.ts"
import type { Store } from "../../store/store.ts"
import { exchange, type Peer } from "./exchange.ts"

const AT_ONCE = 200
const RETRY_MS = 200
/** Events of this time make one request. */
const GATHER_MS = 200

export class EventRelay {
    readonly #store: Store
    readonly #peer: () => Peer | null
    readonly #work: RunningWork
    readonly #onError: (error: unknown) => void
    readonly #unsubscribe: () => void
    #sending: Promise<void> | undefined
    #timer: NodeJS.Timeout | undefined
    /** Read from the store, so that a restart loses none; what current has had already it passes over. */
    #cursor = 0
    /** Events are current's only while it has the listeners. */
    on = false

    constructor(store: Store, peer: () => Peer | null, work: RunningWork, onError: (error: unknown) => void) {
        this.#store = store
        this.#peer = peer
        this.#work = work
        this.#onError = onError
        this.#unsubscribe = store.onEvents((_events, elsewhere) => {
            if (this.on && !elsewhere) this.soon()
        })
    }

    soon(): void {
        this.#timer ??= setTimeout(() => {
            this.#timer = undefined
            this.#work.begin(() => this.flush(), this.#onError)
        }, GATHER_MS)
    }

    /** Resolves when all of them are taken. */
    async flush(): Promise<void> {
        // What was committed while a round was on its way is in the next one.
        await this.#sending
        this.#sending ??= this.#send().finally(() => {
            this.#sending = undefined
        })
        return this.#sending
    }

    close(): void {
        clearTimeout(this.#timer)
        this.#unsubscribe()
    }

    async #send(): Promise<void> {
        const { signal } = this.#work
        for (;;) {
            const page = await this.#store.read.events.after(this.#cursor, AT_ONCE)
            const peer = this.#peer()
            if (page.length === 0 || peer === null) return
            const events = page.filter(event => event.deviceId !== null)
            try {
                if (events.length > 0) await exchange(peer, "POST", "/handover/v1/events", { json: { events }, signal })
                this.#cursor = page[page.length - 1].seq
            } catch {
                // It is said until current has it, or this server ends.
                await sleep(RETRY_MS, undefined, { signal })
            }
        }
    }
}

const LAST_NOTE = "relayed"

/** At current: takes the events that it has not had yet. */
export async function takeRelayed(store: Store, handover: string, events: readonly StoredEvent[]): Promise<void> {
    await store.write(async repos => {
        const [of, last] = ((await repos.handover.note(LAST_NOTE)) ?? " 0").split(" ")
        const after = of === handover ? Number(last) : 0
        const fresh = events.filter(event => event.seq > after)
        if (fresh.length === 0) return
        for (const event of fresh) repos.events.note(event.type, event.deviceId, event.atMs, event.data)
        await repos.handover.setNote(LAST_NOTE, `${handover} ${fresh[fresh.length - 1].seq}`)
    })
}
