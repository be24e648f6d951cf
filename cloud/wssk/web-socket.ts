/** A WebSocket as the boards' native cloud adapter needs it: small binary messages. A peer that sends anything else is cut off. */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocket, WebSocketServer } from "ws"

/** The adapter's own buffer has 270 bytes; what it sends is no longer. */
const MESSAGE_MAX_BYTES = 1024

const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: MESSAGE_MAX_BYTES })

export class WebSocketPeer {
    readonly #connection: WebSocket
    readonly #socket: Duplex
    onMessage: (message: Buffer) => void = () => undefined
    onClose: () => void = () => undefined

    /** Answers the upgrade. `opened` comes in the same turn, before any message; never when the peer speaks no WebSocket. */
    static accept(request: IncomingMessage, socket: Duplex, head: Buffer, opened: (peer: WebSocketPeer) => void): void {
        server.handleUpgrade(request, socket, head, connection => opened(new WebSocketPeer(connection, socket)))
    }

    private constructor(connection: WebSocket, socket: Duplex) {
        this.#connection = connection
        this.#socket = socket
        connection.on("message", (message, isBinary) => {
            // What came in the same packet as a reason to be cut off.
            if (connection.readyState !== WebSocket.OPEN) return
            if (isBinary) this.onMessage(message as Buffer)
            else connection.terminate()
        })
        connection.on("error", () => connection.terminate())
        connection.on("close", () => this.onClose())
    }

    send(message: Uint8Array): void {
        this.#connection.send(message)
    }

    /** Any number of messages in one write. */
    sendAll(messages: readonly Uint8Array[]): void {
        this.#socket.cork()
        for (const message of messages) this.send(message)
        this.#socket.uncork()
    }

    /** Says so, and does not wait for the peer's answer: one that does not close its half is gone. */
    close(): void {
        this.#connection.close()
        this.#connection.terminate()
    }
}
