/**
 * Carries rollouts out. Like the controller it keeps nothing that the store lacks: each
 * round reads where a rollout stands, asks the engine, and commits one small step.
 */
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { Controller } from "../controller/controller.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import { armOf } from "../experiments/arm.ts"
import { membersPage } from "../groups/members.ts"
import { isDatabaseAway } from "../store/database-away.ts"
import { itself, pagesOf } from "../store/pages.ts"
import type { RolloutRow } from "../store/schema.ts"
import type { Repos, Store } from "../store/store.ts"
import { bucketOf } from "./bucket.ts"
import { applyChange, change } from "./change.ts"
import { step } from "./engine.ts"
import { figuresOf, phaseLimit, placeOf, planOf } from "./figures.ts"
import { grant } from "./grant.ts"
import type { RolloutState } from "./plan.ts"
import { followBack, revert, withdraw } from "./revert.ts"
import { settle } from "./settle.ts"
import { turn } from "../turn.ts"

const PAGE = 500
/** Devices in one transaction: small enough that polls are answered in between. */
const DEVICES_PER_TRANSACTION = 40
/** After an end of a command; several ends make one round. */
const KICK_MS = 50
/** The devices of a rollout that has ended are still followed for this long: some are late, some roll back late. */
const WATCHED_MS = 86_400_000

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
    /** As many of them have been written down for rollouts that do not run any more. */
    #followed = -1

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

    get isStarted(): boolean {
        return this.#started
    }

    /** Another process leads. */
    stop(): void {
        this.#started = false
        clearInterval(this.#timer)
        clearTimeout(this.#kick)
        this.#kick = undefined
        this.#followed = -1
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
        const { log, now } = this.#options
        try {
            await this.#each(["running", "rollingBack"], rollout => (rollout.state === "running" ? this.#run(rollout) : this.#revertAll(rollout.id)))
            const endings = this.#endings
            const isWhole = await this.#each(["paused", "aborted", "completed"], async rollout => {
                if (rollout.state !== "paused" && Number(rollout.changedAtMs) + WATCHED_MS < now()) return
                if (endings !== this.#followed) await this.#settle(rollout.id)
                if (rollout.state !== "completed") await this.#withdraw(rollout)
            })
            if (isWhole) this.#followed = endings
        } catch (error) {
            if (!this.#closed) log.error({ err: error }, "rollouts: a round failed")
        }
    }

    /** One that fails keeps no other from going on. Returns whether all were done. */
    async #each(states: readonly RolloutState[], work: (rollout: RolloutRow) => Promise<void>): Promise<boolean> {
        const { store, log } = this.#options
        let isWhole = true
        for (const rollout of await store.read.rollouts.inStates(states)) {
            if (!this.#started) return false
            try {
                await work(rollout)
            } catch (error) {
                if (this.#closed || isDatabaseAway(error)) throw error
                isWhole = false
                log.error({ err: error, rollout: rollout.id }, "rollouts: a step failed")
            }
        }
        return isWhole
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
            await turn()
        }
    }

    /** Returns whether there is more to do at once. */
    async #step(repos: Repos, rollout: RolloutRow): Promise<boolean> {
        const { now, controller, store } = this.#options
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
                const may = store.pace === undefined ? waiting : await store.pace.mayGrant(repos, rollout, waiting)
                if (may.length === 0) return false
                await grant({ repos, controller, rollout, nowMs }, may)
                return true
            }
            case "complete":
                // An arm takes in devices that come later, until the experiment ends.
                if (rollout.experimentId !== null) return false
                await applyChange(repos, rollout, action, nowMs)
                return false
            default:
                await applyChange(repos, rollout, action, nowMs)
                return action.kind !== "stop"
        }
    }

    async #settle(rolloutId: string): Promise<void> {
        const { store, policy } = this.#options
        while (this.#started && (await store.write(repos => settle(repos, rolloutId, policy.maxAttempts))));
    }

    async #enrol(rollout: RolloutRow): Promise<void> {
        const { store, now } = this.#options
        const isMeant = await this.#armFilter(rollout)
        const group = rollout.groupId === null ? null : await store.read.groups.get(rollout.groupId)
        // A group that was removed meanwhile has no more members; those enrolled stay.
        if (group !== undefined) {
            let after: string | null = null
            do {
                const page = await membersPage(store.read, { group, filter: rollout.filter }, after, PAGE)
                const places = page.devices.filter(({ id }) => isMeant(id)).map(({ id }) => ({ deviceId: id, bucket: bucketOf(rollout.seed, id) }))
                await store.write(repos => repos.rollouts.enrol(rollout.id, places))
                after = page.next
                await turn()
            } while (after !== null && this.#started)
        }
        await store.write(async repos => {
            await repos.rollouts.retrySkipped(rollout.id, rollout.releaseId)
            await repos.rollouts.patch(rollout.id, { enrolledAtMs: now() })
        })
    }

    /** In an arm of an experiment only its own devices are meant. */
    async #armFilter({ experimentId, arm }: RolloutRow): Promise<(deviceId: string) => boolean> {
        const experiment = experimentId === null ? undefined : await this.#options.store.read.experiments.get(experimentId)
        return experiment === undefined ? () => true : deviceId => armOf(experiment.seed, deviceId, experiment.splitPercent) === arm
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
            await turn()
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
        for await (const ids of pagesOf(after => store.read.rollouts.idsInState(rolloutId, "reverting", after, DEVICES_PER_TRANSACTION), itself)) {
            if (!this.#started) break
            underWay += await store.write(repos => followBack(repos, rolloutId, ids, policy, now()))
        }
        return underWay
    }
}
