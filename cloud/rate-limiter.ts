/** How much one token may ask: a sustained rate, and what may come at once. */
import type { Clock } from "./clock.ts"
import { LIMITS } from "./limits.ts"
import { Problem } from "./problems.ts"

interface Bucket {
    allowance: number
    atMs: number
}

export class RateLimiter {
    readonly #now: Clock
    readonly #byWho = new Map<string, Bucket>()

    constructor(now: Clock) {
        this.#now = now
    }

    /** @throws Problem HOV_API_RATE */
    check(who: string): void {
        const nowMs = this.#now()
        let bucket = this.#byWho.get(who)
        if (bucket === undefined) {
            if (this.#byWho.size >= LIMITS.guessersKept) this.#forgetFull(nowMs)
            bucket = { allowance: LIMITS.tokenRequestBurst, atMs: nowMs }
            this.#byWho.set(who, bucket)
        }
        bucket.allowance = refilled(bucket, nowMs)
        bucket.atMs = nowMs
        if (bucket.allowance < 1) throw new Problem("HOV_API_RATE", "this token asks more often than it may", 1)
        bucket.allowance--
    }

    /** Who has not asked for a while has a full bucket: it need not be remembered. */
    #forgetFull(nowMs: number): void {
        for (const [who, bucket] of this.#byWho) if (refilled(bucket, nowMs) >= LIMITS.tokenRequestBurst) this.#byWho.delete(who)
    }
}

const refilled = ({ allowance, atMs }: Bucket, nowMs: number): number =>
    Math.min(LIMITS.tokenRequestBurst, allowance + (Math.max(0, nowMs - atMs) / 1000) * LIMITS.tokenRequestsPerS)
