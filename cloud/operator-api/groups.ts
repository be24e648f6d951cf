/** Groups: sets of devices by list, or by a filter over what is known of them. */
import { Type } from "@sinclair/typebox"
import { FILTER_MAX_CHARS, parseFilter } from "../groups/filter.ts"
import { membersPage } from "../groups/members.ts"
import { newId, OWN_ID_PATTERN } from "../ids.ts"
import { LIMITS } from "../limits.ts"
import { Problem } from "../problems.ts"
import type { GroupRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { insertRollout, rolloutDocument } from "./rollout-document.ts"
import type { GroupDocument, GroupMember } from "./rollout-documents.ts"
import { DeviceId, iso, PageQuery, page, ReleaseRef, strict } from "./schemas.ts"

const Name = Type.String({ pattern: OWN_ID_PATTERN })
const Params = strict({ group: Name })
const Filter = Type.String({ minLength: 1, maxLength: FILTER_MAX_CHARS })
const Devices = Type.Array(DeviceId, { maxItems: LIMITS.devicesPerRequest, uniqueItems: true })
const Content = { filter: Type.Optional(Filter), devices: Type.Optional(Devices) }

export async function groupRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, now } = context

    const add = route(context, "operate", "groups", "Add a group: a filter, or a list of devices")
    app.post("/groups", {
        onRequest: add.onRequest,
        schema: { ...add.doc, body: strict({ name: Name, ...Content }) },
        handler: async (request, reply) => {
            const { name, filter, devices } = request.body
            checkContent(filter, devices)
            const nowMs = now()
            const row: GroupRow = {
                id: name,
                filter: filter ?? null,
                createdAtMs: nowMs,
                createdBy: request.principal.name,
            }
            await store.write(async repos => {
                if ((await repos.groups.get(name)) !== undefined)
                    throw new Problem("HOV_API_GROUP_EXISTS", `group ${name} exists already`)
                await repos.groups.insert(row)
                if (devices !== undefined) await setMembers(repos, name, devices)
                await audit(repos, request.principal, nowMs, "group.create", name, { filter: filter ?? null })
                repos.events.note("group.changed", null, nowMs, { group: name })
            })
            reply.code(201)
            return groupDocument(row)
        },
    })

    const list = route(context, "read", "groups", "List the groups")
    app.get("/groups", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            const rows = await store.read.groups.list(after ?? null, limit)
            return page(rows.map(groupDocument), limit, last => last.name)
        },
    })

    const look = route(context, "read", "groups", "Show a group")
    app.get("/groups/:group", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: async request => groupDocument(await findGroup(store.read, request.params.group)),
    })

    const members = route(context, "read", "groups", "Page through a group's devices; a page may be short before the last")
    app.get("/groups/:group/devices", {
        onRequest: members.onRequest,
        schema: { ...members.doc, params: Params, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            const group = await findGroup(store.read, request.params.group)
            const { devices, next } = await membersPage(store.read, { group, filter: null }, after ?? null, limit)
            return { items: devices satisfies GroupMember[], next }
        },
    })

    const replace = route(context, "operate", "groups", "Change what a group means")
    app.put("/groups/:group", {
        onRequest: replace.onRequest,
        schema: { ...replace.doc, params: Params, body: strict(Content) },
        handler: async request => {
            const { filter, devices } = request.body
            checkContent(filter, devices)
            const nowMs = now()
            return store.write(async repos => {
                const { id } = await findGroup(repos, request.params.group)
                await repos.groups.setFilter(id, filter ?? null)
                await setMembers(repos, id, devices ?? [])
                await audit(repos, request.principal, nowMs, "group.change", id, { filter: filter ?? null })
                repos.events.note("group.changed", null, nowMs, { group: id })
                return groupDocument(await findGroup(repos, id))
            })
        },
    })

    const remove = route(context, "operate", "groups", "Remove a group; its devices stay")
    app.delete("/groups/:group", {
        onRequest: remove.onRequest,
        schema: { ...remove.doc, params: Params },
        handler: async (request, reply) => {
            const nowMs = now()
            await store.write(async repos => {
                const { id } = await findGroup(repos, request.params.group)
                await repos.groups.remove(id)
                await audit(repos, request.principal, nowMs, "group.remove", id)
                repos.events.note("group.changed", null, nowMs, { group: id })
            })
            reply.code(204)
        },
    })

    const update = route(context, "operate", "groups", "Update a group now: a rollout with one phase")
    app.post("/groups/:group/update", {
        onRequest: update.onRequest,
        schema: { ...update.doc, params: Params, body: strict({ version: ReleaseRef }) },
        handler: async (request, reply) => {
            const nowMs = now()
            const rollout = await store.write(async repos => {
                const group = await findGroup(repos, request.params.group)
                const release = await findRelease(repos, request.body.version)
                const row = await insertRollout(repos, request.principal, nowMs, {
                    id: newId("r", nowMs),
                    name: `update of ${group.id}`,
                    release,
                    group,
                    filter: null,
                    order: { phases: [{ percent: 100, successPercent: 100, failurePercent: 100 }] },
                })
                return rolloutDocument(repos, row, nowMs)
            })
            reply.code(202)
            return { rollout }
        },
    })
}

/** @throws Problem HOV_API_GROUP_UNKNOWN */
export async function findGroup(repos: Repos, name: string): Promise<GroupRow> {
    const group = await repos.groups.get(name)
    if (group === undefined) throw new Problem("HOV_API_GROUP_UNKNOWN", `there is no group ${name}`)
    return group
}

function checkContent(filter: string | undefined, devices: readonly string[] | undefined): void {
    if ((filter === undefined) === (devices === undefined))
        throw new Problem("HOV_API_BAD_FIELD", "a group has either a filter or a list of devices")
    if (filter !== undefined) parseFilter(filter)
}

async function setMembers(repos: Repos, group: string, devices: readonly string[]): Promise<void> {
    const [unknown] = await repos.groups.unknownDevices(devices)
    if (unknown !== undefined) throw new Problem("HOV_API_DEVICE_UNKNOWN", `there is no device ${unknown}`)
    await repos.groups.setMembers(group, devices)
}

const groupDocument = (group: GroupRow): GroupDocument => ({
    name: group.id,
    kind: group.filter === null ? "list" : "filter",
    filter: group.filter,
    createdAt: iso(group.createdAtMs),
    createdBy: group.createdBy,
})
