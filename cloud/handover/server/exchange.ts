/** One HTTP exchange between two servers of a handover. */
import { createHash } from "node:crypto"
import { Agent, request as httpRequest } from "node:http"
import { Agent as SecureAgent, request as httpsRequest } from "node:https"

export interface Peer {
    readonly id: string
    readonly url: string
    /** Known to both servers of this handover only. */
    readonly key: string
}

const TIMEOUT_MS = 3_000
/** For what a server does completely before it answers, with all of its blobs. */
export const LONG_MS = 600_000
/** For a page, or a blob. */
export const PIECE_MS = 30_000

const agents = { http: new Agent({ keepAlive: true, maxSockets: 64 }), https: new SecureAgent({ keepAlive: true, maxSockets: 64 }) }

export const agentOf = (url: string): Agent => (url.startsWith("https:") ? (agents.https as unknown as Agent) : agents.http)
export const requestOf = (url: string): typeof httpRequest => (url.startsWith("https:") ? (httpsRequest as typeof httpRequest) : httpRequest)

/** The other server's answer, which is a refusal. */
export class Refused extends Error {
    readonly status: number

    constructor(what: string, status: number, text: string) {
        super(`${what}: HTTP ${status} ${text.slice(0, 300)}`)
        this.status = status
    }
}

export interface ExchangeOptions {
    readonly json?: unknown
    readonly timeoutMs?: number
    readonly signal?: AbortSignal
}

/** The answer's digest, as its sender saw it; a version that does not tell it sends none. */
export const DIGEST_HEADER = "handover-digest"
export const digestOf = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")

/** One exchange with the other server; throws what went wrong, with the answer's text. */
export function exchange(peer: { url: string; key?: string; token?: string }, method: string, path: string, { json, timeoutMs = TIMEOUT_MS, signal }: ExchangeOptions = {}): Promise<Buffer> {
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    return new Promise((resolve, reject) => {
        const sent = requestOf(peer.url)(
            `${peer.url}${path}`,
            {
                method,
                agent: agentOf(peer.url),
                timeout: timeoutMs,
                signal,
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
                    const digest = response.headers[DIGEST_HEADER]
                    if (digest !== undefined && digest !== digestOf(bytes)) reject(new Error(`HOV_HANDOVER_DIGEST: what came of ${method} ${path} is not what was sent`))
                    else if (statusCode >= 200 && statusCode < 300) resolve(bytes)
                    else reject(new Refused(`${method} ${path}`, statusCode, bytes.toString()))
                })
            },
        )
        sent.on("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer in ${timeoutMs} ms`)))
        sent.on("error", reject)
        sent.end(body)
    })
}
