/**
 * A load generator that leaves most of the machine to the server: bare sockets, one
 * request at a time on each, no HTTP library.
 */
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { connect } from "node:net"

export interface BoardSeat {
    readonly id: string
    readonly token: string
}

/** With the end of the chunk or of the headers before it. The body's chunks are left as they are: nobody here reads them. */
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n")
const HEADER_END = Buffer.from("\r\n\r\n")

/** One board's connection. `ask` sends a request and resolves with status and body. */
export class Line {
    readonly #socket: Socket
    #waiting: ((answer: { status: number; body: string }) => void) | undefined
    #failed: ((error: Error) => void) | undefined
    #pending: Buffer = Buffer.alloc(0)

    private constructor(socket: Socket) {
        this.#socket = socket
        socket.setNoDelay(true)
        socket.on("data", data => this.#onData(data))
        socket.on("error", error => this.#failed?.(error))
        socket.on("close", () => this.#failed?.(new Error("the server hung up")))
    }

    static open(host: string, port: number): Promise<Line> {
        return new Promise((resolve, reject) => {
            const socket = connect(port, host)
            socket.once("error", reject)
            socket.once("connect", () => {
                socket.off("error", reject)
                resolve(new Line(socket))
            })
        })
    }

    ask(request: string): Promise<{ status: number; body: string }> {
        return new Promise((resolve, reject) => {
            this.#waiting = resolve
            this.#failed = reject
            this.#socket.write(request, "latin1")
        })
    }

    close(): void {
        this.#failed = undefined
        this.#socket.destroy()
    }

    #onData(data: Buffer): void {
        const bytes = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data])
        const headerEnd = bytes.indexOf(HEADER_END)
        if (headerEnd < 0) {
            this.#pending = bytes
            return
        }
        const head = bytes.toString("latin1", 0, headerEnd)
        if (/^transfer-encoding: chunked/im.test(head)) {
            const end = bytes.indexOf(LAST_CHUNK, headerEnd + 2)
            if (end < 0) this.#pending = bytes
            else this.#done(head, bytes.toString("latin1", headerEnd + HEADER_END.length, end))
            return
        }
        const at = head.toLowerCase().indexOf("content-length: ")
        const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 16), 10)
        const start = headerEnd + HEADER_END.length
        if (bytes.length < start + length) {
            this.#pending = bytes
            return
        }
        this.#done(head, bytes.toString("latin1", start, start + length))
    }

    #done(head: string, body: string): void {
        this.#pending = Buffer.alloc(0)
        const waiting = this.#waiting
        this.#waiting = undefined
        waiting?.({ status: Number(head.slice(9, 12)), body })
    }
}

export function pollRequest(board: BoardSeat, ct: number, uptimeMs: number): string {
    const body = `{"v":"1.0.0","seq":0,"base":"00112233445566aa","bank":"R","state":"idle","boot":1,"ch":"stable","up":${uptimeMs}}`
    return (
        `POST /v1/dfu/${board.id}/poll?ct=${ct} HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer ${board.token}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
}

export function percentile(sortedMs: Float64Array, share: number): number {
    if (sortedMs.length === 0) return Number.NaN
    return sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))]
}
