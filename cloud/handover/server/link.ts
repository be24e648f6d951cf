/**
 * Messages between two servers: lines of JSON over one connection that stays open
 * (`Upgrade: handover`), because a frozen device waits for three of them. A server of a
 * version without it, or a proxy that lets no upgrade pass, gets them as requests.
 * Like the network that the protocol expects: what does not arrive is not reported, it
 * is sent again.
 */
import type { Socket } from "node:net"
import { exchange, type Peer, requestOf } from "./exchange.ts"

export const LINK_PATH = "/handover/v1/link"
export const LINK_PROTOCOL = "handover"
/** The other side says that it lives this often; a stream that is silent for three times as long is dead. */
export const LINK_BEAT_MS = 1_000

const CONNECT_MS = 2_000
/** After an upgrade that was refused. */
const REQUESTS_ONLY_MS = 5_000
const IN_FLIGHT_MAX = 4
const WAITING_MAX = 20_000
const AT_ONCE = 64
/** The other server does not read: what is sent now would be out of date when it is. */
const BUFFERED_MAX_BYTES = 8 * 1024 * 1024

export class Link<M> {
    readonly #peer: () => Peer | null
    #waiting: M[] = []
    #inFlight = 0
    #scheduled = false
    #stream: { readonly socket: Socket; readonly peer: Peer } | undefined
    #connecting = false
    #requestsUntilMs = 0
    #closed = false
    failures = 0

    constructor(peer: () => Peer | null) {
        this.#peer = peer
    }

    send(message: M): void {
        if (this.#waiting.length >= WAITING_MAX || this.#closed) return
        this.#waiting.push(message)
        if (this.#scheduled) return
        this.#scheduled = true
        setImmediate(() => this.#flush())
    }

    close(): void {
        this.#closed = true
        this.#waiting = []
        this.#stream?.socket.destroy()
    }

    #flush(): void {
        this.#scheduled = false
        const peer = this.#peer()
        if (peer === null) this.#waiting = []
        if (peer === null || this.#waiting.length === 0) return
        if (this.#stream !== undefined && this.#stream.peer.url === peer.url && this.#stream.peer.key === peer.key) return this.#write(this.#stream.socket)
        if (performance.now() < this.#requestsUntilMs) return this.#post(peer)
        if (!this.#connecting) this.#connect(peer)
    }

    #write(socket: Socket): void {
        const messages = this.#waiting
        this.#waiting = []
        if (socket.writableLength > BUFFERED_MAX_BYTES) {
            this.failures++
            return
        }
        let text = ""
        for (let from = 0; from < messages.length; from += AT_ONCE) text += `${JSON.stringify({ messages: messages.slice(from, from + AT_ONCE) })}\n`
        socket.write(text)
    }

    #connect(peer: Peer): void {
        this.#connecting = true
        this.#stream?.socket.destroy()
        this.#stream = undefined
        const sent = requestOf(peer.url)(`${peer.url}${LINK_PATH}`, {
            agent: false,
            timeout: CONNECT_MS,
            headers: { authorization: `Handover ${peer.key}`, connection: "Upgrade", upgrade: LINK_PROTOCOL },
        })
        let settled = false
        const settle = (socket: Socket | undefined): void => {
            if (settled) return
            settled = true
            this.#connecting = false
            if (this.#closed) return void socket?.destroy()
            if (socket === undefined) this.#requestsUntilMs = performance.now() + REQUESTS_ONLY_MS
            else this.#stream = { socket, peer }
            this.#flush()
        }
        sent.on("upgrade", (_response, socket: Socket) => {
            socket.setNoDelay(true)
            socket.setTimeout(3 * LINK_BEAT_MS, () => socket.destroy())
            socket.resume()
            socket.on("error", () => this.failures++)
            socket.on("close", () => {
                if (this.#stream?.socket === socket) this.#stream = undefined
            })
            settle(socket)
        })
        sent.on("response", response => {
            response.resume()
            settle(undefined)
        })
        sent.on("timeout", () => sent.destroy(new Error("no answer")))
        sent.on("error", () => {
            this.failures++
            // Nobody is there: what waits is out of date when somebody is.
            this.#waiting = []
            if (!settled) {
                settled = true
                this.#connecting = false
            }
        })
        sent.end()
    }

    #post(peer: Peer): void {
        if (this.#inFlight >= IN_FLIGHT_MAX) return
        const messages = this.#waiting.splice(0, AT_ONCE)
        this.#inFlight++
        exchange(peer, "POST", "/handover/v1/messages", { messages })
            .catch(() => this.failures++)
            .finally(() => {
                this.#inFlight--
                this.#flush()
            })
        if (this.#waiting.length > 0) this.#flush()
    }
}
