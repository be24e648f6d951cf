/** What the parts of the exchange with hawkBit work with, and small helpers of theirs. */
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import type { Controller } from "../controller/controller.ts"
import type { ControllerPolicy } from "../controller/decide.ts"
import { BASE_RELEASE, parseReleaseName } from "../ids.ts"
import type { RolloutRunner } from "../rollouts/runner.ts"
import type { BlobPlace } from "../store/blobs.ts"
import type { Store } from "../store/store.ts"
import type { Health } from "./health.ts"
import { HawkbitAway, HawkbitRefused } from "./http.ts"
import type { HawkbitOptions } from "./options.ts"
import type { Remote } from "./remote.ts"

export interface Figures {
    feedbacks: number
    assignments: number
    adopted: number
    artifactReads: number
    resyncs: number
}

export interface Work {
    readonly store: Store
    readonly remote: Remote
    readonly controller: Controller
    readonly runner: RolloutRunner
    readonly policy: ControllerPolicy
    readonly options: HawkbitOptions
    /** Where blobs are kept here. */
    readonly place: BlobPlace
    readonly health: Health
    readonly figures: Figures
    readonly log: Logger
    readonly now: Clock
    /** Devices to tell hawkBit about in the next round, whatever the events say. */
    readonly again: Set<string>
}

/** The app's name in the place of the base release's, which has none. */
const BASE_NAME = "handover-base"

/** Name and version of a release's module and set there. */
export function remoteName(prefix: string, releaseId: string): { name: string; version: string } {
    if (releaseId === BASE_RELEASE) return { name: prefix + BASE_NAME, version: BASE_RELEASE }
    const { app, version } = parseReleaseName(releaseId)
    return { name: prefix + (app ?? ""), version }
}

/** The release that a set (without prefix) is. */
export const localRelease = (name: string, version: string): string => (name === BASE_NAME ? BASE_RELEASE : `${name}@${version}`)

/** Some at a time; the first error that is thrown ends it. */
export async function eachOf<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<unknown>): Promise<void> {
    const queue = [...items]
    await Promise.all(
        Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
            for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
        }),
    )
}

/**
 * What hawkBit refuses is noted for the operator and holds up nothing else; nor does one thing that
 * it fails over (500) again and again while it answers otherwise. Returns the refusal.
 */
export async function noting(work: Work, subject: string, call: () => Promise<void>): Promise<HawkbitRefused | undefined> {
    try {
        await call()
        work.health.accept(subject)
        return undefined
    } catch (error) {
        const refusal = refusalIn(error, work.health, subject)
        if (refusal === undefined) throw error
        if (work.health.refuse(subject, refusal.message)) work.log.warn({ subject, why: refusal.message }, "hawkBit refuses")
        return refusal
    }
}

function refusalIn(error: unknown, health: Health, subject: string): HawkbitRefused | undefined {
    if (error instanceof HawkbitRefused) return error
    if (!(error instanceof HawkbitAway) || error.status !== 500 || !health.strike(subject)) return undefined
    return new HawkbitRefused(error.message, 500, "it fails over this each time")
}
