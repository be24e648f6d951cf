/**
 * Live events over one connection. After a break it names the last event it has seen and gets everything after it;
 * EventSource cannot send the token, so the stream is read by hand.
 */
import type { Api } from "../api.ts"
import { problemOf } from "../api.ts"
import type { LiveEvent } from "../documents.ts"
import { Watched } from "./store.ts"

export type LiveState = "connecting" | "live" | "offline"

const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000]
/** The server says something every 15 s. */
const SILENCE_MS = 40_000

export class Live extends Watched {
    state: LiveState = "connecting"
    readonly #api: Api
    readonly #handlers = new Set<(event: LiveEvent) => void>()
    readonly #stop = new AbortController()
    #lastId: string | undefined
    #attempt: AbortController | undefined
    /** Ends a pause between two attempts. */
    #wake: () => void = () => undefined

    constructor(api: Api) {
        super()
        this.#api = api
        const { signal } = this.#stop
        addEventListener("offline", () => this.#attempt?.abort(), { signal })
        addEventListener("online", () => this.#wake(), { signal })
    }

    on(handler: (event: LiveEvent) => void): () => void {
        this.#handlers.add(handler)
        return () => this.#handlers.delete(handler)
    }

    /** Goes on after this event, until closed. */
    async run(after: number): Promise<void> {
        this.#lastId ??= String(after)
        for (let failures = 0; !this.#stop.signal.aborted; failures++) {
            if (failures > 0) await this.#sleep(RETRY_MS[Math.min(failures, RETRY_MS.length) - 1])
            if (this.#stop.signal.aborted) return
            if (await this.#listen()) failures = 0
            this.#set("offline")
        }
    }

    close(): void {
        this.#stop.abort()
        this.#attempt?.abort()
        this.#wake()
    }

    /** Returns whether it was connected. */
    async #listen(): Promise<boolean> {
        let connected = false
        const attempt = new AbortController()
        this.#attempt = attempt
        let silence = setTimeout(() => attempt.abort(), SILENCE_MS)
        try {
            const response = await fetch("/api/v1/events", { headers: { ...this.#api.headers, accept: "text/event-stream", "last-event-id": this.#lastId ?? "0" }, signal: attempt.signal, cache: "no-store" })
            if (!response.ok || response.body === null) {
                const problem = await problemOf(response)
                // Signing out is the API's business: the next call says so.
                if (problem.status === 401) await this.#api.get("/me").catch(() => undefined)
                return false
            }
            connected = true
            this.#set("live")
            const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
            for (let rest = ""; ; ) {
                const { value, done } = await reader.read()
                if (done) return connected
                clearTimeout(silence)
                silence = setTimeout(() => attempt.abort(), SILENCE_MS)
                const parts = (rest + value).split("\n\n")
                rest = parts.pop() ?? ""
                for (const text of parts) this.#take(text)
            }
        } catch {
            return connected
        } finally {
            clearTimeout(silence)
        }
    }

    #take(text: string): void {
        let data = ""
        for (const line of text.split("\n")) {
            if (line.startsWith("id: ")) this.#lastId = line.slice(4)
            else if (line.startsWith("data: ")) data += line.slice(6)
        }
        if (data === "") return
        const event = JSON.parse(data) as LiveEvent
        for (const handler of this.#handlers) handler(event)
    }

    #set(state: LiveState): void {
        if (this.state === state || this.#stop.signal.aborted) return
        this.state = state
        this.tell()
    }

    #sleep(ms: number): Promise<void> {
        return new Promise(resolve => {
            const timer = setTimeout(resolve, ms)
            this.#wake = () => {
                clearTimeout(timer)
                resolve()
            }
        })
    }
}
