/** A rollout as it is ordered, and as it is shown. */
import type { Static } from "@sinclair/typebox"
import { Type } from "@sinclair/typebox"
import { Problem } from "../problems.ts"
import { gateResult, step } from "../rollouts/engine.ts"
import type { RolloutPlan } from "../rollouts/plan.ts"
import { figuresOf, phaseLimit, placeOf, planOf } from "../rollouts/figures.ts"
import type { GroupRow, ReleaseRow, RolloutRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import type { Principal } from "../tokens.ts"
import { audit } from "./context.ts"
import type { RolloutDocument, RolloutSummary } from "./rollout-documents.ts"
import { iso, strict } from "./schemas.ts"

const Percent = Type.Number({ minimum: 0, maximum: 100 })
const TimeOfDay = Type.String({ pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$" })

const PhaseOrder = strict({
    percent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    successPercent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: "Default 95" })),
    failurePercent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: "Default 10; 100 with a gate, which judges then" })),
    minFinished: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000, description: "Default 5" })),
    soakS: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 * 86_400 })),
    manual: Type.Optional(Type.Boolean()),
})

export const RolloutOrder = strict({
    phases: Type.Array(PhaseOrder, { minItems: 1, maxItems: 20 }),
    startAt: Type.Optional(Type.String({ maxLength: 40, description: "ISO 8601 with its zone: 2030-01-07T20:00:00Z" })),
    windows: Type.Optional(
        Type.Array(
            strict({
                days: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: 6 }), { description: "0 = Sunday" })),
                from: TimeOfDay,
                to: TimeOfDay,
            }),
            { maxItems: 20, description: "Hours in UTC" },
        ),
    ),
    ratePerMinute: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    onFailure: Type.Optional(
        Type.Union([Type.Literal("pause"), Type.Literal("abort"), Type.Literal("rollBack")], { description: "Default pause" }),
    ),
    gate: Type.Optional(
        strict({
            falseStopPercent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 50, description: "Default 1" })),
            baselinePercent: Type.Optional(Type.Number({ minimum: 0, maximum: 90, description: "Default 1" })),
        }),
    ),
    controlPercent: Type.Optional(Percent),
    observeS: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 * 86_400, description: "Default 300" })),
})
export type RolloutOrder = Static<typeof RolloutOrder>

/** @throws Problem HOV_API_BAD_FIELD */
export function planOfOrder(order: RolloutOrder): RolloutPlan {
    const startAtMs = order.startAt === undefined ? null : timeOf(order.startAt)
    let [percent, count] = [0, 0]
    const phases = order.phases.map((phase, index) => {
        if ((phase.percent === undefined) === (phase.count === undefined))
            throw new Problem("HOV_API_BAD_FIELD", `phase ${index + 1} needs either percent or count`)
        if (phase.percent !== undefined) {
            if (phase.percent <= percent) throw new Problem("HOV_API_BAD_FIELD", `phase ${index + 1}: the percentage must grow from phase to phase`)
            percent = phase.percent
        }
        if (phase.count !== undefined) {
            if (phase.count <= count) throw new Problem("HOV_API_BAD_FIELD", `phase ${index + 1}: the count must grow from phase to phase`)
            count = phase.count
        }
        return {
            percent: phase.percent ?? null,
            count: phase.count ?? null,
            successPercent: phase.successPercent ?? 95,
            // "1 of 5" says little: where there is a gate, chance is the gate's business.
            failurePercent: phase.failurePercent ?? (order.gate === undefined ? 10 : 100),
            minFinished: phase.minFinished ?? 5,
            soakS: phase.soakS ?? 0,
            manual: phase.manual ?? false,
        }
    })
    return {
        phases,
        startAtMs,
        windows: (order.windows ?? []).map(window => ({ ...window, days: window.days ?? [] })),
        ratePerMinute: order.ratePerMinute ?? null,
        onFailure: (order.onFailure ?? "pause") as RolloutPlan["onFailure"],
        gate:
            order.gate === undefined
                ? null
                : {
                      // Two tests, one with the control group and one without: each has half of the error.
                      alpha: (order.gate.falseStopPercent ?? 1) / 100 / (order.controlPercent ? 2 : 1),
                      baseline: (order.gate.baselinePercent ?? 1) / 100,
                  },
        controlPercent: order.controlPercent ?? 0,
        observeS: order.observeS ?? 300,
        acceptedBad: 0,
    }
}

