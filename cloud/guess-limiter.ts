/** Locks out who guesses: after some wrong tokens or codes in a minute, an address is not listened to for a while. */
import type { Clock } from "./clock.ts"
import { LIMITS } from "./limits.ts"
import { Problem } from "./problems.ts"

interface Guesses {
    failures: number
    sinceMs: number
    lockedUntilMs: number
}

export class GuessLimiter {
    readonly #now: Clock
    readonly #byWho = new Map<string, Guesses>()

    constructor(now: Clock) {
        this.#now = now
    }

    /** @throws Problem HOV_API_LOCKED_OUT, also when the token is right: a guess must not be told from another. */
    check(who: string): void {
        const waitS = this.waitS(who)
        if (waitS > 0) throw lockedOut(waitS)
    }

    /** 0 = not locked out. */
    waitS(who: string): number {
        const guesses = this.#byWho.get(who)
        return guesses === undefined ? 0 : Math.max(0, Math.ceil((guesses.lockedUntilMs - this.#now()) / 1000))
    }

    failed(who: string): void {
        const nowMs = this.#now()
        let guesses = this.#byWho.get(who)
        if (guesses === undefined || nowMs - guesses.sinceMs > LIMITS.guessWindowMs) {
            if (this.#byWho.size >= LIMITS.guessersKept) this.#forgetOldest()
            guesses = { failures: 0, sinceMs: nowMs, lockedUntilMs: guesses?.lockedUntilMs ?? 0 }
            this.#byWho.delete(who)
            this.#byWho.set(who, guesses)
        }
        if (++guesses.failures >= LIMITS.guessesPerWindow) guesses.lockedUntilMs = nowMs + LIMITS.guessLockMs
    }

    #forgetOldest(): void {
        const oldest = this.#byWho.keys().next().value
        if (oldest !== undefined) this.#byWho.delete(oldest)
    }
}

export const lockedOut = (waitS: number): Problem =>
    new Problem("HOV_API_LOCKED_OUT", "too many wrong tokens came from this address", waitS)
