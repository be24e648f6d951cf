/**
 * A player with a WebSocket, who follows a handover in the order of the idea: told to move, it connects to
 * next while it plays on with current; only when current says go it lets go of current. When either dies it
 * goes on with the other one; what was not answered is said again, and counts once.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { WebSocket } from "ws"
import { type FromServer, type GameEvent, MESSAGE_MAX_BYTES } from "./words.ts"

const CONNECT_MS = 2_000
const AGAIN_MS = 50
const STEP_MS = 10

export type Note = { readonly what: "connected" | "moving" | "go" | "closed" | "lost" | "welcome"; readonly at: string }

const originOf = (url: string): string => new URL(url).origin

export class PlayerClient {
    readonly #name: string
    readonly #homes: string[]
    readonly events: GameEvent[] = []
    /** What happened to its connections, in order. */
    readonly notes: Note[] = []
    /** Steps that count, as far as it has seen. */
    steps = 0
    /** Number of the last event that was seen before this program began; null: nobody has said yet. */
    #before: number | null = null
    /** Served by; the second one is of a server that it is on its way to. */
    #at: { readonly url: string; readonly connection: WebSocket } | undefined
    #next: { readonly url: string; readonly connection: WebSocket; isReady: boolean } | undefined
    #welcomed = false
    #stopped = false
    readonly #end: Promise<void>

    constructor(name: string, home: string) {
        this.#name = name
        this.#homes = [home]
        this.#end = this.#play()
    }

    get server(): string | null {
        return this.#at === undefined ? null : originOf(this.#at.url)
    }

    get #seen(): number {
        return this.events.at(-1)?.n ?? this.#before ?? 0
    }

    async stop(): Promise<void> {
        this.#stopped = true
        await this.#end
        this.#at?.connection.close()
        this.#next?.connection.close()
    }

    async #play(): Promise<void> {
        for (let turn = 0; !this.#stopped; turn++) {
            if (this.#at === undefined) await this.#connect(`${this.#homes[turn % this.#homes.length]}/play/${this.#name}`)
            else if (this.#welcomed) this.#at.connection.send(JSON.stringify({ step: this.steps + 1, dx: 1, seen: this.#seen }))
            await sleep(STEP_MS)
        }
    }

    async #connect(url: string): Promise<void> {
        const isOpen = await this.#open(url, connection => {
            this.#welcomed = false
            this.#at = { url, connection }
        })
        if (!isOpen) await sleep(AGAIN_MS)
    }

    /** The second connection. Without it current goes on; should it say go, next is tried again. */
    async #follow(url: string): Promise<void> {
        this.#note("moving", url)
        this.#know(originOf(url))
        await this.#open(url, connection => {
            this.#next?.connection.close()
            this.#next = { url, connection, isReady: false }
        })
    }

    /** False: nobody answered, or somebody who speaks no WebSocket. `opened` comes before the first message. */
    #open(url: string, opened: (connection: WebSocket) => void): Promise<boolean> {
        if (!URL.canParse(url)) return Promise.resolve(false)
        return new Promise(resolve => {
            const connection = new WebSocket(url, { handshakeTimeout: CONNECT_MS, perMessageDeflate: false, maxPayload: MESSAGE_MAX_BYTES })
            connection.on("open", () => {
                this.#note("connected", url)
                opened(connection)
                resolve(true)
            })
            connection.on("message", message => {
                if (connection.readyState === WebSocket.OPEN) this.#hear(JSON.parse(String(message)), connection)
            })
            connection.on("error", () => connection.terminate())
            connection.on("close", () => {
                this.#lost(connection)
                resolve(false)
            })
        })
    }

    #know(home: string): void {
        if (!this.#homes.includes(home)) this.#homes.unshift(home)
    }

    #hear(message: FromServer, from: WebSocket): void {
        switch (message.kind) {
            case "move":
                if (from === this.#at?.connection) void this.#follow(message.url)
                return
            case "go":
                if (from !== this.#at?.connection) return
                this.#note("go", this.#at.url)
                this.#know(originOf(message.url))
                return this.#leave()
            case "welcome":
                this.#note("welcome", (from === this.#at?.connection ? this.#at : this.#next)?.url ?? "?")
                if (from === this.#next?.connection) this.#next.isReady = true
                else this.#welcomed = true
                if (this.#before === null) {
                    this.#before = message.seen
                    this.steps = message.steps
                }
                return
            case "event":
                return this.#see(message.event)
        }
    }

    /** What current has told may come again from next: that is not seen twice. */
    #see(event: GameEvent): void {
        if (event.n <= this.#seen) return
        this.events.push(event)
        if (event.by === "player") this.steps++
    }

    #leave(): void {
        const before = this.#at
        this.#at = undefined
        if (before !== undefined) {
            this.#note("closed", before.url)
            before.connection.close()
        }
        this.#takeNext()
    }

    #takeNext(): void {
        const next = this.#next
        this.#next = undefined
        if (next === undefined || next.connection.readyState !== WebSocket.OPEN) return
        this.#at = next
        this.#welcomed = next.isReady
    }

    #lost(connection: WebSocket): void {
        if (connection === this.#next?.connection) {
            this.#note("lost", this.#next.url)
            this.#next = undefined
        }
        if (connection !== this.#at?.connection) return
        this.#note("lost", this.#at.url)
        this.#at = undefined
        this.#takeNext()
    }

    #note(what: Note["what"], url: string): void {
        this.notes.push({ what, at: originOf(url) })
    }
}
