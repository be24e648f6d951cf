/** Devices: add, look, change, remove. */
import type { Static } from "@sinclair/typebox"
import { randomBytes } from "node:crypto"
import { Type } from "@sinclair/typebox"
import { APP_PATTERN, newId } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import { SEAL_KEY_BYTES } from "../server-secret.ts"
import type { DeviceRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { Principal } from "../tokens.ts"
import { hashToken, newToken, TOKEN_PATTERN } from "../tokens.ts"
import { turn } from "../turn.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, type OfDevice, route, writeOfDevice } from "./context.ts"
import { deviceDocument, deviceSummary, statusDocument } from "./device-document.ts"
import type { AddedDevice } from "./documents.ts"
import { Attributes, DeviceId, numberOf, PageQuery, page, strict } from "./schemas.ts"

const ADDED_AT_ONCE = 20
const Params = strict({ device: DeviceId })
const App = Type.Union([Type.String({ pattern: APP_PATTERN }), Type.Null()])
const Token = Type.String({ pattern: TOKEN_PATTERN })
const NewDevice = strict({
    id: DeviceId,
    token: Type.Optional(Token),
    app: Type.Optional(App),
    attributes: Type.Optional(Attributes),
    seal: Type.Optional(Type.Boolean({ description: "The device gets a key for requests without TLS, which is in the answer" })),
})

export async function deviceRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, policy, now, diagnostics } = context

    const add = route(context, "operate", "devices", "Add a device")
    app.post("/devices", {
        onRequest: add.onRequest,
        schema: { ...add.doc, body: NewDevice },
        handler: async (request, reply) => {
            const nowMs = now()
            const added = await store.write(repos => insertDevice(repos, context, request.body, request.principal, nowMs))
            reply.code(201)
            return added
        },
    })

    const addMany = route(context, "operate", "devices", "Add many devices: all of them or none")
    app.post("/devices/batch", {
        onRequest: addMany.onRequest,
        schema: {
            ...addMany.doc,
            body: strict({ devices: Type.Array(NewDevice, { minItems: 1, maxItems: LIMITS.devicesPerRequest }) }),
        },
        handler: async (request, reply) => {
            const nowMs = now()
            const items = await store.write(async repos => {
                const added: AddedDevice[] = []
                for (const device of request.body.devices) {
                    added.push(await insertDevice(repos, context, device, request.principal, nowMs))
                    // Polls of the devices that there are need no database: they are answered meanwhile.
                    if (added.length % ADDED_AT_ONCE === 0) await turn()
                }
                return added
            })
            reply.code(201)
            return { items }
        },
    })

    const list = route(context, "read", "devices", "List the devices")
    app.get("/devices", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            const [devices, views] = await store.snapshot(async repos => {
                const found = await repos.devices.list({ after: after ?? null, limit })
                return [found, new Map((await repos.views.devices(found.map(device => device.id))).map(view => [view.deviceId, view]))] as const
            })
            const nowMs = now()
            const reports = await store.read.devices.lastReports(devices.map(device => device.id))
            return page(
                devices.map(device => deviceSummary(device, views.get(device.id), reports.get(device.id), policy, nowMs)),
                limit,
                last => last.id,
            )
        },
    })

    const look = route(context, "read", "devices", "Show a device: desired, actual, commands and history")
    app.get("/devices/:device", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: async request => {
            const shown = await store.snapshot(async repos => deviceDocument(repos, await findDevice(repos, request.params.device), policy, now()))
            return {
                ...shown,
                actual: shown.actual && (await diagnostics.withNames(shown.actual)),
                commands: await diagnostics.withPlaces(shown.commands),
                history: await diagnostics.withPlaces(shown.history),
            }
        },
    })

    const history = route(context, "read", "devices", "Page through what a device reported, newest first")
    app.get("/devices/:device/history", {
        onRequest: history.onRequest,
        schema: { ...history.doc, params: Params, querystring: PageQuery },
        handler: async request => {
            const device = await findDevice(store.read, request.params.device)
            const { limit, after } = request.query
            const rows = await store.read.devices.history(device.id, numberOf(after), limit)
            return page(await diagnostics.withPlaces(rows.map(statusDocument)), limit, last => String(last.seq))
        },
    })

    const change = route(context, "operate", "devices", "Change a device's app and attributes")
    app.patch("/devices/:device", {
        onRequest: change.onRequest,
        schema: {
            ...change.doc,
            params: Params,
            body: Type.Object(
                { app: Type.Optional(App), attributes: Type.Optional(Attributes) },
                { additionalProperties: false, minProperties: 1 },
            ),
        },
        handler: async request => {
            const { attributes, app: deviceApp } = request.body
            const nowMs = now()
            return writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                await repos.devices.update(id, {
                    ...(deviceApp === undefined ? {} : { app: deviceApp }),
                    ...(attributes === undefined ? {} : { attributes: JSON.stringify(attributes) }),
                })
                await audit(repos, request.principal, nowMs, "device.change", id, request.body)
                repos.events.note("device.changed", id, nowMs, {})
                return deviceDocument(repos, await findDevice(repos, id), policy, nowMs)
            })
        },
    })

    const remove = route(context, "operate", "devices", "Remove a device with all that is known of it")
    app.delete("/devices/:device", {
        onRequest: remove.onRequest,
        schema: { ...remove.doc, params: Params },
        handler: async (request, reply) => {
            const nowMs = now()
            await writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                const hashes = await repos.tokens.revoke({ deviceId: id }, nowMs)
                await repos.devices.remove(id)
                await audit(repos, request.principal, nowMs, "device.remove", id)
                repos.events.note("token.revoked", null, nowMs, { hashes })
                repos.events.note("device.removed", id, nowMs, {})
            })
            reply.code(204)
        },
    })

    const rotate = route(context, "operate", "devices", "Give a device a new token; the old ones end at once, or with its first use (keepOld)")
    app.post("/devices/:device/token", {
        onRequest: rotate.onRequest,
        schema: { ...rotate.doc, params: Params, body: Type.Union([strict({ token: Type.Optional(Token), keepOld: Type.Optional(Type.Boolean()) }), Type.Null()]) },
        handler: async request => {
            const nowMs = now()
            if (request.body?.keepOld) return rotateSoftly(request, nowMs)
            const token = request.body?.token ?? newToken()
            return writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                const hashes = await repos.tokens.revoke({ deviceId: id }, nowMs)
                await insertToken(repos, id, token, request.principal, nowMs)
                await audit(repos, request.principal, nowMs, "device.token", id)
                repos.events.note("token.revoked", id, nowMs, { hashes })
                return { id, token }
            })
        },
    })

    const reveal = route(context, "operate", "devices", "Give a device a key for sealed requests (null: take it away)")
    app.put("/devices/:device/key", {
        onRequest: reveal.onRequest,
        schema: {
            ...reveal.doc,
            params: Params,
            body: strict({ key: Type.Optional(Type.Union([Type.String({ pattern: "^[0-9a-f]{64}$" }), Type.Null()])) }),
        },
        handler: async request => {
            const nowMs = now()
            const key = request.body.key === undefined ? randomBytes(SEAL_KEY_BYTES).toString("hex") : request.body.key
            return writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                const sealKey = key === null ? null : context.secret.wrap(id, Buffer.from(key, "hex"))
                await repos.devices.update(id, { sealKey })
                await audit(repos, request.principal, nowMs, "device.key", id)
                repos.events.note("device.key", id, nowMs, {})
                return { id, key }
            })
        },
    })

    /** The new token goes to the device with its next poll; until it has used it, the old one counts. */
    function rotateSoftly(request: OfDevice & { readonly principal: Principal }, nowMs: number) {
        const who = request.principal
        return writeOfDevice(context, request, async repos => {
            const { id } = await findDevice(repos, request.params.device)
            const before = await repos.tokens.pendingOf(id)
            if (before !== undefined) await repos.tokens.revoke({ id: before.id }, nowMs)
            const tokenId = newId("t", nowMs)
            const hash = hashToken(context.secret.newToken(tokenId))
            await repos.tokens.insert({ id: tokenId, hash, role: "device", name: id, deviceId: id, createdAtMs: nowMs, createdBy: who.name, pending: 1 })
            await audit(repos, who, nowMs, "device.token", id, { keepOld: true })
            repos.events.note("token.pending", id, nowMs, { pending: true })
            return { id, keepOld: true }
        })
    }
}

