/** Releases and their artifacts. A release does not change: another image is another version. */
import { Type } from "@sinclair/typebox"
import { APP_PATTERN, BASE_RELEASE, releaseId, VERSION_PATTERN } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { ReleaseRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { releaseDocument } from "./release-document.ts"
import { PageQuery, page, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ release: ReleaseRef })

export async function releaseRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, now } = context
    const add = route(context, "publish", "releases", "Add a release")
    app.post("/releases", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict({
                app: Type.String({ pattern: APP_PATTERN }),
                version: Type.String({ pattern: VERSION_PATTERN }),
                notes: Type.Optional(Type.String({ maxLength: 4_000 })),
            }),
        },
        handler: async (request, reply) => {
            const { app: appName, version, notes } = request.body
            if (version === BASE_RELEASE) throw new Problem("HOV_API_BAD_FIELD", "'base' is the name of every board's own code: choose another version")
            const id = releaseId(appName, version)
            const nowMs = now()
            const row: ReleaseRow = {
                id,
                app: appName,
                version,
                notes: notes ?? "",
                createdAtMs: nowMs,
                createdBy: request.principal.name,
                kind: "app",
            }
            await store.write(async repos => {
                if ((await repos.releases.get(id)) !== undefined)
                    throw new Problem("HOV_API_RELEASE_EXISTS", `release ${id} exists already`)
                await repos.releases.insert(row)
                await audit(repos, request.principal, nowMs, "release.create", id)
                repos.events.note("release.created", null, nowMs, { release: id })
            })
            reply.code(201)
            return releaseDocument(row, NOTHING)
        },
    })

    const list = route(context, "read", "releases", "List the releases with their artifacts")
    app.get("/releases", {
        onRequest: list.onRequest,
        schema: {
            ...list.doc,
            querystring: strict({
                ...PageQuery.properties,
                app: Type.Optional(Type.String({ pattern: APP_PATTERN })),
            }),
        },
        handler: async request => {
            const { limit, after, app: appName } = request.query
            const rows = await store.read.releases.list({ after: after ?? null, limit, app: appName ?? null })
            const parts = await partsOf(store.read, rows)
            return page(rows.map(row => releaseDocument(row, parts)), limit, last => last.id)
        },
    })

    const look = route(context, "read", "releases", "Show a release")
    app.get("/releases/:release", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: async request => {
            const release = await findRelease(store.read, request.params.release)
            return releaseDocument(release, await partsOf(store.read, [release]))
        },
    })
}

const NOTHING = { artifacts: [], permissions: [], bases: [], maps: [] }

async function partsOf(repos: Repos, releases: readonly ReleaseRow[]) {
    const ids = releases.map(release => release.id)
    return {
        artifacts: await repos.releases.artifacts(ids),
        permissions: await repos.releases.permissions(ids),
        bases: await repos.releases.bases(ids),
        maps: await repos.releases.maps(ids),
    }
}
