/**
 * Messages between two servers: lines of JSON over one connection that stays open
 * (`Upgrade: handover`), because a frozen device waits for three of them. A server of a
 * version without it, or a proxy that lets no upgrade pass, gets them as requests.
 * Like the network that the protocol expects: what does not arrive is not reported, it
 * is sent again.
 */
import type { Socket } from "node:net"
import type { RunningWork } from "../../running-work.ts"
import { exchange, type Peer, requestOf } from "./exchange.ts"

export const LINK_PATH = "/handover/v1/link"
export const LINK_PROTOCOL = "handover"
/** The other side says that it lives this often; a stream that is silent for three times as long is dead. */
export const LINK_BEAT_MS = 1_000

const CONNECT_MS = 2_000
/** After an upgrade that was refused. */
const REQUESTS_ONLY_MS = 5_000
/** While nothing else is to be said, the other server is asked this often whether it is there. */
const ASK_MS = 250
const IN_FLIGHT_MAX = 4
const WAITING_MAX = 20_000
const AT_ONCE = 64
/** Longer is only what one message alone makes. */
const AT_ONCE_MAX_CHARS = 1024 * 1024
/** What is taken in one: a device with all of its history is one message. Earlier versions take 16 MiB. */
export const MESSAGES_MAX_BYTES = 256 * 1024 * 1024
/** The other server does not read: what is sent now would be out of date when it is. */
const BUFFERED_MAX_BYTES = 8 * 1024 * 1024

export class Link<M> {
    readonly #peer: () => Peer | null
    readonly #work: RunningWork
    #waiting: M[] = []
    #inFlight = 0
    #scheduled = false
    #gathering: NodeJS.Timeout | undefined
    #stream: { readonly socket: Socket; readonly peer: Peer } | undefined
    #connecting = false
    #requestsUntilMs = 0
    /** When the other server last answered a request with messages. */
    #answeredAtMs = Number.NEGATIVE_INFINITY
    #askedAtMs = Number.NEGATIVE_INFINITY
    failures = 0

    constructor(peer: () => Peer | null, work: RunningWork) {
        this.#peer = peer
        this.#work = work
    }

    /** `gatherMs`: it may wait so long for others to go with. */
    send(message: M, gatherMs = 0): void {
        if (this.#waiting.length >= WAITING_MAX || this.#work.isClosed) return
        this.#waiting.push(message)
        if (this.#scheduled) return
        if (gatherMs > 0) {
            this.#gathering ??= setTimeout(() => this.#flush(), gatherMs)
            return
        }
        this.#scheduled = true
        setImmediate(() => this.#flush())
    }

    /** Whether the other server is there, as far as can be known; sees to it when it does not look so. */
    isUp(): boolean {
        const peer = this.#peer()
        if (peer === null) return false
        if (this.#streamTo(peer) !== undefined) return true
        const nowMs = performance.now()
        const isUp = nowMs < this.#answeredAtMs + LINK_BEAT_MS
        if (nowMs < this.#askedAtMs + ASK_MS) return isUp
        this.#askedAtMs = nowMs
        if (nowMs < this.#requestsUntilMs) this.#post(peer)
        else if (!this.#connecting) this.#connect(peer)
        return isUp
    }

    close(): void {
        this.#waiting = []
        clearTimeout(this.#gathering)
        this.#stream?.socket.destroy()
    }

    #flush(): void {
        this.#scheduled = false
        clearTimeout(this.#gathering)
        this.#gathering = undefined
        const peer = this.#peer()
        if (peer === null) this.#waiting = []
        if (peer === null || this.#waiting.length === 0) return
        const stream = this.#streamTo(peer)
        if (stream !== undefined) return this.#write(stream)
        if (performance.now() < this.#requestsUntilMs) return this.#post(peer)
        if (!this.#connecting) this.#connect(peer)
    }

    #streamTo({ url, key }: Peer): Socket | undefined {
        const stream = this.#stream
        return stream?.peer.url === url && stream.peer.key === key ? stream.socket : undefined
    }

    #write(socket: Socket): void {
        const messages = this.#waiting
        this.#waiting = []
        if (socket.writableLength > BUFFERED_MAX_BYTES) {
            this.failures++
            return
        }
        socket.cork()
        for (const texts of inLines(messages)) socket.write(`{"messages":[${texts.join()}]}\n`)
        socket.uncork()
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
            if (this.#work.isClosed) return void socket?.destroy()
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
        const [first = []] = inLines(this.#waiting.slice(0, AT_ONCE))
        const messages = this.#waiting.splice(0, first.length)
        this.#inFlight++
        this.#work.begin(async () => {
            try {
                await exchange(peer, "POST", "/handover/v1/messages", { json: { messages }, signal: this.#work.signal })
                this.#answeredAtMs = performance.now()
            } catch {
                this.failures++
            }
            this.#inFlight--
            this.#flush()
        }, () => this.failures++)
        if (this.#waiting.length > 0) this.#flush()
    }
}

/** Messages' texts, as many as go together. */
function inLines(messages: readonly unknown[]): string[][] {
    const lines: string[][] = []
    let chars = Number.POSITIVE_INFINITY
    for (const message of messages) {
        const text = JSON.stringify(message)
        if (chars + text.length > AT_ONCE_MAX_CHARS || lines[lines.length - 1].length >= AT_ONCE) {
            lines.push([])
            chars = 0
        }
        lines[lines.length - 1].push(text)
        chars += text.length
    }
    return lines
}