/** @throws Problem HOV_API_DEVICE_UNKNOWN */
export async function findDevice(repos: Repos, id: string): Promise<DeviceRow> {
    const device = await repos.devices.get(id)
    if (device === undefined) throw new Problem("HOV_API_DEVICE_UNKNOWN", `there is no device ${id}`)
    return device
}

async function insertDevice(
    repos: Repos,
    { secret, tenure }: OperatorContext,
    device: Static<typeof NewDevice>,
    who: Principal,
    nowMs: number,
): Promise<AddedDevice> {
    const { id, app, attributes, seal, token = newToken() } = device
    await tenure.mustNotBeElsewhere(repos, id)
    if ((await repos.devices.get(id)) !== undefined)
        throw new Problem("HOV_API_DEVICE_EXISTS", `device ${id} exists already`)
    const key = seal ? randomBytes(SEAL_KEY_BYTES) : undefined
    await repos.devices.insert({
        id,
        app: app ?? null,
        attributes: JSON.stringify(attributes ?? {}),
        sealKey: key === undefined ? null : secret.wrap(id, key),
        createdAtMs: nowMs,
        createdBy: who.name,
    })
    await insertToken(repos, id, token, who, nowMs)
    await audit(repos, who, nowMs, "device.create", id)
    repos.events.note("device.created", id, nowMs, {})
    return { id, token, ...(key === undefined ? {} : { key: key.toString("hex") }) }
}

async function insertToken(repos: Repos, deviceId: string, token: string, who: Principal, nowMs: number): Promise<void> {
    const hash = hashToken(token)
    if (await repos.tokens.hashExists(hash))
        throw new Problem("HOV_API_TOKEN_EXISTS", "this token was given out before")
    await repos.tokens.insert({
        id: newId("t", nowMs),
        hash,
        role: "device",
        name: deviceId,
        deviceId,
        createdAtMs: nowMs,
        createdBy: who.name,
    })
}
