/**
 * Messages between two servers, over HTTP, several in one request. Like the network
 * that the protocol expects: what does not arrive is not reported, it is sent again.
 */
import { Agent, request as httpRequest } from "node:http"
import { Agent as SecureAgent, request as httpsRequest } from "node:https"

export interface Peer {
    readonly id: string
    readonly url: string
    /** Known to both servers of this handover only. */
    readonly key: string
}

const TIMEOUT_MS = 3_000
const IN_FLIGHT_MAX = 4
const WAITING_MAX = 20_000

export class Link<M> {
    readonly #peer: () => Peer | null
    #waiting: M[] = []
    #inFlight = 0
    #scheduled = false
    failures = 0

    constructor(peer: () => Peer | null) {
        this.#peer = peer
    }

    send(message: M): void {
        if (this.#waiting.length >= WAITING_MAX) return
        this.#waiting.push(message)
        if (this.#scheduled) return
        this.#scheduled = true
        setImmediate(() => this.#flush())
    }

    #flush(): void {
        this.#scheduled = false
        const peer = this.#peer()
        if (peer === null) {
            this.#waiting = []
            return
        }
        if (this.#waiting.length === 0 || this.#inFlight >= IN_FLIGHT_MAX) return
        const messages = this.#waiting.splice(0, 64)
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

const agents = { http: new Agent({ keepAlive: true, maxSockets: 64 }), https: new SecureAgent({ keepAlive: true, maxSockets: 64 }) }

export const agentOf = (url: string): Agent => (url.startsWith("https:") ? (agents.https as unknown as Agent) : agents.http)
export const requestOf = (url: string): typeof httpRequest => (url.startsWith("https:") ? (httpsRequest as typeof httpRequest) : httpRequest)

/** One exchange with the other server; throws what went wrong, with the answer's text. */
export function exchange(peer: { url: string; key?: string; token?: string }, method: string, path: string, json?: unknown): Promise<Buffer> {
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    return new Promise((resolve, reject) => {
        const sent = requestOf(peer.url)(
            `${peer.url}${path}`,
            {
                method,
                agent: agentOf(peer.url),
                timeout: TIMEOUT_MS,
                headers: {
                    ...(peer.key === undefined ? {} : { authorization: `Handover ${peer.key}` }),
                    ...(peer.token === undefined ? {} : { authorization: `Bearer ${peer.token}` }),
                    ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length }),
                },
            },
            response => {
                const parts: Buffer[] = []
                response.on("data", part => parts.push(part))
                response.on("error", reject)
                response.on("end", () => {
                    const bytes = Buffer.concat(parts)
                    const { statusCode = 0 } = response
                    if (statusCode >= 200 && statusCode < 300) resolve(bytes)
                    else reject(new Error(`${method} ${path}: HTTP ${statusCode} ${bytes.toString().slice(0, 300)}`))
                })
            },
        )
        sent.on("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer in ${TIMEOUT_MS} ms`)))
        sent.on("error", reject)
        sent.end(body)
    })
}
