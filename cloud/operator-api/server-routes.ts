/** The server itself: events, tokens, the audit log. */
import { Type } from "@sinclair/typebox"
import { NAME_PATTERN, newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { AuditRow, TokenRow } from "../store/schema.ts"
import { bearerToken, hashToken, newToken } from "../tokens.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { DeviceId, iso, numberOf, OwnId, PageQuery, page, strict } from "./schemas.ts"
import type { AuditDocument, HealthDocument, NewTokenDocument, TokenDocument } from "./server-documents.ts"

const TokenRole = Type.Union(["admin", "publisher", "operator", "viewer"].map(role => Type.Literal(role)))

export async function serverRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, hub, now } = context

    const events = route(context, "read", "server", "Live events (SSE); resumes after Last-Event-ID")
    app.get("/events", {
        onRequest: events.onRequest,
        schema: {
            ...events.doc,
            querystring: strict({
                device: Type.Optional(DeviceId),
                types: Type.Optional(
                    Type.String({ maxLength: 200, description: "Beginnings of types, e.g. command.,rollout." }),
                ),
                after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Like Last-Event-ID" })),
            }),
        },
        handler: (request, reply) => {
            const { device, types, after } = request.query
            const last = Number(request.headers["last-event-id"])
            const token = bearerToken(request.headers.authorization) as string
            const resume = Number.isSafeInteger(last) && last >= 0 && request.headers["last-event-id"] !== undefined
            hub.listen(reply.raw, {
                after: resume ? last : (after ?? null),
                deviceId: device ?? null,
                types: types?.split(",").filter(type => type !== "") ?? [],
                mayStill: async () => (await context.principals.find(token)) !== undefined,
            })
            reply.hijack()
        },
    })

    const health = route(context, "read", "server", "What the server lacks at the moment, and since when")
    app.get("/server/health", { onRequest: health.onRequest, schema: health.doc }, async (): Promise<HealthDocument> => {
        const behind = context.hawkbit?.health ?? null
        const isAway = behind?.state === "degraded"
        return {
            degraded: store.reachable ? (isAway ? "hawkbit" : null) : "database",
            leads: store.leads,
            hawkbit:
                behind === null
                    ? null
                    : {
                          state: behind.state,
                          since: iso(behind.sinceMs),
                          why: behind.why || null,
                          behind: behind.behind,
                          refused: Object.entries(behind.refused).map(([subject, why]) => ({ subject, why })),
                      },
        }
    })

    const add = route(context, "administer", "server", "Make a token for a person or a program")
    app.post("/tokens", {
        onRequest: add.onRequest,
        schema: { ...add.doc, body: strict({
                name: Type.String({ pattern: NAME_PATTERN }),
                role: TokenRole,
                expiresInS: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 * 366 * 24 * 3600 })),
            }) },
        handler: async (request, reply): Promise<NewTokenDocument> => {
            const nowMs = now()
            const id = newId("t", nowMs)
            const token = newToken()
            const { name, expiresInS } = request.body
            const expiresAtMs = expiresInS === undefined ? null : nowMs + expiresInS * 1000
            const role = String(request.body.role)
            await store.write(async repos => {
                await repos.tokens.insert({
                    id,
                    hash: hashToken(token),
                    role,
                    name,
                    createdAtMs: nowMs,
                    createdBy: request.principal.name,
                    expiresAtMs,
                })
                await audit(repos, request.principal, nowMs, "token.create", id, { name, role })
            })
            reply.code(201)
            return { id, name, role, token, expiresAt: iso(expiresAtMs) }
        },
    })

    const list = route(context, "administer", "server", "List the tokens (never their values)")
    app.get("/tokens", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            const rows = await store.read.tokens.list({ after: after ?? null, limit })
            return page(rows.map(tokenDocument), limit, last => last.id)
        },
    })

    const revoke = route(context, "administer", "server", "Revoke a token at once")
    app.delete("/tokens/:token", {
        onRequest: revoke.onRequest,
        schema: { ...revoke.doc, params: strict({ token: OwnId }) },
        handler: async (request, reply) => {
            const nowMs = now()
            await store.write(async repos => {
                const row = await repos.tokens.get(request.params.token)
                if (row === undefined) throw new Problem("HOV_API_TOKEN_UNKNOWN", "no token has this id")
                const hashes = await repos.tokens.revoke({ id: row.id }, nowMs)
                await audit(repos, request.principal, nowMs, "token.revoke", row.id, { name: row.name })
                repos.events.note("token.revoked", null, nowMs, { hashes })
            })
            reply.code(204)
        },
    })

    const log = route(context, "read", "server", "Who changed what, newest first")
    app.get("/audit", {
        onRequest: log.onRequest,
        schema: {
            ...log.doc,
            querystring: strict({
                ...PageQuery.properties,
                subject: Type.Optional(Type.String({ maxLength: 100 })),
            }),
        },
        handler: async request => {
            const { limit, after, subject } = request.query
            const rows = await store.read.audit.list({ before: numberOf(after), limit, subject: subject ?? null })
            return page(rows.map(auditDocument), limit, last => String(last.seq))
        },
    })
}

function tokenDocument(row: TokenRow): TokenDocument {
    return {
        id: row.id,
        name: row.name,
        role: row.role,
        createdAt: iso(row.createdAtMs),
        createdBy: row.createdBy,
        revokedAt: iso(row.revokedAtMs),
        expiresAt: iso(row.expiresAtMs),
    }
}

function auditDocument(row: AuditRow): AuditDocument {
    return {
        seq: Number(row.seq),
        at: iso(row.atMs),
        actor: row.actor,
        role: row.role,
        action: row.action,
        subject: row.subject,
        detail: JSON.parse(row.detail) as Record<string, unknown>,
    }
}
