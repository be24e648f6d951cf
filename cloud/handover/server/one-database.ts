/** Both servers on one database: rows stay where they are, only sessions move, and the lead at the end. */
import { Problem } from "../../problems.ts"
import { idOf, pagesOf } from "../../store/pages.ts"
import type { Repos } from "../../store/store.ts"
import type { Home } from "../home.ts"
import type { Plan } from "../store.ts"
import type { DeviceBody } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"
import { type Ground, type GroundOptions, HANDOVER_ACTION, isNotedHere, isWithAll, newServerId, type Offer } from "./ground.ts"
import { SharedSessions } from "./shared-sessions.ts"

const DEVICES_PER_PAGE = 500

export class OneDatabase implements Ground {
    readonly me = newServerId()
    readonly shared = true
    readonly root = null
    readonly sessions: SharedSessions
    readonly #options: GroundOptions
    /** This server has begun in the middle of a handover, of which it knows nothing else. */
    #isClaiming: boolean
    #handover = ""
    /** Current is of a version that does not note owners: they are noted as they come. */
    #isGiverEarlier = false
    /** The handover is over, and all devices are here. */
    #isAlone = false

    private constructor(options: GroundOptions, isClaiming: boolean) {
        this.#options = options
        this.#isClaiming = isClaiming
        const { parts, work, peer, onError } = options
        this.sessions = new SharedSessions({ store: parts.store, me: this.me, work, other: () => peer()?.id ?? "?", handover: () => this.#handover, notesOwners: () => !this.#isGiverEarlier, onError })
    }

    static async open(options: GroundOptions): Promise<OneDatabase> {
        const { store } = options.parts
        const isClaiming = await store.write(async repos => {
            await repos.handover.ensure()
            return repos.handover.hasOwners()
        })
        return new OneDatabase(options, isClaiming)
    }

    get failures(): number {
        return this.sessions.failures
    }

    get isClaiming(): boolean {
        return this.#isClaiming
    }

    hasBegunElsewhere(repos: Repos): Promise<boolean> {
        return this.sessions.hasBegunElsewhere(repos)
    }

    standBy(): void {
        this.#isClaiming = true
        this.#isAlone = false
        this.#isGiverEarlier = false
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

    async prepare({ handover, protocol }: Offer): Promise<void> {
        this.#isGiverEarlier = protocol === undefined
        if (!(await isNotedHere(this.#options.parts, handover))) throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: it does not look at the other server's database")
        // It neither counts on from the epochs that it was given devices at nor forgets them.
        if (this.#isGiverEarlier) await this.sessions.beginFor(handover)
    }

    async keep({ handover }: Plan): Promise<void> {
        this.#handover = handover
    }

    /** All are the giver's, and the other server starts with none. */
    async load(home: Home<DeviceBody>, giver: string): Promise<void> {
        const { store } = this.#options.parts
        for (const [id] of [...home.sessions()]) home.forget(id)
        this.#isClaiming = false
        this.#isAlone = false
        if (giver !== this.me) return
        this.#isGiverEarlier = false
        const epoch = await this.sessions.begin()
        for await (const page of pagesOf(after => store.read.devices.list({ after, limit: DEVICES_PER_PAGE }), idOf))
            for (const { id } of page) home.load(id, { owner: giver, epoch, snapshot: null })
    }

    /** One that nobody has yet is this server's, and any that comes to one that has begun in the middle. */
    async adopt(home: Home<DeviceBody>, device: string, plan: Plan | null): Promise<void> {
        const { handover, devices } = this.#options.parts.store.read
        if (plan?.role === "current" && plan.phase === "done") return
        if (this.#isAlone) {
            if ((await devices.get(device)) !== undefined && !home.isHere(device)) home.load(device, { owner: this.me, epoch: 1, snapshot: null })
            return
        }
        if (this.#isGiverEarlier) return
        if (!this.#isClaiming && (await handover.owner(device)) !== undefined) return
        const record = await this.sessions.claim(device)
        if (record !== undefined && !home.isHere(device)) home.arrive(device, record)
        // The handover has ended meanwhile: nobody asks whose a device is any more.
        else if (record === undefined && this.#isClaiming && !(await handover.hasOwners())) this.#isClaiming = false
    }

    /** It is the business of whoever leads. */
    settleRoles(): void {}

    entered({ role, phase }: Plan): void {
        this.#isAlone = isWithAll(role, phase)
        // Whoever the other one is, of an earlier version it does not do that.
        if (this.#isAlone || phase === "done" || (phase === "aborted" && this.#isGiverEarlier)) this.sessions.end()
    }

    async rest(): Promise<void> {
        const { store, writer } = this.#options.parts
        await store.resign?.()
        await writer.flush()
    }

    async takeOver(): Promise<void> {}

    async close(): Promise<void> {}
}
