/**
 * Live events over SSE. A listener names the last event that it has seen and gets
 * everything after it, in order and once; the store is what remembers.
 */
import type { ServerResponse } from "node:http"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { StoredEvent } from "../store/events.ts"
import type { Store } from "../store/store.ts"
import { turn } from "../turn.ts"

const PAGE = 200
/** The latest events in memory: a listener that is up to date costs no query. */
const RECENT = 2_000
const REMOVED_AT_ONCE = 2_000

export interface ListenOptions {
    /** Events after this one; null = from now on. */
    readonly after: number | null
    readonly deviceId: string | null
    /** Beginnings of event types, e.g. `command.`; empty = all. */
    readonly types: readonly string[]
    /** Whether its token still counts: asked when one was revoked, and with each beat. */
    mayStill(): boolean | Promise<boolean>
}

export interface HubOptions {
    /** Events kept for listeners that come back. */
    readonly eventsKept: number
    /** How often old ones are removed, and listeners told that the connection lives. */
    readonly beatMs: number
}

export class EventHub {
    readonly #store: Store
    readonly #listeners = new Set<Listener>()
    readonly #recent: StoredEvent[] = []
    readonly #heartbeat: NodeJS.Timeout
    readonly #kept: number
    #lastSeq: number
    #removing = false
    #closed = false

    private constructor(store: Store, lastSeq: number, { eventsKept, beatMs }: HubOptions) {
        this.#store = store
        this.#lastSeq = lastSeq
        this.#kept = Math.min(RECENT, eventsKept)
        store.onEvents(events => this.#onEvents(events))
        this.#heartbeat = setInterval(() => {
            for (const listener of this.#listeners) listener.beat()
            this.#dismiss()
            // Old events go a few at a time, so that no delete is long.
            const oldest = this.#lastSeq - eventsKept
            if (oldest > 0 && store.leads) void this.#remove(oldest)
        }, beatMs)
    }

