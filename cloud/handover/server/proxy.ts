/** Hands a request on to the other server as it came, and its answer back. */
import type { FastifyReply, FastifyRequest } from "fastify"
import { agentOf, type Peer, requestOf } from "./exchange.ts"

/** A request that was handed on is not handed on again; it carries the handover's key, so that nobody else can say so. */
export const HOP_HEADER = "x-handover-hop"
const RETRY_S = "1"

export function forward({ url, key }: Peer, request: FastifyRequest, reply: FastifyReply): void {
    const from = request.raw
    reply.hijack()
    const { connection: _connection, "transfer-encoding": _encoding, ...headers } = from.headers
    const body = bodyOf(request)
    if (body !== undefined) headers["content-length"] = String(body.length)
    const sent = requestOf(url)(`${url}${from.url}`, { method: from.method, agent: agentOf(url), headers: { ...headers, [HOP_HEADER]: key } }, answer => {
        const { connection: _own, "keep-alive": _alive, ...rest } = answer.headers
        reply.raw.writeHead(answer.statusCode ?? 502, rest)
        answer.pipe(reply.raw)
        answer.on("error", () => reply.raw.destroy())
    })
    sent.on("error", () => {
        if (reply.raw.headersSent) reply.raw.destroy()
        else reply.raw.writeHead(503, { "retry-after": RETRY_S, "content-length": 0 }).end()
    })
    reply.raw.on("close", () => sent.destroy())
    if (body !== undefined) sent.end(body)
    else from.pipe(sent)
}

/** What was read of it already; undefined while it is on its way, or when there is none. */
function bodyOf({ body }: FastifyRequest): Buffer | undefined {
    if (body === undefined || body === null) return undefined
    return Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body))
}
