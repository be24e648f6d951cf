/** The operator's side of a handover, and what the two servers say to each other. */
import { Type } from "@sinclair/typebox"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { TypedApp } from "../../operator-api/context.ts"
import { audit } from "../../operator-api/context.ts"
import { operatorGate } from "../../operator-api/authorize.ts"
import { type Principals, toPrincipal } from "../../principals.ts"
import { Problem } from "../../problems.ts"
import type { BlobStore } from "../../store/blobs.ts"
import { idOf, pagesOf } from "../../store/pages.ts"
import type { TokenRow } from "../../store/schema.ts"
import type { Store } from "../../store/store.ts"
import { may, type Role } from "../../tokens.ts"
import type { Message } from "../messages.ts"
import type { DeviceBody } from "./device-sessions.ts"
import { DIGEST_HEADER, digestOf } from "./exchange.ts"
import { takeRelayed } from "./relay.ts"
import type { Offer } from "./ground.ts"
import { type Hello, Introductions, requireOwn, type Terms } from "./introduction.ts"
import { MESSAGES_MAX_BYTES } from "./link.ts"
import type { Beginning, ServerHandover } from "./server-handover.ts"

const Url = Type.String({ pattern: "^https?://[A-Za-z0-9.\\[\\]:_-]{1,200}$", description: "Address of the other server, without a path" })
const Pace = Type.Integer({ minimum: 1, maximum: 10_000, description: "Devices offered in a second" })
const Nonce = Type.String({ pattern: "^[\\w-]{32}$" })
const TOKENS_PER_PAGE = 200
const PROGRESS_MS = 250

export interface HandoverRoutesOptions {
    readonly handover: ServerHandover
    readonly principals: Principals
    readonly store: Store
    readonly blobs: BlobStore
    /** Null: it is not known how others reach this server. */
    readonly publicUrl: string | null
}

