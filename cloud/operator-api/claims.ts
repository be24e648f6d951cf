/** Claim codes: what turns a fresh board into a device, once. */
import { randomBytes } from "node:crypto"
import { Type } from "@sinclair/typebox"
import { APP_PATTERN, newId } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { hashToken } from "../tokens.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import type { ClaimsDocument } from "./documents.ts"
import { DeviceId, iso, strict } from "./schemas.ts"

const EXPIRES_DEFAULT_S = 24 * 3600
const EXPIRES_MAX_S = 90 * 24 * 3600

export async function claimRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, now } = context
    const add = route(context, "operate", "devices", "Make one-time claim codes that devices enrol with")
    app.post("/claims", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict({
                device: Type.Optional(DeviceId),
                count: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMITS.devicesPerRequest })),
                app: Type.Optional(Type.String({ pattern: APP_PATTERN })),
                seal: Type.Optional(Type.Boolean({ description: "The device gets a key for requests without TLS" })),
                expiresInS: Type.Optional(Type.Integer({ minimum: 1, maximum: EXPIRES_MAX_S })),
            }),
        },
        handler: async (request, reply): Promise<ClaimsDocument> => {
            const { device, app: appName, seal, count = 1, expiresInS = EXPIRES_DEFAULT_S } = request.body
            const nowMs = now()
            const expiresAtMs = nowMs + expiresInS * 1000
            const codes = Array.from({ length: device === undefined ? count : 1 }, () => `hovc_${randomBytes(15).toString("base64url")}`)
            await store.write(async repos => {
                for (const code of codes)
                    await repos.claims.insert({
                        id: newId("k", nowMs),
                        hash: hashToken(code),
                        deviceId: device ?? null,
                        app: appName ?? null,
                        seal: seal ? 1 : 0,
                        expiresAtMs,
                        createdAtMs: nowMs,
                        createdBy: request.principal.name,
                    })
                await audit(repos, request.principal, nowMs, "claim.create", device ?? "", { count: codes.length })
            })
            reply.code(201)
            return { codes, device: device ?? null, expiresAt: iso(expiresAtMs) }
        },
    })
}
