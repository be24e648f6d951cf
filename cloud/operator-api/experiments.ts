/** Experiments: two releases side by side, and what has become of each. */
import { Type } from "@sinclair/typebox"
import type { Arm } from "../experiments/arm.ts"
import { compare, outcomeOf } from "../experiments/outcome.ts"
import { FILTER_MAX_CHARS } from "../groups/filter.ts"
import { NAME_PATTERN, newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import { change } from "../rollouts/change.ts"
import type { ExperimentRow, RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route } from "./context.ts"
import { findRelease } from "./find-release.ts"
import { findGroup } from "./groups.ts"
import { insertRollout, RolloutOrder, rolloutSummary } from "./rollout-document.ts"
import type { ExperimentDocument, ExperimentSummary } from "./rollout-documents.ts"
import { Channel, joinFilters } from "./rollouts.ts"
import { iso, OwnId, PageQuery, page, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ experiment: OwnId })
const { phases, controlPercent: _control, ...order } = RolloutOrder.properties
/** Failures are what it is there to find out: it goes on, and takes in devices that come later. */
const BY_DEFAULT = { phases: [{ percent: 100, successPercent: 100, failurePercent: 100 }] }

export async function experimentRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { store, now } = context

    const add = route(context, "operate", "experiments", "Start an experiment: release a to some devices, release b to the others")
    app.post("/experiments", {
        onRequest: add.onRequest,
        schema: {
            ...add.doc,
            body: strict({
                name: Type.Optional(Type.String({ pattern: NAME_PATTERN })),
                a: ReleaseRef,
                b: ReleaseRef,
                splitPercent: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 100, description: "Share of a; default 50" })),
                group: Type.Optional(OwnId),
                filter: Type.Optional(Type.String({ minLength: 1, maxLength: FILTER_MAX_CHARS })),
                channel: Type.Optional(Channel),
                seed: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: "Same seed, same arms" })),
                ...order,
                phases: Type.Optional(phases),
            }),
        },
        handler: async (request, reply) => {
            const { name, a, b, splitPercent, group, filter, channel, seed, ...plan } = request.body
            const nowMs = now()
            const target = joinFilters(filter, channel)
            const document = await store.write(async repos => {
                const [releaseA, releaseB] = [await findRelease(repos, a), await findRelease(repos, b)]
                if (releaseA.id === releaseB.id) throw new Problem("HOV_API_BAD_FIELD", "a and b are the same release")
                const id = newId("x", nowMs)
                const row: ExperimentRow = {
                    id,
                    name: name ?? id,
                    seed: seed ?? id,
                    splitPercent: splitPercent ?? 50,
                    rolloutA: newId("r", nowMs),
                    rolloutB: newId("r", nowMs),
                    state: "running",
                    winner: null,
                    createdAtMs: nowMs,
                    createdBy: request.principal.name,
                    endedAtMs: null,
                }
                await repos.experiments.insert(row)
                await audit(repos, request.principal, nowMs, "experiment.create", id, { a: releaseA.id, b: releaseB.id })
                for (const [arm, rolloutId, release] of [["a", row.rolloutA, releaseA], ["b", row.rolloutB, releaseB]] as const)
                    await insertRollout(repos, request.principal, nowMs, {
                        id: rolloutId,
                        name: `${row.name} ${arm}`.slice(0, 64),
                        release,
                        group: group === undefined ? null : await findGroup(repos, group),
                        filter: target,
                        order: { ...BY_DEFAULT, ...plan },
                        seed: row.seed,
                        arm: { experimentId: id, arm },
                    })
                return experimentDocument(repos, row)
            })
            reply.code(201)
            return document
        },
    })

    const list = route(context, "read", "experiments", "List the experiments, newest first")
    app.get("/experiments", {
        onRequest: list.onRequest,
        schema: { ...list.doc, querystring: PageQuery },
        handler: async request => {
            const { limit, after } = request.query
            return page((await store.read.experiments.list(after ?? null, limit)).map(summary), limit, last => last.id)
        },
    })

    const look = route(context, "read", "experiments", "Show an experiment: both arms, their outcomes, and whether they differ by more than chance")
    app.get("/experiments/:experiment", {
        onRequest: look.onRequest,
        schema: { ...look.doc, params: Params },
        handler: request => store.snapshot(async repos => experimentDocument(repos, await findExperiment(repos, request.params.experiment))),
    })

    const end = route(context, "operate", "experiments", "End an experiment; with a winner, its release goes to all devices that were meant")
    app.post("/experiments/:experiment/end", {
        onRequest: end.onRequest,
        schema: {
            ...end.doc,
            params: Params,
            body: Type.Union([strict({ winner: Type.Optional(Type.Union([Type.Literal("a"), Type.Literal("b")])) }), Type.Null()]),
        },
        handler: async (request, reply) => {
            const nowMs = now()
            const winner = request.body?.winner as Arm | undefined
            const document = await store.write(async repos => {
                const row = await findExperiment(repos, request.params.experiment)
                if (row.state !== "running") throw new Problem("HOV_API_ROLLOUT_STATE", `experiment ${row.id} has ended`)
                const arms = { a: await armRollout(repos, row, "a"), b: await armRollout(repos, row, "b") }
                const why = `end of experiment ${row.id}`
                for (const rollout of [arms.a, arms.b])
                    if (rollout.state === "running" || rollout.state === "paused") await change(repos, rollout, { state: "aborted" }, nowMs, why)
                await repos.experiments.patch(row.id, { state: "ended", winner: winner ?? null, endedAtMs: nowMs })
                await audit(repos, request.principal, nowMs, "experiment.end", row.id, { winner: winner ?? null })
                if (winner !== undefined) {
                    const won = arms[winner]
                    await insertRollout(repos, request.principal, nowMs, {
                        id: newId("r", nowMs),
                        name: `${row.name} for all`.slice(0, 64),
                        release: await findRelease(repos, won.releaseId),
                        group: won.groupId === null ? null : await findGroup(repos, won.groupId),
                        filter: won.filter,
                        order: { phases: [{ percent: 100 }] },
                    })
                }
                return experimentDocument(repos, await findExperiment(repos, row.id))
            })
            reply.code(202)
            return document
        },
    })
}

