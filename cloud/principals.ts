/** Who a token belongs to, remembered so that a poll needs no query. */
import type { Clock } from "./clock.ts"
import { GuessLimiter } from "./guess-limiter.ts"
import { RateLimiter } from "./rate-limiter.ts"
import type { Tenure } from "./tenure.ts"
import type { TokenRow } from "./store/schema.ts"
import type { Store } from "./store/store.ts"
import type { Principal, Role } from "./tokens.ts"
import { hashToken } from "./tokens.ts"

export class Principals {
    /** Who sends wrong tokens, by address. */
    readonly guesses: GuessLimiter
    /** Who asks how often, by token. */
    readonly rates: RateLimiter
    readonly #store: Store
    readonly #now: Clock
    readonly #byHash = new Map<string, Principal>()
    /** Raised by each revocation: a look-up that was under way then is not remembered. */
    #revocations = 0

    readonly #tenure: Tenure

    constructor(store: Store, tenure: Tenure, now: Clock) {
        this.#store = store
        this.#tenure = tenure
        this.#now = now
        this.guesses = new GuessLimiter(now)
        this.rates = new RateLimiter(now)
        store.onEvents(events => {
            for (const event of events) {
                if (event.type !== "token.revoked") continue
                this.#revocations++
                for (const hash of event.data.hashes as string[]) this.#byHash.delete(hash)
            }
        })
    }

    /** At once for a token seen before; undefined for one that is unknown, revoked or over. */
    find(token: string): Principal | undefined | Promise<Principal | undefined> {
        const hash = hashToken(token)
        const known = this.#byHash.get(hash)
        if (known === undefined) return this.#load(hash)
        return this.#isOver(known.expiresAtMs) ? undefined : known
    }

    /** A token that came with its device from another server, and is in the store. */
    learn(row: TokenRow): void {
        if (row.revokedAtMs === null && Number(row.pending) === 0) this.#byHash.set(row.hash, toPrincipal(row))
    }

    async #load(hash: string): Promise<Principal | undefined> {
        const before = this.#revocations
        const row = await this.#store.read.tokens.findByHash(hash)
        if (row === undefined || this.#isOver(row.expiresAtMs)) return undefined
        const principal = toPrincipal(row)
        if (Number(row.pending) === 1 && row.deviceId !== null && !(await this.#promote({ ...row, deviceId: row.deviceId }))) return principal
        if (before === this.#revocations) this.#byHash.set(hash, principal)
        return principal
    }

    #isOver(expiresAtMs: number | null): boolean {
        return expiresAtMs !== null && this.#now() >= Number(expiresAtMs)
    }

    /** The device has its new token for sure: the old ones end. False: it is another server's by now, to which it shows it, too. */
    #promote(row: TokenRow & { deviceId: string }): Promise<boolean> {
        const nowMs = this.#now()
        const { deviceId } = row
        return this.#store.write(async repos => {
            if ((await this.#tenure.lost(repos, [{ deviceId, since: this.#tenure.since(deviceId) }])).size > 0) return false
            const hashes = await repos.tokens.promote(row, nowMs)
            repos.events.note("token.revoked", row.deviceId, nowMs, { hashes })
            repos.events.note("token.pending", row.deviceId, nowMs, { pending: false })
            return true
        })
    }
}

export const toPrincipal = (row: TokenRow): Principal => ({
    tokenId: row.id,
    role: row.role as Role,
    name: row.name,
    deviceId: row.deviceId,
    expiresAtMs: row.expiresAtMs === null ? null : Number(row.expiresAtMs),
})
