/**
 * Carries rollouts out. Like the controller it keeps nothing that the store lacks: each
 * round reads where a rollout stands, asks the engine, and commits one small step.
 */
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { Controller } from "../controller/controller.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import { membersPage } from "../groups/members.ts"
import type { RolloutRow } from "../store/schema.ts"
import type { Repos, Store } from "../store/store.ts"
import { bucketLimit, bucketOf, controlStart } from "./bucket.ts"
import type { Action, RolloutFigures, RolloutPlace } from "./engine.ts"
import { step } from "./engine.ts"
import { grant } from "./grant.ts"
import type { RolloutPlan, RolloutState } from "./plan.ts"
import { followBack, revert, withdraw } from "./revert.ts"
import { settle } from "./settle.ts"

const PAGE = 500
/** Devices in one transaction: small enough that polls are answered in between. */
const DEVICES_PER_TRANSACTION = 40
/** After an end of a command; several ends make one round. */
const KICK_MS = 50
/** An aborted rollout's devices are still followed for this long. */
const ABORTED_WATCHED_MS = 86_400_000

export interface RunnerOptions {
    readonly store: Store
    readonly controller: Controller
    readonly now: Clock
    readonly log: Logger
    readonly tickMs: number
    /** How often the target is compared with the devices there are. */
    readonly enrolMs: number
    readonly policy: ControllerPolicy
}

export class RolloutRunner {
    readonly #options: RunnerOptions
    readonly #unsubscribe: () => void
    #timer: NodeJS.Timeout | undefined
    #kick: NodeJS.Timeout | undefined
    #round: Promise<void> | undefined
    #closed = false
    #started = false
    /** Commands that have ended since this process runs: tells that something may have to be written down. */
    #endings = 0

