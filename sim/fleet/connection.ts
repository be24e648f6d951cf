/** One HTTP/1.1 connection with one request at a time: small, because a fleet has tens of thousands of them. */
import { connect, type Socket } from "node:net"
import { connect as secureConnect } from "node:tls"

export interface Answer {
    readonly status: number
    readonly body: Buffer
    readonly retryAfterS: number
}

const HEADER_END = Buffer.from("\r\n\r\n")
const CONNECT_MS = 10_000

export class Connection {
    readonly #socket: Socket
    #pending: Buffer = Buffer.alloc(0)
    #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
    #timer: NodeJS.Timeout | undefined
    #ended: Error | undefined

    private constructor(socket: Socket) {
        this.#socket = socket
        socket.setNoDelay(true)
        socket.on("data", data => this.#onData(data))
        socket.on("error", error => this.#end(error))
        socket.on("close", () => this.#end(new Error("the server hung up")))
    }

    /** @param localAddress where it comes from: one address has some 28,000 ports for one server */
    static open(url: URL, localAddress?: string): Promise<Connection> {
        const secure = url.protocol === "https:"
        const port = Number(url.port || (secure ? 443 : 80))
        const host = url.hostname.replace(/^\[|\]$/g, "")
        return new Promise((resolve, reject) => {
            const to = { port, host, localAddress, servername: host }
            const socket = secure ? secureConnect(to) : connect(to)
            socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error("no connection in time")))
            socket.once("error", reject)
            socket.once(secure ? "secureConnect" : "connect", () => {
                socket.off("error", reject)
                socket.setTimeout(0)
                resolve(new Connection(socket))
            })
        })
    }

    /** Rejects when the connection breaks, or nothing came in time. */
    ask(head: string, body: string, timeoutMs: number): Promise<Answer> {
        if (this.#ended !== undefined) return Promise.reject(this.#ended)
        return new Promise((resolve, reject) => {
            this.#waiting = { resolve, reject }
            this.#timer = setTimeout(() => this.#end(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
            this.#socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
        })
    }

    close(): void {
        this.#end(new Error("closed"))
    }

    #end(error: Error): void {
        this.#ended ??= error
        clearTimeout(this.#timer)
        this.#socket.destroy()
        const waiting = this.#waiting
        this.#waiting = undefined
        waiting?.reject(error)
    }

    #onData(data: Buffer): void {
        const bytes = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data])
        this.#pending = bytes
        const headEnd = bytes.indexOf(HEADER_END)
        if (headEnd < 0) return
        const head = bytes.toString("latin1", 0, headEnd)
        const sizeBytes = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
        const start = headEnd + HEADER_END.length
        if (bytes.length < start + sizeBytes) return
        this.#pending = Buffer.alloc(0)
        clearTimeout(this.#timer)
        const waiting = this.#waiting
        this.#waiting = undefined
        if (/^connection: *close/im.test(head)) this.#ended = new Error("the server closes the connection")
        waiting?.resolve({
            status: Number(head.slice(9, 12)),
            body: Buffer.from(bytes.subarray(start, start + sizeBytes)),
            retryAfterS: Number(/^retry-after: *(\d+)/im.exec(head)?.[1] ?? 0),
        })
    }
}