    /** Until nothing is too old: a fleet that has much to say would outgrow one delete for each beat. */
    async #remove(oldest: number): Promise<void> {
        if (this.#removing) return
        this.#removing = true
        try {
            while (!this.#closed && (await this.#store.write(repos => repos.events.removeUpTo(oldest, REMOVED_AT_ONCE))) === REMOVED_AT_ONCE)
                await turn()
        } catch {
            // The next beat tries again.
        } finally {
            this.#removing = false
        }
    }

    static async open(store: Store, options: HubOptions): Promise<EventHub> {
        return new EventHub(store, await store.read.events.lastSeq(), options)
    }

    get listeners(): number {
        return this.#listeners.size
    }

    /** The events of another server were taken over, with their numbers. */
    async reload(): Promise<void> {
        this.#lastSeq = await this.#store.read.events.lastSeq()
        this.#recent.length = 0
        for (const listener of this.#listeners) listener.wake()
    }

    get lastSeq(): number {
        return this.#lastSeq
    }

    /** @throws Problem HOV_API_LISTENERS */
    listen(response: ServerResponse, options: ListenOptions): void {
        if (this.#listeners.size >= LIMITS.sseListeners)
            throw new Problem("HOV_API_LISTENERS", `${LIMITS.sseListeners} listeners are connected`, 10)
        response.writeHead(200, {
            "content-type": "text/event-stream",
            "cache-control": "no-store",
            connection: "keep-alive",
            "x-accel-buffering": "no",
        })
        const listener = new Listener(response, options, options.after ?? this.#lastSeq, {
            after: (seq, limit) => this.after(seq, limit),
            isLost: (seq, next) => this.#isLost(seq, next),
            end: () => this.#end(),
        })
        this.#listeners.add(listener)
        response.once("close", () => {
            listener.close()
            this.#listeners.delete(listener)
        })
        listener.wake()
    }

    /** Events after the given one, oldest first. */
    async after(seq: number, limit: number): Promise<readonly StoredEvent[]> {
        if (seq >= this.#lastSeq) return []
        const first = this.#recent[0]
        if (first === undefined || first.seq > seq + 1) return this.#store.read.events.after(seq, limit)
        let from = this.#recent.findIndex(event => event.seq > seq)
        if (from < 0) from = this.#recent.length
        return this.#recent.slice(from, from + limit)
    }

    /** Something about the server itself, which is no event of the log. */
    tell(type: string, data: Readonly<Record<string, unknown>>): void {
        for (const listener of this.#listeners) listener.tell(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
    }

    /** Listeners come back with the last number they had, and are told where the events are now. */
    dropListeners(): void {
        for (const listener of this.#listeners) listener.close()
        this.#listeners.clear()
    }

    /** Whether events between the two were removed; numbers that were never given are no loss. */
    async #isLost(seq: number, next: number): Promise<boolean> {
        return next > seq + 1 && (await this.#store.read.events.firstSeq()) > seq + 1
    }

    /** The last number that was given, by any process. */
    async #end(): Promise<number> {
        return Math.max(this.#lastSeq, await this.#store.read.events.lastSeq())
    }

    close(): void {
        this.#closed = true
        clearInterval(this.#heartbeat)
        for (const listener of this.#listeners) listener.close()
        this.#listeners.clear()
    }

    #onEvents(announced: readonly StoredEvent[]): void {
        // Another process may have committed between the store's opening and this hub's.
        const events = announced.filter(event => event.seq > this.#lastSeq)
        if (events.length === 0) return
        this.#recent.push(...events)
        if (this.#recent.length > 2 * this.#kept) this.#recent.splice(0, this.#recent.length - this.#kept)
        this.#lastSeq = events[events.length - 1].seq
        if (events.some(event => event.type === "token.revoked")) this.#dismiss()
        for (const listener of this.#listeners) listener.wake()
    }

    /** Who may not read any more hears no more. */
    #dismiss(): void {
        for (const listener of this.#listeners) void listener.dismissUnlessAllowed()
    }
}

interface Log {
    after(seq: number, limit: number): Promise<readonly StoredEvent[]>
    isLost(seq: number, next: number): Promise<boolean>
    end(): Promise<number>
}

class Listener {
    readonly #response: ServerResponse
    readonly #options: ListenOptions
    readonly #log: Log
    #cursor: number
    #isBack = false
    #pumping = false
    #woken = false
    #closed = false

    constructor(response: ServerResponse, options: ListenOptions, cursor: number, log: Log) {
        this.#response = response
        this.#options = options
        this.#cursor = cursor
        this.#log = log
        response.write(`: listening after ${cursor}\n\n`)
    }

    wake(): void {
        this.#woken = true
        if (!this.#pumping) void this.#pump()
    }

    beat(): void {
        if (!this.#closed && !this.#pumping) this.#response.write(": beat\n\n")
    }

    tell(text: string): void {
        if (!this.#closed) this.#response.write(text)
    }

    async dismissUnlessAllowed(): Promise<void> {
        try {
            if (!(await this.#options.mayStill())) this.close()
        } catch {
            // Nobody can say so at the moment: the next beat asks again.
        }
    }

    close(): void {
        if (this.#closed) return
        this.#closed = true
        this.#response.end()
    }

    async #pump(): Promise<void> {
        this.#pumping = true
        try {
            await this.#comeBack()
            while (this.#woken && !this.#closed) {
                this.#woken = false
                for (;;) {
                    const events = await this.#log.after(this.#cursor, PAGE)
                    if (events.length === 0 || this.#closed) break
                    // Who was away too long is told so, whatever it listens to, and can read the state afresh.
                    const isLost = await this.#log.isLost(this.#cursor, events[0].seq)
                    if (this.#closed) break
                    if (isLost) this.#response.write(toGap(this.#cursor, events[0].seq))
                    this.#cursor = events[events.length - 1].seq
                    const text = events.filter(event => this.#wants(event)).map(toSse).join("")
                    // A listener that reads slowly is waited for, not buffered for.
                    if (text !== "" && !this.#response.write(text)) await drained(this.#response)
                }
            }
        } catch {
            this.close()
        } finally {
            this.#pumping = false
        }
    }

    /** A number that was never given is of another log: one that was restored, or another server's. Who has it starts afresh. */
    async #comeBack(): Promise<void> {
        if (this.#isBack) return
        const end = await this.#log.end()
        this.#isBack = true
        if (this.#cursor <= end) return
        this.#response.write(toGap(this.#cursor, end + 1))
        this.#cursor = end
    }

    #wants(event: StoredEvent): boolean {
        const { deviceId, types } = this.#options
        if (deviceId !== null && event.deviceId !== deviceId) return false
        return types.length === 0 || types.some(type => event.type.startsWith(type))
    }
}

/** What an event of tokens has is for servers: whoever may read is told that it happened, and to which device. */
const isForServers = (event: StoredEvent): boolean => event.type.startsWith("token.")

export function toSse(event: StoredEvent): string {
    const data = JSON.stringify({
        type: event.type,
        device: event.deviceId,
        at: new Date(event.atMs).toISOString(),
        ...(isForServers(event) ? {} : event.data),
    })
    return `id: ${event.seq}\nevent: ${event.type}\ndata: ${data}\n\n`
}

/** Has no id: a listener that comes back names the last event that it has really seen. */
const toGap = (after: number, next: number): string => `event: events.gap\ndata: ${JSON.stringify({ type: "events.gap", after, next })}\n\n`

function drained(response: ServerResponse): Promise<void> {
    return new Promise(resolve => {
        const done = (): void => {
            response.off("drain", done)
            response.off("close", done)
            resolve()
        }
        response.on("drain", done)
        response.on("close", done)
    })
}
