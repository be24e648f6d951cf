/** Text messages over RFC 6455, both ends, as far as the example needs them: no fragments, no extensions. */
import { createHash, randomBytes } from "node:crypto"
import { type IncomingMessage, request } from "node:http"
import type { Duplex } from "node:stream"

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
const FIN = 0x80
const MASKED = 0x80
const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const MESSAGE_MAX_BYTES = 0xffff
const CONNECT_MS = 2_000

const acceptOf = (key: string | undefined): string => createHash("sha1").update(`${key}${GUID}`).digest("base64")

export class WebSocketConnection {
    readonly #socket: Duplex
    readonly #masks: boolean
    #rest: Buffer
    #closed = false
    onText: (text: string) => void = () => {}
    onClose: () => void = () => {}

    /** `masks`: the client's end does. */
    constructor(socket: Duplex, head: Buffer, masks: boolean) {
        this.#socket = socket
        this.#masks = masks
        this.#rest = head
        socket.on("data", data => this.#receive(data))
        socket.on("error", () => socket.destroy())
        socket.on("close", () => this.#ended())
        if (head.length > 0) setImmediate(() => this.#receive(Buffer.alloc(0)))
    }

    get isOpen(): boolean {
        return !this.#closed
    }

    send(text: string): void {
        this.#frame(TEXT, Buffer.from(text))
    }

    close(): void {
        this.#frame(CLOSE, Buffer.alloc(0))
        this.#socket.end()
        this.#ended()
    }

    #frame(kind: number, payload: Buffer): void {
        if (this.#closed) return
        const bit = this.#masks ? MASKED : 0
        const header = payload.length > 125 ? Buffer.from([FIN | kind, bit | 126, payload.length >> 8, payload.length & 255]) : Buffer.from([FIN | kind, bit | payload.length])
        const mask = this.#masks ? randomBytes(4) : Buffer.alloc(0)
        this.#socket.write(Buffer.concat([header, mask, this.#masks ? payload.map((byte, i) => byte ^ mask[i & 3]) : payload]))
    }

    #ended(): void {
        if (this.#closed) return
        this.#closed = true
        this.onClose()
    }

    #receive(data: Buffer): void {
        this.#rest = Buffer.concat([this.#rest, data])
        while (this.#rest.length >= 2 && !this.#closed) {
            const rest = this.#rest
            const short = rest[1] & 0x7f
            const start = short === 126 ? 4 : 2
            const isMasked = (rest[1] & MASKED) !== 0
            if ((rest[0] & FIN) === 0 || short === 127 || isMasked === this.#masks) return void this.#socket.destroy()
            const from = start + (isMasked ? 4 : 0)
            if (rest.length < from) return
            const end = from + (short === 126 ? rest.readUInt16BE(2) : short)
            if (end - from > MESSAGE_MAX_BYTES) return void this.#socket.destroy()
            if (rest.length < end) return
            const mask = rest.subarray(start, from)
            const payload = isMasked ? rest.subarray(from, end).map((byte, i) => byte ^ mask[i & 3]) : rest.subarray(from, end)
            this.#rest = rest.subarray(end)
            const kind = rest[0] & 0x0f
            if (kind === TEXT) this.onText(Buffer.from(payload).toString())
            else if (kind === PING) this.#frame(PONG, Buffer.from(payload))
            else if (kind === CLOSE) this.close()
        }
    }
}

/** The server's end: answers the upgrade. */
export function acceptWebSocket(asked: IncomingMessage, socket: Duplex, head: Buffer): WebSocketConnection {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(asked.headers["sec-websocket-key"])}\r\n\r\n`)
    return new WebSocketConnection(socket, head, false)
}

/** The client's end. `url` begins with http. */
export function connectWebSocket(url: string): Promise<WebSocketConnection> {
    return new Promise((resolve, reject) => {
        const key = randomBytes(16).toString("base64")
        const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key }
        const sent = request(url, { agent: false, timeout: CONNECT_MS, headers })
        sent.on("upgrade", (answer, socket, head) => {
            if (answer.headers["sec-websocket-accept"] !== acceptOf(key)) {
                socket.destroy()
                return reject(new Error(`${url}: this is no WebSocket`))
            }
            socket.setTimeout(0)
            resolve(new WebSocketConnection(socket, head, true))
        })
        sent.on("response", answer => {
            answer.resume()
            reject(new Error(`${url}: HTTP ${answer.statusCode}`))
        })
        sent.on("timeout", () => sent.destroy(new Error(`${url}: no answer`)))
        sent.on("error", reject)
        sent.end()
    })
}
