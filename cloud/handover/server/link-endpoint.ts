/** The other server's messages as they come: lines of JSON on a connection of its own (see `Link`). */
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import { LINK_BEAT_MS, LINK_PATH, LINK_PROTOCOL, MESSAGES_MAX_BYTES } from "./link.ts"

const NEWLINE = 10

export interface LinkEndpointOptions<M> {
    mayConnect(authorization: string | undefined): boolean
    receive(messages: readonly M[]): void
    onError(error: unknown): void
}

export const isLink = (request: IncomingMessage): boolean => request.headers.upgrade === LINK_PROTOCOL && request.url === LINK_PATH

export class LinkEndpoint<M> {
    readonly #options: LinkEndpointOptions<M>
    readonly #sockets = new Set<Duplex>()

    constructor(options: LinkEndpointOptions<M>) {
        this.#options = options
    }

    listen(server: Server): void {
        server.on("upgrade", (request, socket, head) => {
            if (isLink(request)) this.#accept(request, socket, head)
        })
    }

    close(): void {
        for (const socket of this.#sockets) socket.destroy()
    }

    #accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
        socket.on("error", () => socket.destroy())
        if (!this.#options.mayConnect(request.headers.authorization)) return void socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${LINK_PROTOCOL}\r\n\r\n`)
        this.#sockets.add(socket)
        const beat = setInterval(() => socket.write("\n"), LINK_BEAT_MS)
        socket.once("close", () => {
            clearInterval(beat)
            this.#sockets.delete(socket)
        })
        let parts: Buffer[] = []
        let sizeBytes = 0
        const take = (data: Buffer): void => {
            let from = 0
            for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, from)) {
                parts.push(data.subarray(from, end))
                const line = parts.length === 1 ? parts[0] : Buffer.concat(parts)
                parts = []
                sizeBytes = 0
                from = end + 1
                // A later handover has another key.
                if (!this.#options.mayConnect(request.headers.authorization)) return void socket.destroy()
                this.#line(line, socket)
            }
            if (from === data.length) return
            parts.push(data.subarray(from))
            sizeBytes += data.length - from
            if (sizeBytes > MESSAGES_MAX_BYTES) socket.destroy()
        }
        socket.on("data", take)
        if (head.length > 0) take(head)
    }

    #line(line: Buffer, socket: Duplex): void {
        try {
            this.#options.receive((JSON.parse(line.toString()) as { messages: M[] }).messages)
        } catch (error) {
            this.#options.onError(error)
            socket.destroy()
        }
    }
}
