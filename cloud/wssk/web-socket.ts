/**
 * The server's half of RFC 6455, as far as the boards' native cloud adapter needs it: binary messages in one frame,
 * small ones; ping, pong and close. A peer that does anything else is cut off.
 */
import { createHash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/** The adapter's own buffer has 270 bytes; what it sends is no longer. */
const MESSAGE_MAX_BYTES = 1024
const FIN = 0x80
const MASKED = 0x80
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

export class WebSocketPeer {
    readonly #socket: Duplex
    #rest: Buffer
    #closed = false
    onMessage: (message: Buffer) => void = () => undefined
    onClose: () => void = () => undefined

    /** Answers the upgrade; `protocol` is the subprotocol that the peer asked for. */
    constructor(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string) {
        this.#socket = socket
        this.#rest = head
        const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${GUID}`).digest("base64")
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: ${protocol}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
        socket.on("data", data => this.#receive(data))
        socket.on("error", () => socket.destroy())
        socket.on("close", () => this.#ended())
    }

    send(message: Uint8Array): void {
        this.#frame(BINARY, message)
    }

    /** Any number of messages in one write. */
    sendAll(messages: readonly Uint8Array[]): void {
        if (!this.#closed) this.#socket.write(Buffer.concat(messages.map(message => frameOf(BINARY, message))))
    }

    close(): void {
        if (this.#closed) return
        this.#frame(CLOSE, new Uint8Array())
        this.#socket.end()
    }

    destroy(): void {
        this.#socket.destroy()
    }

    #frame(kind: number, payload: Uint8Array): void {
        if (!this.#closed) this.#socket.write(frameOf(kind, payload))
    }

    #ended(): void {
        if (this.#closed) return
        this.#closed = true
        this.onClose()
    }

    #receive(data: Buffer): void {
        this.#rest = Buffer.concat([this.#rest, data])
        for (;;) {
            const rest = this.#rest
            if (rest.length < 2) return
            const short = rest[1] & 0x7f
            const start = short === 126 ? 4 : 2
            if ((rest[1] & MASKED) === 0 || (rest[0] & FIN) === 0 || short === 127) {
                this.destroy()
                return
            }
            if (rest.length < start + 4) return
            const size = short === 126 ? rest.readUInt16BE(2) : short
            if (size > MESSAGE_MAX_BYTES) {
                this.destroy()
                return
            }
            const end = start + 4 + size
            if (rest.length < end) return
            const mask = rest.subarray(start, start + 4)
            const payload = Buffer.from(rest.subarray(start + 4, end))
            for (let i = 0; i < size; i++) payload[i] ^= mask[i & 3]
            this.#rest = rest.subarray(end)
            const kind = rest[0] & 0x0f
            if (kind === BINARY) this.onMessage(payload)
            else if (kind === PING) this.#frame(PONG, payload)
            else if (kind === CLOSE) this.close()
            else if (kind !== PONG) {
                this.destroy()
                return
            }
            if (this.#closed) return
        }
    }
}

function frameOf(kind: number, payload: Uint8Array): Buffer {
    const header = payload.length > 125 ? Buffer.from([FIN | kind, 126, payload.length >> 8, payload.length & 255]) : Buffer.from([FIN | kind, payload.length])
    return Buffer.concat([header, payload])
}
