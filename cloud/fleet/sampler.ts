/**
 * Writes down how many devices run which version, for the picture of versions over time. A sample is
 * written only when the figures have changed; old ones get rarer.
 */
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { Repos, Store } from "../store/store.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Samples older than this are kept once in each step. */
export const THINNING: readonly { readonly afterMs: number; readonly stepMs: number }[] = [
    { afterMs: 6 * HOUR_MS, stepMs: HOUR_MS / 12 },
    { afterMs: 2 * DAY_MS, stepMs: HOUR_MS },
    { afterMs: 60 * DAY_MS, stepMs: DAY_MS },
]
const KEPT_MS = 400 * DAY_MS

export interface FleetSamplerOptions {
    readonly store: Store
    readonly now: Clock
    readonly log: Logger
    readonly sampleMs: number
    /** While devices move from one server to another, neither has the whole fleet. */
    readonly isWhole: () => boolean
}

export class FleetSampler {
    readonly #options: FleetSamplerOptions
    #timer: NodeJS.Timeout | undefined
    #running: Promise<void> | undefined
    #thinnedAtMs = 0

    constructor(options: FleetSamplerOptions) {
        this.#options = options
    }

    start(): void {
        if (this.#timer !== undefined) return
        this.#timer = setInterval(() => void this.round(), this.#options.sampleMs)
        this.#timer.unref()
        void this.round()
    }

    stop(): void {
        clearInterval(this.#timer)
        this.#timer = undefined
    }

    async close(): Promise<void> {
        this.stop()
        await this.#running
    }

    round(): Promise<void> {
        this.#running ??= this.#sample()
            .catch(error => this.#options.log.error({ err: error }, "the fleet's versions could not be written down"))
            .finally(() => {
                this.#running = undefined
            })
        return this.#running
    }

    async #sample(): Promise<void> {
        const { store, now, isWhole } = this.#options
        if (!isWhole()) return
        const nowMs = now()
        const versions = await store.read.fleet.versions()
        const last = await store.read.fleet.sampleAt(nowMs)
        const changed = last === undefined ? versions.size > 0 : !sameCounts(last.versions, versions)
        const thins = nowMs - this.#thinnedAtMs >= HOUR_MS
        if (!changed && !thins) return
        await store.write(async repos => {
            if (changed) await repos.fleet.addSample({ atMs: nowMs, versions })
            if (thins) await thin(repos, nowMs)
        })
        if (thins) this.#thinnedAtMs = nowMs
    }
}

export async function thin(repos: Repos, nowMs: number): Promise<void> {
    for (const { afterMs, stepMs } of THINNING) await repos.fleet.thin(nowMs - afterMs, stepMs)
    await repos.fleet.forgetBefore(nowMs - KEPT_MS)
}

function sameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
    return a.size === b.size && [...a].every(([version, devices]) => b.get(version) === devices)
}
