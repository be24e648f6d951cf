/** Rollouts: order, look, steer. */
import { Type } from "@sinclair/typebox"
import { FILTER_MAX_CHARS, parseFilter } from "../groups/filter.ts"
import { NAME_PATTERN, newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { RolloutState } from "../rollouts/plan.ts"
import { change } from "../rollouts/change.ts"
import { planOf } from "../rollouts/figures.ts"
import type { RolloutDeviceRow, RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { findGroup } from "./groups.ts"
import { insertRollout, RolloutOrder, rolloutDocument, rolloutSummary } from "./rollout-document.ts"
import type { RolloutPlaceDocument } from "./rollout-documents.ts"
import { iso, OwnId, PageQuery, page, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ rollout: OwnId })
export const Channel = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$" })

/** The fields of a request for a rollout, or for a preview of one. */
export const RolloutRequest = {
    name: Type.Optional(Type.String({ pattern: NAME_PATTERN })),
    release: ReleaseRef,
    group: Type.Optional(OwnId),
    filter: Type.Optional(Type.String({ minLength: 1, maxLength: FILTER_MAX_CHARS })),
    channel: Type.Optional(Channel),
    seed: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "Same seed, same order of devices" })),
    ...RolloutOrder.properties,
}

type Patch = Partial<Pick<RolloutRow, "state" | "released" | "plan" | "phase">>
interface Steer {
    readonly path: "pause" | "resume" | "abort" | "rollback" | "advance"
    readonly summary: string
    readonly from: readonly RolloutState[]
    readonly patch: (rollout: RolloutRow, repos: Repos) => Promise<Patch> | Patch
}

const STEERS: readonly Steer[] = [
    { path: "pause", summary: "Pause: no more grants; what has not left is taken back", from: ["running"], patch: () => ({ state: "paused" }) },
    {
        path: "resume",
        summary: "Resume; failures so far are accepted",
        from: ["paused"],
        patch: async (rollout, repos) => {
            const counts = await repos.rollouts.countsByState(rollout.id)
            const acceptedBad = (counts.failed ?? 0) + (counts.rolledBack ?? 0)
            return { state: "running", plan: JSON.stringify({ ...planOf(rollout), acceptedBad }) }
        },
    },
    { path: "abort", summary: "Abort: no more grants, for good; what is updated stays", from: ["running", "paused"], patch: () => ({ state: "aborted" }) },
    {
        path: "rollback",
        summary: "Set every device of the rollout back to what was desired of it before",
        from: ["running", "paused", "aborted", "completed"],
        patch: () => ({ state: "rollingBack" }),
    },
    { path: "advance", summary: "Go on from a phase that waits for the operator", from: ["running"], patch: () => ({ released: 1 }) },
]

export async function rolloutRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, now } = context

    const add = route(context, "operate", "rollouts", "Start a rollout to a group, a filter, a channel, or all devices")
    app.post("/rollouts", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict(RolloutRequest),
        },
        handler: async (request, reply) => {
            const { name, release, group, filter, channel, seed, ...order } = request.body
            const nowMs = now()
            const both = joinFilters(filter, channel)
            const document = await store.write(async repos => {
                const id = newId("r", nowMs)
                const row = await insertRollout(repos, request.principal, nowMs, {
                    id,
                    name: name ?? id,
                    release: await findRelease(repos, release),
                    group: group === undefined ? null : await findGroup(repos, group),
                    filter: both,
                    order,
                    seed,
                })
                return rolloutDocument(repos, row, nowMs)
            })
            reply.code(201)
            return document
        },
    })

    const list = route(context, "read", "rollouts", "List the rollouts, newest first")
    app.get("/rollouts", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            const rows = await store.read.rollouts.list(after ?? null, limit)
            return page(rows.map(rolloutSummary), limit, last => last.id)
        },
    })

    const look = route(context, "read", "rollouts", "Show a rollout with its figures and its gate")
    app.get("/rollouts/:rollout", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: request => store.snapshot(async repos => rolloutDocument(repos, await findRollout(repos, request.params.rollout), now())),
    })

    const devices = route(context, "read", "rollouts", "Page through a rollout's devices")
    app.get("/rollouts/:rollout/devices", {
        onRequest: devices.onRequest,
        schema: { ...devices.doc, params: Params, querystring: strict({ ...PageQuery.properties, state: Type.Optional(Type.String({ pattern: "^[A-Za-z]{1,20}$" })) }) },
        handler: async request => {
            const { limit, after, state } = request.query
            const { id } = await findRollout(store.read, request.params.rollout)
            const rows = await store.read.rollouts.page(id, after ?? null, limit, state)
            return page(rows.map(placeDocument), limit, last => last.device)
        },
    })

    for (const { path, summary, from, patch } of STEERS) {
        const steer = route(context, "operate", "rollouts", summary)
        app.post(`/rollouts/:rollout/${path}`, {
            onRequest: steer.onRequest,
            schema: { ...steer.doc, params: Params },
            handler: async (request, reply) => {
                const nowMs = now()
                const document = await store.write(async repos => {
                    const rollout = await findRollout(repos, request.params.rollout)
                    if (!from.includes(rollout.state as RolloutState))
                        throw new Problem(
                            "HOV_API_ROLLOUT_STATE",
                            `rollout ${rollout.id} is ${rollout.state}; ${path} is for ${from.join(", ")}`,
                        )
                    await change(repos, rollout, await patch(rollout, repos), nowMs, `${path} by ${request.principal.name}`)
                    await audit(repos, request.principal, nowMs, `rollout.${path}`, rollout.id)
                    return rolloutDocument(repos, await findRollout(repos, rollout.id), nowMs)
                })
                reply.code(202)
                return document
            },
        })
    }
}

/** @throws Problem HOV_API_ROLLOUT_UNKNOWN */
async function findRollout(repos: Repos, id: string): Promise<RolloutRow> {
    const rollout = await repos.rollouts.get(id)
    if (rollout === undefined) throw new Problem("HOV_API_ROLLOUT_UNKNOWN", `there is no rollout ${id}`)
    return rollout
}

/** @throws Problem HOV_API_BAD_FILTER */
export function joinFilters(filter: string | undefined, channel: string | undefined): string | null {
    if (filter !== undefined) parseFilter(filter)
    const parts = [channel === undefined ? "" : `channel = "${channel}"`, filter === undefined ? "" : `(${filter})`]
    const joined = parts.filter(part => part !== "").join(" and ")
    return joined === "" ? null : joined
}

function placeDocument(place: RolloutDeviceRow): RolloutPlaceDocument {
    return {
        device: place.deviceId,
        bucket: Number(place.bucket),
        state: place.state,
        why: place.why,
        phase: place.phase,
        previous: { release: place.previousReleaseId, version: place.previousVersion },
        grantedAt: iso(place.grantedAtMs),
        finishedAt: iso(place.finishedAtMs),
    }
}
