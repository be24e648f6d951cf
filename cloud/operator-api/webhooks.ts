/** Webhooks: events as signed CloudEvents to an address of the operator's. */
import { Type } from "@sinclair/typebox"
import { newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { WebhookRow } from "../store/schema.ts"
import { newWebhookSecret } from "../webhooks/message.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { iso, OwnId, strict } from "./schemas.ts"
import type { NewWebhookDocument, WebhookDocument } from "./server-documents.ts"

const WEBHOOKS_MAX = 32

export async function webhookRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, hub, now } = context

    const add = route(context, "administer", "server", "Add a webhook; its secret is shown once")
    app.post("/webhooks", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict({
                url: Type.String({ maxLength: 500, pattern: "^https?://[^\\s]+$" }),
                types: Type.Optional(
                    Type.Array(Type.String({ pattern: "^[a-z]+\\.?[a-zA-Z]*$", maxLength: 40 }), { maxItems: 20 }),
                ),
            }),
        },
        handler: async (request, reply): Promise<NewWebhookDocument> => {
            const { url, types } = request.body
            if (!URL.canParse(url)) throw new Problem("HOV_API_BAD_FIELD", "url is not a URL")
            const nowMs = now()
            const secret = newWebhookSecret()
            const row: WebhookRow = {
                id: newId("w", nowMs),
                url,
                types: (types ?? []).join(","),
                secret,
                cursor: hub.lastSeq,
                failures: 0,
                retryAtMs: null,
                lastError: null,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            await store.write(async repos => {
                if ((await repos.webhooks.all()).length >= WEBHOOKS_MAX)
                    throw new Problem("HOV_API_BAD_FIELD", `there are ${WEBHOOKS_MAX} webhooks already: remove one`)
                await repos.webhooks.insert(row)
                await audit(repos, request.principal, nowMs, "webhook.create", row.id, { url })
            })
            reply.code(201)
            return { ...webhookDocument(row), secret }
        },
    })

    const list = route(context, "administer", "server", "List the webhooks and how they do")
    app.get("/webhooks", {
        onRequest: list.onRequest,
        schema: list.doc,
        handler: async () => ({ items: (await store.read.webhooks.all()).map(webhookDocument), next: null }),
    })

    const remove = route(context, "administer", "server", "Remove a webhook")
    app.delete("/webhooks/:webhook", {
        onRequest: remove.onRequest,
        schema: { ...remove.doc, params: strict({ webhook: OwnId }) },
        handler: async (request, reply) => {
            const nowMs = now()
            const { webhook } = request.params
            await store.write(async repos => {
                if (!(await repos.webhooks.remove(webhook)))
                    throw new Problem("HOV_API_WEBHOOK_UNKNOWN", `there is no webhook ${webhook}`)
                await audit(repos, request.principal, nowMs, "webhook.remove", webhook)
            })
            reply.code(204)
        },
    })
}

const webhookDocument = (row: WebhookRow): WebhookDocument => ({
    id: row.id,
    url: row.url,
    types: row.types.split(",").filter(type => type !== ""),
    delivered: Number(row.cursor),
    failures: row.failures,
    retryAt: iso(row.retryAtMs),
    lastError: row.lastError,
    createdAt: iso(row.createdAtMs),
    createdBy: row.createdBy,
})