    constructor(options: RunnerOptions) {
        this.#options = options
        this.#unsubscribe = options.store.onEvents(events => {
            const endings = events.filter(event => event.type === "command.finished").length
            this.#endings += endings
            if (endings > 0 || events.some(event => event.type === "rollout.changed")) this.kick()
        })
    }

    start(): void {
        if (this.#started || this.#closed) return
        this.#started = true
        this.#timer = setInterval(() => void this.round(), this.#options.tickMs)
        this.kick()
    }

    /** Another process leads. */
    stop(): void {
        this.#started = false
        clearInterval(this.#timer)
        clearTimeout(this.#kick)
        this.#kick = undefined
    }

    async close(): Promise<void> {
        this.stop()
        this.#closed = true
        this.#unsubscribe()
        await this.#round
    }

    kick(): void {
        if (!this.#started) return
        this.#kick ??= setTimeout(() => {
            this.#kick = undefined
            void this.round()
        }, KICK_MS)
    }

    /** One look at every rollout that is under way. */
    round(): Promise<void> {
        this.#round ??= this.#all().finally(() => {
            this.#round = undefined
        })
        return this.#round
    }

    async #all(): Promise<void> {
        const { store, log } = this.#options
        try {
            for (const rollout of await store.read.rollouts.inStates(["running", "rollingBack"])) {
                if (!this.#started) return
                if (rollout.state === "running") await this.#run(rollout)
                else await this.#revertAll(rollout.id)
            }
            for (const rollout of await store.read.rollouts.inStates(["paused", "aborted"])) {
                if (!this.#started) return
                if (rollout.state === "aborted" && Number(rollout.changedAtMs) + ABORTED_WATCHED_MS < this.#options.now()) continue
                await this.#settle(rollout.id)
                await this.#withdraw(rollout)
            }
        } catch (error) {
            if (!this.#closed) log.error({ err: error }, "rollouts: a round failed")
        }
    }

    async #run(rollout: RolloutRow): Promise<void> {
        const { store, now } = this.#options
        if (rollout.enrolledAtMs === null || Number(rollout.enrolledAtMs) + this.#options.enrolMs <= now())
            await this.#enrol(rollout)
        let settled = -1
        for (;;) {
            if (!this.#started) return
            const more = await store.write(async repos => {
                const current = await repos.rollouts.get(rollout.id)
                if (current?.state !== "running") return false
                // What ended while the last step was at work is judged before more is granted.
                const endings = this.#endings
                if (settled !== endings) {
                    if (await settle(repos, rollout.id, this.#options.policy.maxAttempts)) return true
                    settled = endings
                }
                return this.#step(repos, current)
            })
            if (!more) return
            await new Promise(resolve => setImmediate(resolve))
        }
    }

    /** Returns whether there is more to do at once. */
    async #step(repos: Repos, rollout: RolloutRow): Promise<boolean> {
        const { now, controller } = this.#options
        const nowMs = now()
        const plan = planOf(rollout)
        const limit = await phaseLimit(repos, rollout, plan)
        const action = step(plan, placeOf(rollout), await figuresOf(repos, rollout, plan, limit, nowMs), nowMs)
        switch (action.kind) {
            case "rest":
                return false
            case "grant": {
                const count = Math.min(action.devices, DEVICES_PER_TRANSACTION)
                const waiting = await repos.rollouts.waiting(rollout.id, limit, count)
                await grant({ repos, controller, rollout, nowMs }, waiting)
                return true
            }
            default:
                await applyChange(repos, rollout, action, nowMs)
                return action.kind !== "stop" && action.kind !== "complete"
        }
    }

    async #settle(rolloutId: string): Promise<void> {
        const { store, policy } = this.#options
        while (this.#started && (await store.write(repos => settle(repos, rolloutId, policy.maxAttempts))));
    }

    async #enrol(rollout: RolloutRow): Promise<void> {
        const { store, now } = this.#options
        const group = rollout.groupId === null ? null : await store.read.groups.get(rollout.groupId)
        // A group that was removed meanwhile has no more members; those enrolled stay.
        if (group !== undefined) {
            let after: string | null = null
            do {
                const page = await membersPage(store.read, { group, filter: rollout.filter }, after, PAGE)
                const places = page.devices.map(({ id }) => ({ deviceId: id, bucket: bucketOf(rollout.seed, id) }))
                await store.write(repos => repos.rollouts.enrol(rollout.id, places))
                after = page.next
                await new Promise(resolve => setImmediate(resolve))
            } while (after !== null && this.#started)
        }
        await store.write(async repos => {
            await repos.rollouts.retrySkipped(rollout.id, ["unknown", "noArtifact", "noPermission", "busy"])
            await repos.rollouts.patch(rollout.id, { enrolledAtMs: now() })
        })
    }

    /** Takes back what has not left the server. */
    async #withdraw(rollout: RolloutRow): Promise<void> {
        const { store, controller, now } = this.#options
        for (;;) {
            const ids = await store.read.rollouts.undelivered(rollout.id, DEVICES_PER_TRANSACTION)
            if (ids.length === 0 || !this.#started) return
            await store.write(repos => withdraw({ repos, controller, rollout, nowMs: now() }, ids))
        }
    }

    /** First every wish is set back; then it waits until each device is back, or cannot get there by itself. */
    async #revertAll(rolloutId: string): Promise<void> {
        const { store, controller, now } = this.#options
        await this.#settle(rolloutId)
        for (let more = true; more && this.#started; ) {
            more = await store.write(async repos => {
                const rollout = await repos.rollouts.get(rolloutId)
                if (rollout?.state !== "rollingBack") return false
                const places = await repos.rollouts.withState(
                    rolloutId,
                    ["granted", "succeeded", "failed", "rolledBack"],
                    DEVICES_PER_TRANSACTION,
                )
                await revert({ repos, controller, rollout, nowMs: now() }, places.map(place => place.deviceId))
                return places.length > 0
            })
            await new Promise(resolve => setImmediate(resolve))
        }
        if ((await this.#followBack(rolloutId)) > 0 || !this.#started) return
        await store.write(async repos => {
            const rollout = await repos.rollouts.get(rolloutId)
            if (rollout?.state === "rollingBack") await change(repos, rollout, { state: "rolledBack" }, now(), rollout.why)
        })
    }

    /** Returns how many devices are still on their way. */
    async #followBack(rolloutId: string): Promise<number> {
        const { store, policy, now } = this.#options
        let underWay = 0
        for (let after: string | null = null; this.#started; ) {
            const ids = await store.read.rollouts.idsInState(rolloutId, "reverting", after, DEVICES_PER_TRANSACTION)
            if (ids.length === 0) return underWay
            underWay += await store.write(repos => followBack(repos, rolloutId, ids, policy, now()))
            after = ids[ids.length - 1]
            await new Promise(resolve => setImmediate(resolve))
        }
        return underWay
    }
}

export const planOf = (rollout: RolloutRow): RolloutPlan => JSON.parse(rollout.plan)

export const placeOf = (rollout: RolloutRow): RolloutPlace => ({
    state: rollout.state as RolloutState,
    phase: rollout.phase,
    reachedAtMs: rollout.reachedAtMs === null ? null : Number(rollout.reachedAtMs),
    released: rollout.released === 1,
})

/** Devices in buckets below this belong to the current phase, or to one before it. */
export async function phaseLimit(repos: Repos, rollout: RolloutRow, plan: RolloutPlan): Promise<number> {
    const { percent, count } = plan.phases[rollout.phase]
    if (percent !== null && percent >= 100) return Number.MAX_SAFE_INTEGER
    const limit = percent !== null ? bucketLimit(percent) : await repos.rollouts.bucketAfter(rollout.id, count ?? 0)
    return Math.min(limit, controlStart(plan.controlPercent))
}

export async function figuresOf(
    repos: Repos,
    rollout: RolloutRow,
    plan: RolloutPlan,
    limit: number,
    nowMs: number,
): Promise<RolloutFigures> {
    const sinceMs = Math.max(Number(rollout.createdAtMs), plan.startAtMs ?? 0)
    const granted = async (lastMs: number): Promise<number> =>
        plan.ratePerMinute === null ? 0 : repos.rollouts.grantedSince(rollout.id, nowMs - lastMs)
    return {
        phase: await repos.rollouts.phaseFigures(rollout.id, limit),
        grantedLastMinute: await granted(60_000),
        grantedLastSecond: await granted(1_000),
        gate: await repos.rollouts.gateCounts(rollout.id, {
            start: controlStart(plan.controlPercent),
            sinceMs,
            ripe: plan.gate !== null && plan.controlPercent > 0 && nowMs >= sinceMs + plan.observeS * 1000,
        }),
    }
}

async function applyChange(repos: Repos, rollout: RolloutRow, action: Action, nowMs: number): Promise<void> {
    switch (action.kind) {
        case "reached":
            return change(repos, rollout, { reachedAtMs: nowMs }, nowMs, "")
        case "advance":
            return change(repos, rollout, { phase: action.phase, reachedAtMs: null, released: 0 }, nowMs, "")
        case "complete":
            return change(repos, rollout, { state: "completed" }, nowMs, "")
        case "stop":
            repos.events.note("rollout.gate", null, nowMs, { rollout: rollout.id, why: action.why })
            await repos.audit.append({
                atMs: nowMs,
                actor: "server",
                role: "server",
                action: `rollout.${action.state}`,
                subject: rollout.id,
                detail: { why: action.why },
            })
            return change(repos, rollout, { state: action.state }, nowMs, action.why)
    }
}

/** A change of a rollout's place, told to whoever listens. */
export async function change(
    repos: Repos,
    rollout: RolloutRow,
    patch: Partial<Pick<RolloutRow, "state" | "phase" | "reachedAtMs" | "released" | "plan">>,
    nowMs: number,
    why: string,
): Promise<void> {
    await repos.rollouts.patch(rollout.id, { ...patch, why, changedAtMs: nowMs })
    repos.events.note("rollout.changed", null, nowMs, {
        rollout: rollout.id,
        release: rollout.releaseId,
        state: patch.state ?? rollout.state,
        phase: patch.phase ?? rollout.phase,
        why,
    })
}