/** Not what else a Date can read: "1" is a month, and a time without a zone is that of the server's place. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/** @throws Problem HOV_API_BAD_FIELD */
function timeOf(text: string): number {
    const atMs = TIME.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isNaN(atMs)) throw new Problem("HOV_API_BAD_FIELD", "startAt is not an ISO 8601 time with its zone, like 2030-01-07T20:00:00Z")
    return atMs
}

export async function insertRollout(
    repos: Repos,
    who: Principal,
    nowMs: number,
    rollout: {
        id: string
        name: string
        release: ReleaseRow
        group: GroupRow | null
        filter: string | null
        order: RolloutOrder
        seed?: string
        arm?: { experimentId: string; arm: "a" | "b" }
    },
): Promise<RolloutRow> {
    const row: RolloutRow = {
        id: rollout.id,
        name: rollout.name,
        releaseId: rollout.release.id,
        seed: rollout.seed ?? rollout.id,
        groupId: rollout.group?.id ?? null,
        filter: rollout.filter,
        plan: JSON.stringify(planOfOrder(rollout.order)),
        state: "running",
        why: "",
        phase: 0,
        reachedAtMs: null,
        released: 0,
        enrolledAtMs: null,
        createdAtMs: nowMs,
        createdBy: who.name,
        changedAtMs: nowMs,
        experimentId: rollout.arm?.experimentId ?? null,
        arm: rollout.arm?.arm ?? null,
    }
    await repos.rollouts.insert(row)
    await audit(repos, who, nowMs, "rollout.create", row.id, { release: row.releaseId, group: row.groupId, filter: row.filter })
    repos.events.note("rollout.changed", null, nowMs, { rollout: row.id, release: row.releaseId, state: row.state, phase: 0, why: "" })
    return row
}

export async function rolloutDocument(repos: Repos, rollout: RolloutRow, nowMs: number): Promise<RolloutDocument> {
    const plan = planOf(rollout)
    const { startAtMs, ...ordered } = plan
    const figures = await figuresOf(repos, rollout, plan, await phaseLimit(repos, rollout, plan), nowMs)
    const gate = gateResult(plan, figures)
    const next = step(plan, placeOf(rollout), figures, nowMs)
    return {
        ...rolloutSummary(rollout),
        seed: rollout.seed,
        plan: { ...ordered, startAt: iso(startAtMs) },
        reachedAt: iso(rollout.reachedAtMs),
        waitsFor: next.kind === "rest" ? next.why : next.kind === "complete" && rollout.experimentId !== null ? "devices" : null,
        devices: await repos.rollouts.countsByState(rollout.id),
        phaseDevices: figures.phase,
        gate:
            gate === null
                ? null
                : {
                      evidence: Number(Math.exp(Math.min(gate.logEvidence, 700)).toPrecision(4)),
                      stopsAt: Number(Math.exp(gate.logLimit).toPrecision(4)),
                      ...figures.gate,
                  },
    }
}

export function rolloutSummary(rollout: RolloutRow): RolloutSummary {
    return {
        id: rollout.id,
        name: rollout.name,
        release: rollout.releaseId,
        group: rollout.groupId,
        filter: rollout.filter,
        state: rollout.state,
        why: rollout.why,
        phase: rollout.phase,
        phases: planOf(rollout).phases.length,
        experiment: rollout.experimentId,
        arm: rollout.arm,
        createdAt: iso(rollout.createdAtMs),
        createdBy: rollout.createdBy,
        changedAt: iso(rollout.changedAtMs),
    }
}
