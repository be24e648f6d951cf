/** Who a token belongs to, remembered so that a poll needs no query. */
import type { Store } from "./store/store.ts"
import type { Principal, Role } from "./tokens.ts"
import { hashToken } from "./tokens.ts"

export class Principals {
    readonly #store: Store
    readonly #byHash = new Map<string, Principal>()
    /** Raised by each revocation: a look-up that was under way then is not remembered. */
    #revocations = 0

    constructor(store: Store) {
        this.#store = store
        store.onEvents(events => {
            for (const event of events) {
                if (event.type !== "token.revoked") continue
                this.#revocations++
                for (const hash of event.data.hashes as string[]) this.#byHash.delete(hash)
            }
        })
    }

    /** At once for a token seen before; undefined for one that is unknown or revoked. */
    find(token: string): Principal | undefined | Promise<Principal | undefined> {
        const hash = hashToken(token)
        return this.#byHash.get(hash) ?? this.#load(hash)
    }

    async #load(hash: string): Promise<Principal | undefined> {
        const before = this.#revocations
        const row = await this.#store.read.tokens.findByHash(hash)
        if (row === undefined) return undefined
        const principal: Principal = {
            tokenId: row.id,
            role: row.role as Role,
            name: row.name,
            deviceId: row.deviceId,
        }
        if (before === this.#revocations) this.#byHash.set(hash, principal)
        return principal
    }
}
