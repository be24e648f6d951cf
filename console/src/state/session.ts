/** Who is signed in. The token lives in this tab only and ends with it. */
import { Api } from "../api.ts"
import type { Me, Permission } from "../documents.ts"
import { Fleet } from "./fleet.ts"
import { Live } from "./live.ts"
import { Watched } from "./store.ts"

const KEY = "handover-token"

/** Everything that a signed-in person's views work with. */
export interface Session {
    readonly api: Api
    readonly me: Me
    readonly live: Live
    readonly fleet: Fleet
    may(permission: Permission): boolean
}

class SessionKeeper extends Watched {
    current: Session | undefined
    /** Why one has to sign in again. */
    message = ""

    /** A token that this tab has kept. */
    get kept(): string | null {
        return sessionStorage.getItem(KEY)
    }

    /** @throws ApiError when the token is not good */
    async signIn(token: string): Promise<void> {
        const api = new Api(token, why => this.signOut(`You were signed out: ${why}.`))
        const me = await api.get<Me>("/me")
        sessionStorage.setItem(KEY, token)
        const live = new Live(api)
        const fleet = new Fleet(api, live)
        this.message = ""
        this.current = { api, me, live, fleet, may: permission => me.permissions.includes(permission) }
        void fleet.read()
        this.tell()
    }

    signOut(message = ""): void {
        sessionStorage.removeItem(KEY)
        this.current?.live.close()
        this.current?.fleet.close()
        if (this.current !== undefined) this.message = message
        this.current = undefined
        this.tell()
    }
}

export const sessions = new SessionKeeper()
