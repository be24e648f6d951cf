/** Both servers on one database: rows stay where they are, only sessions move, and the lead at the end. */
import { Problem } from "../../problems.ts"
import type { Home } from "../home.ts"
import type { Plan } from "../store.ts"
import type { DeviceBody } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"
import { type Ground, type GroundOptions, HANDOVER_ACTION, isNotedHere, newServerId, type Offer } from "./ground.ts"
import { SharedSessions } from "./shared-sessions.ts"

const DEVICES_PER_PAGE = 500

export class OneDatabase implements Ground {
    readonly me = newServerId()
    readonly shared = true
    /** Nothing of a session is written. */
    readonly failures = 0
    readonly root = null
    readonly sessions: SharedSessions
    readonly #options: GroundOptions

    constructor(options: GroundOptions) {
        this.#options = options
        this.sessions = new SharedSessions(this.me, () => options.peer()?.id ?? "?")
    }

    /** A server that starts anew serves whoever comes. */
    async recall(): Promise<null> {
        return null
    }

    async announce(handover: string, { url }: Peer): Promise<void> {
        const { store, now } = this.#options.parts
        await store.write(repos => repos.audit.append({ atMs: now(), actor: this.me, role: "admin", action: HANDOVER_ACTION, subject: handover, detail: { to: url } }))
    }

    abandon(): void {}

    async hasTaken(): Promise<boolean> {
        return this.sessions.hasTaken
    }

    async prepare({ handover }: Offer): Promise<void> {
        if (!(await isNotedHere(this.#options.parts, handover))) throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: it does not look at the other server's database")
    }

    async keep(): Promise<void> {}

    /** All are the giver's, and the other server starts with none. */
    async load(home: Home<DeviceBody>, giver: string): Promise<void> {
        const { store } = this.#options.parts
        for (const [id] of [...home.sessions()]) home.forget(id)
        this.sessions.clear()
        for (let after: string | null = null; giver === this.me; ) {
            const page = await store.read.devices.list({ after, limit: DEVICES_PER_PAGE })
            for (const { id } of page) home.load(id, this.sessions.own(id, giver))
            if (page.length < DEVICES_PER_PAGE) return
            after = page[page.length - 1].id
        }
    }

    async adopt(home: Home<DeviceBody>, device: string, { role }: Plan): Promise<void> {
        const isNew = role === "current" && (await this.#options.parts.store.read.devices.get(device)) !== undefined
        if (isNew && home.state(device).at === "absent") home.load(device, this.sessions.own(device, this.me))
    }

    /** It is the business of whoever leads. */
    settleRoles(): void {}

    entered(): void {}

    async rest(): Promise<void> {
        const { store, writer } = this.#options.parts
        await store.resign?.()
        await writer.flush()
    }

    async takeOver(): Promise<void> {}

    async close(): Promise<void> {}
}
