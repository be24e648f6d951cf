/** Two servers that share nothing: rows, logs, blobs and who does what by itself all move. */
import { Problem } from "../../problems.ts"
import type { Home } from "../home.ts"
import type { Plan } from "../store.ts"
import { takeCommon } from "./common.ts"
import { type DeviceBody, DeviceSessions, toRecord } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"
import { type Ground, type GroundOptions, isNotedHere, newServerId, type Offer } from "./ground.ts"
import { LogCopy } from "./log-copy.ts"
import { EventRelay } from "./relay.ts"

/** What the secret that was handed over is wrapped for; no device has such a name. */
const SECRET_OF = "~handover"

export class SeparateStores implements Ground {
    readonly me: string
    readonly shared = false
    readonly sessions: DeviceSessions
    readonly #options: GroundOptions
    readonly #relay: EventRelay
    #logs: LogCopy | undefined

    private constructor(options: GroundOptions, me: string) {
        this.me = me
        this.#options = options
        const { parts, work, peer, onInstalled, onError } = options
        const { store, secret } = parts
        this.sessions = new DeviceSessions({
            store,
            me,
            work,
            other: () => peer()?.id ?? "?",
            unwrap: (device, wrapped) => secret.unwrap(device, wrapped)?.toString("hex") ?? null,
            wrap: (device, key) => secret.wrap(device, Buffer.from(key, "hex")),
            onInstalled,
            onError,
        })
        this.#relay = new EventRelay(store, peer, work, onError)
    }

    static async open(options: GroundOptions): Promise<SeparateStores> {
        const { store } = options.parts
        await store.write(repos => repos.handover.ensure())
        const noted = await store.read.handover.note("server")
        const me = noted ?? newServerId()
        if (noted === undefined) await store.write(repos => repos.handover.setNote("server", me))
        return new SeparateStores(options, me)
    }

    async recall(home: Home<DeviceBody>): Promise<{ plan: Plan; peer: Peer } | null> {
        const { store, secret } = this.#options.parts
        const { handover } = store.read
        const inherited = await handover.note("secret")
        if (inherited !== undefined) secret.inherit(secret.unwrap(SECRET_OF, inherited))
        const [plan, peer] = [await handover.note("plan"), await handover.note("peer")]
        if (plan === undefined || peer === undefined) return null
        await this.load(home)
        return { plan: JSON.parse(plan), peer: JSON.parse(peer) }
    }

    async announce(_handover: string, peer: Peer): Promise<Pick<Offer, "secret">> {
        const { store, secret } = this.#options.parts
        await store.write(async repos => {
            await repos.handover.ownRest(this.me)
            await repos.handover.setNote("peer", JSON.stringify(peer))
        })
        return { secret: secret.forNext.toString("hex") }
    }

    async prepare({ handover, secret: given }: Offer, peer: Peer): Promise<void> {
        const { parts, work } = this.#options
        const { store, blobs, secret } = parts
        if (await isNotedHere(parts, handover)) throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: the other server looks at another kind of database")
        await takeCommon(peer, store, blobs, { isLast: false, signal: work.signal })
        const inherited = given === undefined ? undefined : Buffer.from(given, "hex")
        await store.write(async repos => {
            await repos.handover.ownRest(this.me)
            await repos.handoverLogs.clear()
            if (inherited !== undefined) await repos.handover.setNote("secret", secret.wrap(SECRET_OF, inherited))
        })
        secret.inherit(inherited)
    }

    async keep(plan: Plan, peer: Peer): Promise<void> {
        await this.#options.parts.store.write(async repos => {
            await repos.handover.setNote("peer", JSON.stringify(peer))
            await repos.handover.setNote("plan", JSON.stringify(plan))
        })
    }

    /** As the store has them. */
    async load(home: Home<DeviceBody>): Promise<void> {
        for (const row of await this.#options.parts.store.read.handover.owners()) home.load(row.session, toRecord(row))
    }

    async adopt(home: Home<DeviceBody>, device: string): Promise<void> {
        const { store } = this.#options.parts
        await store.write(repos => repos.handover.ownRest(this.me))
        const row = await store.read.handover.owner(device)
        if (row !== undefined && home.state(device).at === "absent") home.load(device, toRecord(row))
    }

    settleRoles({ role, phase }: Plan): void {
        const { runner, sender, controller } = this.#options.parts
        if (role === "next" && phase === "moving") {
            runner.stop()
            sender.stop()
        }
        if (role === "current" && phase !== "preparing" && phase !== "aborted") runner.stop()
        if (role === "current" && (phase === "finishing" || phase === "done")) {
            sender.stop()
            controller.stop()
        }
    }

    entered({ role, phase }: Plan): void {
        const { parts, operators } = this.#options
        if (role === "current" && phase === "moving") parts.runner.stop()
        if (role === "current" && phase === "aborted") parts.runner.start()
        const isTaking = role === "next" && phase === "moving"
        // What is not told yet when devices begin, or have gone back, is told now.
        if (isTaking || this.#relay.on) this.#relay.soon()
        this.#relay.on = isTaking
        this.#logs?.stop()
        if (isTaking) {
            operators.arrival.lower()
            this.#logs = this.#newLogs()
            this.#logs.start()
        } else operators.arrival.lift()
    }

    async rest(): Promise<void> {
        const { parts, operators } = this.#options
        // Who is told by a webhook may take his time: operators are served meanwhile.
        await parts.sender.rest()
        operators.resting.lower()
        parts.controller.stop()
        await operators.unchanging()
        await parts.writer.flush()
    }

    async takeOver(peer: Peer): Promise<void> {
        const { parts, work } = this.#options
        const { store, blobs, hub, runner, sender } = parts
        await this.#relay.flush()
        this.#relay.on = false
        await takeCommon(peer, store, blobs, { isLast: true, signal: work.signal })
        this.#logs ??= this.#newLogs()
        await this.#logs.finish(hub)
        runner.start()
        sender.start()
    }

    async close(): Promise<void> {
        this.#relay.close()
        this.sessions.close()
    }

    #newLogs(): LogCopy {
        const { parts, work, peer } = this.#options
        return new LogCopy(parts.store, peer() as Peer, work, error => parts.log.warn({ err: error }, "handover: copying the logs"))
    }
}
