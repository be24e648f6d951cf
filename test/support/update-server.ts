import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { PATIENCE } from "./cloud.ts"

export interface DeviceStatus {
    id: string
    state: string
    v: string
    seq: number
    bank: string
    done: number
    of: number
    code?: string
    diag?: Record<string, unknown>
}

export const TOKEN = "device-token"

/**
 * The device API with one device and no rules of its own: a test gives the command and sees the statuses.
 * The real server has its own tests; here it would hide what the board does.
 */
export class UpdateServer {
    readonly statuses: DeviceStatus[] = []
    readonly actuals: Record<string, unknown>[] = []
    /** Blobs asked for: `digest8 offset length`. */
    readonly fetches: string[] = []
    /** What the requests for them said of their sender. */
    readonly clients: string[] = []
    /** Answers a request in the server's place when it returns true. */
    intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
    private readonly blobs = new Map<string, Uint8Array>()
    private readonly server: Server
    private command: object | undefined
    private readonly held = new Set<() => void>()
    private readonly statusListeners = new Set<() => void>()

    private constructor() {
        this.server = createServer((request, response) => this.handle(request, response))
        this.server.keepAliveTimeout = 60_000
    }

    static async start(port = 0): Promise<UpdateServer> {
        const made = new UpdateServer()
        await new Promise<void>(resolve => made.server.listen(port, "127.0.0.1", resolve))
        return made
    }

    get port(): number {
        return (this.server.address() as AddressInfo).port
    }

    get url(): string {
        return `http://127.0.0.1:${this.port}`
    }

    addBlob(bytes: Uint8Array): string {
        const digest = createHash("sha256").update(bytes).digest("hex")
        this.addBlobAs(bytes, digest)
        return digest
    }

    /** A blob under a name that need not be its digest, as a server with a bad disk has it. */
    addBlobAs(bytes: Uint8Array, digest: string): void {
        this.blobs.set(digest, bytes)
    }

    blob(digest: string): Uint8Array {
        const bytes = this.blobs.get(digest)
        if (!bytes) throw new Error(`no blob ${digest}`)
        return bytes
    }

    /** Given with the next poll, or at once when one is held. */
    give(command: object): void {
        this.command = command
        for (const answer of [...this.held]) answer()
    }

    /** The first status, past or coming, that matches. A machine with other work gets more time. */
    async waitForStatus(matches: (status: DeviceStatus) => boolean, quietTimeoutMs: number): Promise<DeviceStatus> {
        const timeoutMs = quietTimeoutMs * PATIENCE
        const end = performance.now() + timeoutMs
        for (;;) {
            const found = this.statuses.find(matches)
            if (found) return found
            const leftMs = end - performance.now()
            if (leftMs <= 0) throw new Error(`no such status in ${timeoutMs} ms; got ${JSON.stringify(this.statuses)}`)
            await new Promise<void>(resolve => {
                const timer = setTimeout(done, leftMs)
                const listeners = this.statusListeners
                function done() {
                    clearTimeout(timer)
                    listeners.delete(done)
                    resolve()
                }
                listeners.add(done)
            })
        }
    }

    /** Forgets what it saw and was told; blobs stay. */
    reset(): void {
        this.statuses.length = 0
        this.actuals.length = 0
        this.fetches.length = 0
        this.clients.length = 0
        this.command = undefined
        this.intercept = () => false
        this.server.closeAllConnections()
    }

    async close(): Promise<void> {
        this.server.closeAllConnections()
        await new Promise<void>(resolve => this.server.close(() => resolve()))
    }

    private async handle(request: IncomingMessage, response: ServerResponse) {
        const chunks: Buffer[] = []
        try {
            for await (const chunk of request) chunks.push(chunk as Buffer)
        } catch {
            return
        }
        if (this.intercept(request, response)) return
        const url = new URL(request.url ?? "/", this.url)
        const body = Buffer.concat(chunks).toString()
        if (request.headers.authorization !== `Bearer ${TOKEN}`) return reply(response, 401, { code: "HOV_TOKEN" })
        if (url.pathname.endsWith("/poll")) return this.poll(JSON.parse(body), Number(url.searchParams.get("ct")), response)
        if (url.pathname.endsWith("/status")) {
            this.statuses.push(JSON.parse(body))
            reply(response, 200, {})
            for (const listener of [...this.statusListeners]) listener()
            return
        }
        const blob = this.blobs.get(url.pathname.replace("/v1/blobs/", ""))
        if (!blob) return reply(response, 404, { code: "HOV_BLOB" })
        const offset = Number(url.searchParams.get("offset"))
        const length = Number(url.searchParams.get("length"))
        this.fetches.push(`${url.pathname.slice(10, 18)} ${offset} ${length}`)
        this.clients.push(`${request.headers["handover-client"]}`)
        const piece = blob.subarray(offset, offset + length)
        response.setHeader("Chunk-Digest", createHash("sha256").update(piece).digest("hex").slice(0, 16))
        reply(response, 200, piece)
    }

    private poll(actual: Record<string, unknown>, holdS: number, response: ServerResponse) {
        this.actuals.push(actual)
        const answer = () => {
            clearTimeout(timer)
            this.held.delete(answer)
            const command = this.command
            this.command = undefined
            if (command) reply(response, 200, command)
            else reply(response, 202, undefined)
        }
        const timer = setTimeout(answer, holdS * 1000)
        timer.unref()
        this.held.add(answer)
        response.on("close", () => {
            clearTimeout(timer)
            this.held.delete(answer)
        })
        if (this.command) answer()
    }
}

function reply(response: ServerResponse, status: number, body: Uint8Array | object | undefined) {
    const bytes = body === undefined ? Buffer.alloc(0) : body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))
    response.writeHead(status, { "Content-Length": bytes.length })
    response.end(bytes)
}
