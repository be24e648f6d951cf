/**
 * Sends events to webhooks: in order, one after the other, each until it is taken.
 * Where a webhook stands is in the store, so a restart goes on there; what was sent at
 * the moment of a crash may be sent again, under the same id.
 */
import { request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { EventHub } from "../events/hub.ts"
import type { StoredEvent } from "../store/events.ts"
import type { WebhookRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"
import type { Message } from "./message.ts"
import { createMessage } from "./message.ts"

const PAGE = 100
const RETRY_MAX_MS = 5 * 60_000

export interface SenderOptions {
    readonly store: Store
    readonly hub: EventHub
    readonly now: Clock
    readonly log: Logger
    readonly source: string
    /** After the first failure; doubles up to five minutes. */
    readonly retryMs: number
    /** For a whole answer. */
    readonly timeoutMs: number
    readonly tickMs: number
}

export class WebhookSender {
    readonly #options: SenderOptions
    readonly #busy = new Map<string, Promise<void>>()
    readonly #unsubscribe: () => void
    #abort = new AbortController()
    /** Events of these types are never told: they name tokens. */
    readonly #secret = "token."
    #timer: NodeJS.Timeout | undefined
    #resting = false

    constructor(options: SenderOptions) {
        this.#options = options
        this.#unsubscribe = options.store.onEvents(() => void this.#wake())
    }

    start(): void {
        this.#resting = false
        if (this.#timer !== undefined) return
        this.#abort = new AbortController()
        this.#timer = setInterval(() => void this.#wake(), this.#options.tickMs)
        void this.#wake()
    }

    /** Another process leads; a message that is on its way is broken off and sent by that one. */
    stop(): void {
        clearInterval(this.#timer)
        this.#timer = undefined
        this.#abort.abort()
    }

    /** Begins no new message; resolves when what is on its way has been answered, and where each webhook stands is written. */
    async rest(): Promise<void> {
        this.#resting = true
        clearInterval(this.#timer)
        this.#timer = undefined
        await Promise.all(this.#busy.values())
    }

    async close(): Promise<void> {
        this.stop()
        this.#unsubscribe()
        await Promise.all(this.#busy.values())
    }

    async #wake(): Promise<void> {
        if (this.#timer === undefined) return
        try {
            for (const hook of await this.#options.store.read.webhooks.all()) {
                if (this.#abort.signal.aborted || this.#resting || this.#busy.has(hook.id)) continue
                const work = this.#deliver(hook)
                    .catch(error => this.#options.log.error({ err: error, webhook: hook.id }, "webhook failed"))
                    .finally(() => this.#busy.delete(hook.id))
                this.#busy.set(hook.id, work)
            }
        } catch (error) {
            if (!this.#abort.signal.aborted) this.#options.log.error({ err: error }, "webhooks cannot be read")
        }
    }

    async #deliver(hook: WebhookRow): Promise<void> {
        const { store, hub, now, source, retryMs, timeoutMs } = this.#options
        const { signal } = this.#abort
        if (hook.retryAtMs !== null && Number(hook.retryAtMs) > now()) return
        let cursor = Number(hook.cursor)
        let { failures } = hook
        for (;;) {
            const events = await hub.after(cursor, PAGE)
            if (events.length === 0) return
            for (const event of events) {
                if (signal.aborted) return
                if (this.#resting) break
                if (this.#wants(hook, event)) {
                    const error = await post(hook.url, createMessage(event, source, hook.secret, now()), signal, timeoutMs)
                    if (signal.aborted && error !== null) return
                    if (error !== null) {
                        const waitMs = Math.min(retryMs * 2 ** Math.min(failures, 30), RETRY_MAX_MS)
                        await store.write(repos =>
                            repos.webhooks.patch(hook.id, {
                                cursor,
                                failures: failures + 1,
                                retryAtMs: now() + waitMs,
                                lastError: error,
                            }),
                        )
                        return
                    }
                    failures = 0
                }
                cursor = event.seq
            }
            await store.write(repos => repos.webhooks.patch(hook.id, { cursor, failures, retryAtMs: null, lastError: null }))
            if (this.#resting) return
            // It may have been removed meanwhile.
            if ((await store.read.webhooks.get(hook.id)) === undefined) return
        }
    }

    #wants(hook: WebhookRow, event: StoredEvent): boolean {
        if (event.type.startsWith(this.#secret)) return false
        const types = hook.types.split(",").filter(type => type !== "")
        return types.length === 0 || types.some(type => event.type.startsWith(type))
    }
}

/** Null when it was taken (2xx), else what was wrong. Redirects are not followed. */
function post(url: string, message: Message, signal: AbortSignal, timeoutMs: number): Promise<string | null> {
    return new Promise(resolve => {
        const send = url.startsWith("https:") ? httpsRequest : httpRequest
        let deadline: NodeJS.Timeout | undefined
        const done = (error: string | null): void => {
            clearTimeout(deadline)
            resolve(error)
        }
        const sent = send(
            url,
            {
                method: "POST",
                signal,
                headers: { ...message.headers, "content-length": Buffer.byteLength(message.body) },
            },
            response => {
                response.resume()
                const { statusCode = 0 } = response
                response.on("end", () => done(statusCode >= 200 && statusCode < 300 ? null : `HTTP ${statusCode}`))
                response.on("error", error => done(error.message))
            },
        )
        // Of the whole exchange: an answer that comes byte by byte would never be silent for long.
        deadline = setTimeout(() => sent.destroy(new Error(`no whole answer in ${timeoutMs} ms`)), timeoutMs)
        sent.on("error", error => done(error.message))
        sent.end(message.body)
    })
}
