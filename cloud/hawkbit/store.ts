/**
 * The store with hawkBit behind it. Every read and every commit is the database's own; what hawkBit
 * has to hear of it goes out by the event log (sync.ts), and what hawkBit has a say in (which
 * devices of a rollout may have the release now) is asked here.
 */
import type { Clock } from "../clock.ts"
import type { RolloutDeviceRow, RolloutRow } from "../store/schema.ts"
import { isOver } from "../store/hawkbit.ts"
import type { EventListener, LeadershipListener, Repos, RolloutPace, Store } from "../store/store.ts"
import type { Health } from "./health.ts"
import { decodeLink } from "./rollout-link.ts"

export interface HawkbitStoreOptions {
    readonly inner: Store
    readonly health: Health
    readonly patienceMs: number
    readonly now: Clock
    /** A rollout that hawkBit does not have yet. */
    readonly onWanted: (rolloutId: string) => void
}

export class HawkbitStore implements Store, RolloutPace {
    readonly kind: Store["kind"]
    readonly read: Repos
    readonly #options: HawkbitStoreOptions
    /** Rollouts that our rules let go on, and hawkBit's does not. */
    readonly #heldSinceMs = new Map<string, number>()

    constructor(options: HawkbitStoreOptions) {
        this.#options = options
        this.kind = options.inner.kind
        this.read = options.inner.read
    }

    get pace(): RolloutPace {
        return this
    }

    get leads(): boolean {
        return this.#options.inner.leads
    }

    get reachable(): boolean {
        return this.#options.inner.reachable
    }

    snapshot<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        return this.#options.inner.snapshot(work)
    }

    write<T>(work: (repos: Repos) => Promise<T>): Promise<T> {
        return this.#options.inner.write(work)
    }

    onEvents(listener: EventListener): () => void {
        return this.#options.inner.onEvents(listener)
    }

    holdsLead(repos: Repos): Promise<boolean> {
        return this.#options.inner.holdsLead(repos)
    }

    onLeadership(listener: LeadershipListener): () => void {
        return this.#options.inner.onLeadership(listener)
    }

    close(): Promise<void> {
        return this.#options.inner.close()
    }

    async mayGrant(repos: Repos, rollout: RolloutRow, places: readonly RolloutDeviceRow[]): Promise<readonly RolloutDeviceRow[]> {
        const { health, onWanted } = this.#options
        // Without hawkBit nothing is begun; what was begun goes on.
        if (!health.isOk || places.length === 0) return []
        const link = decodeLink(await repos.hawkbit.link("rollout", rollout.id))
        if (link === undefined) {
            onWanted(rollout.id)
            // It may be one that hawkBit refuses to take.
            return this.#isPatienceOver(rollout.id) ? places : []
        }
        if (link.said === "over") return places
        if (link.said !== "running") return []
        const ids = places.map(({ deviceId }) => deviceId)
        const members = await repos.hawkbit.links(`member ${rollout.id}`, ids)
        const actions = await repos.hawkbit.actions(ids)
        const allowed = places.filter(({ deviceId }) => {
            const action = actions.get(deviceId)
            const hasBegun = action !== undefined && action.generation === null && action.releaseId === rollout.releaseId && !isOver(action)
            // One that came later is none of hawkBit's groups; it is assigned when it is granted.
            return hasBegun || !members.has(deviceId)
        })
        if (allowed.length > 0) {
            this.#heldSinceMs.delete(rollout.id)
            return allowed
        }
        return this.#isPatienceOver(rollout.id) ? places : []
    }

    #isPatienceOver(rolloutId: string): boolean {
        const { now, patienceMs } = this.#options
        const sinceMs = this.#heldSinceMs.get(rolloutId) ?? now()
        this.#heldSinceMs.set(rolloutId, sinceMs)
        return now() - sinceMs >= patienceMs
    }
}
