/** How it is with hawkBit, for /healthz, the metrics and the command. */
import type { Clock } from "../clock.ts"

export interface HawkbitHealth {
    /** `starting` until hawkBit has answered for the first time; `follows` where another process speaks with it. */
    readonly state: "starting" | "ok" | "degraded" | "follows"
    readonly sinceMs: number
    /** What was wrong when it was last asked. */
    readonly why: string
    /** Events that hawkBit has not been told yet. */
    readonly behind: number
    /** Things that it refuses, by what they are. */
    readonly refused: Readonly<Record<string, string>>
}

const REFUSED_MAX = 20
const BACK_OFF_MAX_MS = 30_000
/** As often may hawkBit fail over one thing before it counts as refused. */
const STRIKES_MAX = 5

export class Health {
    readonly #now: Clock
    readonly #baseMs: number
    #state: HawkbitHealth["state"] = "starting"
    #sinceMs: number
    #why = ""
    #failures = 0
    readonly #refused = new Map<string, string>()
    readonly #strikes = new Map<string, number>()
    behind = 0

    constructor(now: Clock, baseMs: number) {
        this.#now = now
        this.#baseMs = baseMs
        this.#sinceMs = now()
    }

    get isOk(): boolean {
        return this.#state === "ok"
    }

    get failures(): number {
        return this.#failures
    }

    /** Returns whether it was otherwise before. */
    ok(): boolean {
        this.#failures = 0
        this.#why = ""
        return this.#become("ok")
    }

    /** Returns how long to wait before the next try. */
    away(why: string, retryAfterMs: number | null): { changed: boolean; waitMs: number } {
        const waitMs = Math.max(retryAfterMs ?? 0, Math.min(this.#baseMs * 2 ** Math.min(this.#failures, 20), BACK_OFF_MAX_MS))
        this.#failures++
        this.#why = why
        return { changed: this.#become("degraded"), waitMs }
    }

    /** Returns whether that is news. */
    refuse(subject: string, why: string): boolean {
        const isNew = this.#refused.get(subject) !== why
        this.#refused.delete(subject)
        this.#refused.set(subject, why)
        for (const oldest of this.#refused.keys()) {
            if (this.#refused.size <= REFUSED_MAX) break
            this.#refused.delete(oldest)
        }
        return isNew
    }

    /** hawkBit has failed over this; returns whether to leave it alone from now on. */
    strike(subject: string): boolean {
        const count = (this.#strikes.get(subject) ?? 0) + 1
        this.#strikes.set(subject, count)
        return count > STRIKES_MAX
    }

    accept(subject: string): void {
        this.#strikes.delete(subject)
        this.#refused.delete(subject)
    }

    get report(): HawkbitHealth {
        return { state: this.#state, sinceMs: this.#sinceMs, why: this.#why, behind: this.behind, refused: Object.fromEntries(this.#refused) }
    }

    #become(state: HawkbitHealth["state"]): boolean {
        if (this.#state === state) return false
        this.#state = state
        this.#sinceMs = this.#now()
        return true
    }
}