/** @throws Problem HOV_API_EXPERIMENT_UNKNOWN */
async function findExperiment(repos: Repos, id: string): Promise<ExperimentRow> {
    const experiment = await repos.experiments.get(id)
    if (experiment === undefined) throw new Problem("HOV_API_EXPERIMENT_UNKNOWN", `there is no experiment ${id}`)
    return experiment
}

async function armRollout(repos: Repos, experiment: ExperimentRow, arm: Arm): Promise<RolloutRow> {
    const id = arm === "a" ? experiment.rolloutA : experiment.rolloutB
    const rollout = await repos.rollouts.get(id)
    if (rollout === undefined) throw new Error(`rollout ${id} of experiment ${experiment.id} is gone`)
    return rollout
}

async function experimentDocument(repos: Repos, row: ExperimentRow): Promise<ExperimentDocument> {
    const { rolloutA, rolloutB } = row
    const [a, b] = [await repos.rollouts.outcome(rolloutA), await repos.rollouts.outcome(rolloutB)]
    const pairs = Math.min(a.granted, b.granted)
    const [badA, badB] = [await repos.rollouts.badOfFirst(rolloutA, pairs), await repos.rollouts.badOfFirst(rolloutB, pairs)]
    return {
        ...summary(row),
        a: { rollout: rolloutSummary(await armRollout(repos, row, "a")), ...outcomeOf(a) },
        b: { rollout: rolloutSummary(await armRollout(repos, row, "b")), ...outcomeOf(b) },
        comparison: compare(pairs, badA, badB),
    }
}

const summary = (row: ExperimentRow): ExperimentSummary => ({
    id: row.id,
    name: row.name,
    state: row.state,
    winner: row.winner,
    splitPercent: row.splitPercent,
    seed: row.seed,
    rollouts: { a: row.rolloutA, b: row.rolloutB },
    createdAt: iso(row.createdAtMs),
    createdBy: row.createdBy,
    endedAt: iso(row.endedAtMs),
})