export async function handoverRoutes(app: TypedApp, { handover, principals, store, blobs, publicUrl }: HandoverRoutesOptions): Promise<void> {
    const doc = { tags: ["server"], security: [{ operator: [] }] }
    const administer = operatorGate(principals, "administer")
    const read = operatorGate(principals, "read")
    const prefix = "/api/v1/server/handover"
    /** Once it has worked: who has done it, and the answer. */
    const noted = async <T>(request: FastifyRequest, action: string, detail: Readonly<Record<string, unknown>>, work: Promise<T> | T): Promise<T> => {
        const done = await work
        await store.write(repos => audit(repos, request.principal, Date.now(), action, "server", detail))
        return done
    }
    app.post(prefix, {
        onRequest: administer,
        schema: {
            ...doc,
            summary: "Hand this server over to another one",
            body: Type.Object({ to: Url, token: Type.String({ minLength: 16, maxLength: 128, description: "An admin's token of the other server" }), pacePerS: Type.Optional(Pace), insecure: Type.Optional(Type.Boolean({ description: "Also over plain http to another host" })), tellToken: Type.Optional(Type.Boolean({ description: "To a server of an earlier version, which does not know how to prove who it is: send it the token itself" })) }, { additionalProperties: false }),
        },
        handler: async (request, reply) => {
            const asked = request.body as Beginning
            reply.code(202)
            return noted(request, "server.handover", { to: asked.to, ...(asked.insecure ? { insecure: true } : {}), ...(asked.tellToken ? { tellToken: true } : {}) }, handover.begin(asked))
        },
    })
    app.get(prefix, { onRequest: read, schema: { ...doc, summary: "How far the handover is" }, handler: async () => handover.progress })
    app.post(`${prefix}/abort`, {
        onRequest: administer,
        schema: {
            ...doc,
            summary: "Take everything back",
            body: Type.Union([Type.Object({ force: Type.Optional(Type.Boolean({ description: "At next: also when current cannot be asked, because it has ended for good" })) }, { additionalProperties: false }), Type.Null()]),
        },
        handler: async request => {
            const force = (request.body as { force?: boolean } | null)?.force === true
            return noted(request, "server.abort", force ? { force } : {}, handover.abort(force))
        },
    })
    app.post(`${prefix}/pace`, {
        onRequest: administer,
        schema: { ...doc, summary: "Set how many devices are offered in a second", body: Type.Object({ pacePerS: Pace }, { additionalProperties: false }) },
        handler: async request => {
            const { pacePerS } = request.body as { pacePerS: number }
            return noted(request, "server.pace", { pacePerS }, handover.pace(pacePerS))
        },
    })
    app.get(`${prefix}/events`, {
        onRequest: read,
        schema: { ...doc, summary: "Progress as it goes (SSE)" },
        handler: (_request, reply) => progressEvents(handover, reply),
    })
    app.post(`${prefix}/accept`, {
        onRequest: administer,
        schema: {
            ...doc,
            hide: true,
            body: Type.Object({ handover: Type.String({ maxLength: 64 }), key: Type.String({ minLength: 32, maxLength: 64 }), from: Url, id: Type.String({ maxLength: 64 }), secret: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" })) }),
        },
        // A current of an earlier version, which tells the token and the key. What this one does not know of it is passed over.
        handler: async request => {
            const { handover: name, key, from, id, secret } = request.body as Offer
            const offer: Offer = { handover: name, key, from, id, ...(secret === undefined ? {} : { secret }) }
            return noted(request, "server.accept", { from: offer.from }, handover.accept(offer))
        },
    })

    const introductions = new Introductions(Date.now)
    app.post("/handover/v1/hello", {
        schema: { hide: true, body: Type.Object({ hint: Type.String({ pattern: "^[0-9a-f]{4}$" }), nonce: Nonce, to: Url, protocols: Type.Optional(Type.Object({ oldest: Type.Integer(), newest: Type.Integer() })) }) },
        handler: async request => {
            principals.guesses.check(request.ip)
            const welcome = introductions.welcome(request.body as Hello, await adminTokens(store))
            if (welcome !== undefined) {
                requireOwn((request.body as Hello).to, publicUrl, request.headers.host)
                return welcome
            }
            principals.guesses.failed(request.ip)
            throw new Problem("HOV_API_TOKEN_WRONG", "the token is not known here, is over, or is not an admin's")
        },
    })
    app.post("/handover/v1/accept", {
        schema: { hide: true, body: Type.Object({ handover: Type.String({ maxLength: 64 }), from: Url, id: Type.String({ maxLength: 64 }), proof: Type.String({ maxLength: 128 }) }) },
        handler: async request => {
            principals.guesses.check(request.ip)
            const { proof, ...terms } = request.body as Terms & { proof: string }
            const met = introductions.meet(proof, terms)
            if (met === undefined) {
                principals.guesses.failed(request.ip)
                throw new Problem("HOV_API_TOKEN_WRONG", "this does not prove that the token is known")
            }
            request.principal = toPrincipal(met.token)
            const offer: Offer = { handover: terms.handover, from: terms.from, id: terms.id, key: met.key, protocol: met.protocol }
            return noted(request, "server.accept", { from: offer.from }, handover.accept(offer))
        },
    })

    const peer = { onRequest: async (request: FastifyRequest) => peerOnly(handover, request), schema: { hide: true }, bodyLimit: MESSAGES_MAX_BYTES }
    app.post("/handover/v1/messages", peer, async (request, reply) => {
        handover.receive((request.body as { messages: Message<DeviceBody>[] }).messages)
        reply.code(204)
    })
    app.post("/handover/v1/events", peer, async (request, reply) => {
        await takeRelayed(store, handover.id ?? "", (request.body as { events: never[] }).events)
        reply.code(204)
    })
    app.get("/handover/v1/root", peer, async () => {
        const { root } = handover
        if (root === null) throw new Problem("HOV_API_HANDOVER_STATE", "this is told while a handover begins")
        return { root }
    })
    app.get("/handover/v1/phase", peer, async () => handover.toldToNext)
    const digested = (reply: FastifyReply, json: string): string => {
        reply.type("application/json").header(DIGEST_HEADER, digestOf(json))
        return json
    }
    app.get("/handover/v1/common", peer, async (request, reply) => {
        const last = (request.query as { last: string }).last === "1"
        // Of one moment: what refers to something else finds it.
        return digested(reply, JSON.stringify(await store.snapshot(async repos => ({ ...(await repos.handover.commonRows(last)), digests: await repos.handover.digests() }))))
    })
    app.get("/handover/v1/logs", peer, async (request, reply) => {
        const { events, audit, limit } = request.query as Record<string, string>
        handover.noteCopied(Number(events))
        const page = (table: "events" | "audit", after: string): Promise<string> => store.read.handoverLogs.page(table, Number(after), Number(limit))
        return digested(reply, `{"events":${await page("events", events)},"audit":${await page("audit", audit)}}`)
    })
    app.get("/handover/v1/blobs/:digest", peer, async (request, reply) => {
        const bytes = await blobs.get((request.params as { digest: string }).digest)
        if (bytes === undefined) throw new Problem("HOV_API_BLOB_UNKNOWN", "there is no such blob")
        reply.type("application/octet-stream")
        return bytes
    })
}

/** Those that may ask this server to take over. */
async function adminTokens(store: Store): Promise<TokenRow[]> {
    const found: TokenRow[] = []
    for await (const page of pagesOf(after => store.read.tokens.list({ after, limit: TOKENS_PER_PAGE }), idOf))
        found.push(...page.filter(({ role, revokedAtMs, expiresAtMs }) => may(role as Role, "administer") && revokedAtMs === null && (expiresAtMs === null || Number(expiresAtMs) > Date.now())))
    return found
}

function peerOnly(handover: ServerHandover, request: FastifyRequest): void {
    if (!handover.directions.isPeer(request.headers.authorization)) throw new Problem("HOV_API_TOKEN_WRONG", "this is for the other server of a handover")
}

function progressEvents(handover: ServerHandover, reply: FastifyReply): void {
    reply.hijack()
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
    const tell = (): void => {
        const { progress } = handover
        reply.raw.write(`event: progress\ndata: ${JSON.stringify(progress)}\n\n`)
        if (progress.phase === "done" || progress.phase === "aborted" || progress.phase === null) reply.raw.end()
    }
    const timer = setInterval(tell, PROGRESS_MS)
    reply.raw.once("close", () => clearInterval(timer))
    tell()
}
