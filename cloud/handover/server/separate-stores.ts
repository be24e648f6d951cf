/** Two servers that share nothing: rows, logs, blobs and who does what by itself all move. */
import { Problem } from "../../problems.ts"
import { idOf, pagesOf } from "../../store/pages.ts"
import type { Home } from "../home.ts"
import type { Plan } from "../store.ts"
import { takeCommon } from "./common.ts"
import { KeptCopies, SentCopies } from "./device-copies.ts"
import { type DeviceBody, DeviceSessions, toRecord } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"
import { Inheritance } from "./inheritance.ts"
import { type Ground, type GroundOptions, isNotedHere, newServerId, type Offer } from "./ground.ts"
import { LogCopy } from "./log-copy.ts"
import { EventRelay } from "./relay.ts"

const DEVICES_PER_PAGE = 500

export class SeparateStores implements Ground {
    readonly me: string
    readonly shared = false
    readonly isClaiming = false
    readonly sessions: DeviceSessions
    readonly copying: SentCopies
    readonly copies: KeptCopies
    readonly #options: GroundOptions
    readonly #relay: EventRelay
    readonly #inheritance: Inheritance
    #logs: LogCopy | undefined
    #isResting = false

    private constructor(options: GroundOptions, me: string) {
        this.me = me
        this.#options = options
        const { parts, work, peer, handover, onInstalled, onError } = options
        const { store, secret } = parts
        this.copies = new KeptCopies(onError)
        this.copying = new SentCopies({ work, read: device => this.sessions.read(store.read, device), onError })
        store.onEvents(events => this.copying.note(events))
        this.sessions = new DeviceSessions({
            store,
            me,
            work,
            other: () => peer()?.id ?? "?",
            handover,
            unwrap: (device, wrapped) => secret.unwrap(device, wrapped)?.toString("hex") ?? null,
            wrap: (device, key) => secret.wrap(device, Buffer.from(key, "hex")),
            isChecked: body => this.copies.isChecked(body),
            onInstalled,
            onError,
        })
        this.#inheritance = new Inheritance(store, secret, work, onError)
        this.#relay = new EventRelay(store, peer, work, onError)
    }

    get failures(): number {
        return this.sessions.failures
    }

    /** There are no others. */
    async hasBegunElsewhere(): Promise<boolean> {
        return false
    }

    standBy(): void {}

    static async open(options: GroundOptions): Promise<SeparateStores> {
        const { store } = options.parts
        await store.write(repos => repos.handover.ensure())
        const noted = await store.read.handover.note("server")
        const me = noted ?? newServerId()
        if (noted === undefined) await store.write(repos => repos.handover.setNote("server", me))
        return new SeparateStores(options, me)
    }

    async recall(home: Home<DeviceBody>): Promise<{ plan: Plan; peer: Peer } | null> {
        const { handover } = this.#options.parts.store.read
        await this.#inheritance.recall()
        const [noted, peer] = [await handover.note("plan"), await handover.note("peer")]
        const plan = noted === undefined ? null : (JSON.parse(noted) as Plan)
        this.#inheritance.undo(plan?.handover)
        if (plan === null || peer === undefined) return null
        await this.load(home)
        return { plan, peer: JSON.parse(peer) }
    }

    get root(): string {
        return this.#options.parts.secret.forNext.toString("hex")
    }

    hasTaken(handover: string): Promise<boolean> {
        return this.sessions.hasTaken(handover)
    }

    async announce(_handover: string, peer: Peer): Promise<void> {
        const { store } = this.#options.parts
        await store.write(async repos => {
            await repos.handover.ownRest(this.me)
            await repos.handover.setNote("peer", JSON.stringify(peer))
        })
    }

    async prepare({ handover, secret: told }: Offer, peer: Peer): Promise<void> {
        const { parts, work } = this.#options
        const { store, blobs } = parts
        if (await isNotedHere(parts, handover)) throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: the other server looks at another kind of database")
        await takeCommon(peer, store, blobs, { isLast: false, signal: work.signal })
        await store.write(async repos => {
            await repos.handover.ownRest(this.me)
            await repos.handoverLogs.clear()
        })
        await this.#inheritance.take(handover, peer, told)
    }

    abandon(): void {
        this.#inheritance.undo()
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
        if ((await store.read.devices.get(device)) === undefined) return
        await store.write(repos => repos.handover.ownRest(this.me))
        await this.#loadOwned(home, device)
    }

    async adoptAll(home: Home<DeviceBody>): Promise<void> {
        const { store } = this.#options.parts
        await store.write(repos => repos.handover.ownRest(this.me))
        // What was given has no row here.
        for await (const page of pagesOf(after => store.read.devices.list({ after, limit: DEVICES_PER_PAGE }), idOf))
            for (const { id } of page) await this.#loadOwned(home, id)
    }

    async #loadOwned(home: Home<DeviceBody>, device: string): Promise<void> {
        if (home.state(device).at !== "absent") return
        const row = await this.#options.parts.store.read.handover.owner(device)
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

    entered({ handover, role, phase }: Plan): void {
        const { parts, operators } = this.#options
        if (role === "current" && phase === "moving") parts.runner.stop()
        // Next has given up at the very end: what had come to rest goes on.
        if (role === "current" && phase === "aborting" && this.#isResting) {
            this.#isResting = false
            parts.sender.start()
            parts.controller.start()
            operators.resting.lift()
        }
        if (role === "current" && phase === "aborted") parts.runner.start()
        this.copying.on = role === "current" && phase === "copying"
        if (phase === "preparing" || phase === "aborted" || phase === "done") this.copying.clear()
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
        if (role === "next" && phase === "done") this.#inheritance.keep(handover)
        if (role === "next" && phase === "aborted") this.#inheritance.undo()
    }

    async rest(): Promise<void> {
        const { parts, operators, work } = this.#options
        this.#isResting = true
        // Who is told by a webhook may take his time: operators are served meanwhile.
        await work.unlessClosed(parts.sender.rest())
        operators.resting.lower()
        parts.controller.stop()
        // One of them may have been handed on to a server that does not answer any more.
        await work.unlessClosed(operators.unchanging())
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
