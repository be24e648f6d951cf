/**
 * A running server that can be replaced: its devices are the sessions of a handover,
 * the link to the other server is HTTP, and everything else goes last.
 */
import { randomBytes } from "node:crypto"
import { newId } from "../../ids.ts"
import type { HandoverProgress } from "../../operator-api/documents.ts"
import { Problem } from "../../problems.ts"
import { RunningWork } from "../../running-work.ts"
import type { Arriving } from "../arriving.ts"
import { Home } from "../home.ts"
import type { Leaving } from "../leaving.ts"
import type { Message, SessionMessage } from "../messages.ts"
import type { Phase, Plan } from "../store.ts"
import { askNext, type Credentials, isKnownTo } from "./asking.ts"
import { DeviceMemory } from "./device-memory.ts"
import type { DeviceBody } from "./device-sessions.ts"
import { Directions } from "./directions.ts"
import type { Peer } from "./exchange.ts"
import { FewAtATime } from "./few-at-a-time.ts"
import { FreezeTimes } from "./figures.ts"
import { type Ground, type GroundOptions, isWithAll, type Offer } from "./ground.ts"
import { introduce, requirePrivate, type Terms } from "./introduction.ts"
import { Link } from "./link.ts"
import { OneDatabase } from "./one-database.ts"
import { OperatorTraffic } from "./operator-traffic.ts"
import type { ServerParts } from "./parts.ts"
import { SeparateStores } from "./separate-stores.ts"
import { newArriving, newLeaving, RETRY_MS } from "./sides.ts"

/** Devices are offered a few at a time, so that they come, and are frozen and committed, together. */
const TICK_MS = 20
/** A session is served while it is asked for: those of devices that come together are asked for in one message. */
const PULLS_GATHER_MS = 5
/** Those that are frozen together wait for each other: of a burst operators reach the last ones here meanwhile. */
const PULLED_AT_ONCE = 4
const TIMINGS = { retryMs: RETRY_MS, pullMs: 5_000, freezeMs: 5_000 }
const PACE_PER_S = 100

const isUnderWay = (plan: Plan | null): boolean => plan !== null && plan.phase !== "done" && plan.phase !== "aborted"

/** What an operator asks for. */
export interface Beginning {
    readonly to: string
    /** An admin's token of the other server. */
    readonly token: string
    readonly pacePerS?: number
    /** The network between the two servers is nobody else's. */
    readonly insecure?: boolean
    /** To a next that cannot prove who it is, because its version does not know how. */
    readonly tellToken?: boolean
}

export class ServerHandover {
    readonly #parts: ServerParts
    readonly home: Home<DeviceBody>
    readonly operators: OperatorTraffic
    readonly directions: Directions
    readonly #memory: DeviceMemory
    readonly #work: RunningWork
    readonly #ground: Ground
    readonly #link: Link<Message<DeviceBody>>
    readonly #pulls: FewAtATime<SessionMessage<DeviceBody>>
    #arriving: Arriving<DeviceBody> | undefined
    #leaving: Leaving<DeviceBody> | undefined
    #peer: Peer | null = null
    #plan: Plan | null = null
    /** Between an operator's word, or current's, and the plan. */
    #isBeginning = false
    #timer: NodeJS.Timeout | undefined
    /** When an aborted next last heard of current. */
    #upAtMs = 0
    #freezes = new FreezeTimes()
    /** Devices of which next was sent only what its copy does not have. */
    #fromCopies = 0
    /** The number of the last event that next has; null: it has not asked for any. */
    #copied: number | null = null

    static async open(parts: ServerParts): Promise<ServerHandover> {
        let handover: ServerHandover | undefined
        const operators = new OperatorTraffic()
        const options: GroundOptions = {
            parts,
            operators,
            work: new RunningWork(),
            peer: () => handover?.peer ?? null,
            handover: () => handover?.id ?? "",
            onInstalled: (device, body) => handover?.welcome(device, body),
            onError: error => parts.log.error({ err: error }, "handover"),
        }
        const ground = await (parts.store.kind === "sqlite" ? SeparateStores : OneDatabase).open(options)
        handover = new ServerHandover(options, ground)
        const recalled = await ground.recall(handover.home)
        if (recalled !== null) {
            handover.#peer = recalled.peer
            handover.#resume(recalled.plan)
        } else parts.tenure.isAsked = ground.isClaiming
        return handover
    }

    private constructor({ parts, operators, work, onError }: GroundOptions, ground: Ground) {
        this.#parts = parts
        this.operators = operators
        this.#work = work
        this.#ground = ground
        this.#memory = new DeviceMemory(parts)
        this.#link = new Link(() => this.#peer, work)
        this.#pulls = new FewAtATime({ few: PULLED_AT_ONCE, work, nameOf: ({ session }) => session, take: pull => this.#pulled(pull), onError })
        const { held, now } = parts
        this.home = new Home<DeviceBody>({
            me: ground.me,
            store: ground.sessions,
            shared: ground.shared,
            timings: TIMINGS,
            copies: ground.copies,
            rest: (device, have, snapshot) => ground.copying?.rest(device, have, snapshot),
            now,
            send: message => {
                if (message.kind === "state" && message.snapshot.body === undefined) this.#fromCopies++
                this.#link.send(message, message.kind === "pull" ? PULLS_GATHER_MS : 0)
            },
            capture: (_device, done) =>
                work.begin(async () => {
                    await this.#memory.settle()
                    done({ version: 0 })
                }, onError),
            onFreeze: device => {
                this.#freezes.begin(device, performance.now())
                if (held.has(device)) held.offer(device, this.directions.moveOf(device))
            },
            onOwner: (device, here) => {
                this.#memory.changedHands(device)
                held.end(device, here ? null : this.directions.elsewhere())
            },
        })
        parts.tenure.know({
            me: ground.me,
            since: device => this.home.since(device),
            onLost: device => {
                // What polls have said of it here is not written: it is to be said again.
                if (!this.home.isHere(device)) this.#memory.changedHands(device)
                this.home.look(device)
            },
            mayBeFree: () => this.#plan === null,
            hasBegunElsewhere: async repos => {
                if (!(await ground.hasBegunElsewhere(repos))) return false
                if (!this.#isBeginning && !isUnderWay(this.#plan)) this.#standBy()
                return true
            },
        })
        this.directions = new Directions({ home: this.home, now, peer: () => this.#peer, plan: () => this.#plan })
    }

    /** Nothing to ask about: every request is served here. */
    get idle(): boolean {
        return this.#plan === null && !this.#ground.isClaiming
    }

    get peer(): Peer | null {
        return this.#peer
    }

    /** Operators, listeners and everything that is not a device's are next's now. */
    get isOver(): boolean {
        return this.#plan?.role === "current" && this.#plan.phase === "done"
    }

    /** What is not a device's is the other server's, and will come. */
    get isGettingRest(): boolean {
        return this.#isTaking && !this.#ground.shared
    }

    /** The name of the handover, also of one that is over. */
    get id(): string | null {
        return this.#plan?.handover ?? null
    }

    /** No device is between two servers: what is here is the whole fleet. */
    get isWhole(): boolean {
        const phase = this.#phase
        return phase === null || phase === "aborted" || (phase === "done" && this.#plan?.role === "next")
    }

    get progress(): HandoverProgress {
        const leaving = this.#leaving?.progress
        let moved = 0
        let devices = 0
        for (const [, { at }] of this.home.sessions()) {
            devices++
            if (at === "given") moved++
        }
        return {
            handover: this.#plan?.handover ?? null,
            role: this.#plan?.role ?? null,
            phase: this.#phase,
            to: this.#peer?.url ?? null,
            devices,
            moved,
            unsettled: leaving?.unsettled ?? 0,
            pacePerS: leaving?.pacePerS ?? null,
            copied: leaving?.copied ?? 0,
            fromCopies: this.#fromCopies,
            freeze: this.#freezes.figures,
            eventsBehind: this.#leaving === undefined || this.#copied === null ? null : this.#eventsBehind(this.#copied),
            linkFailures: this.#link.failures,
            storeFailures: this.#ground.failures,
        }
    }

    /** Begins to hand this server over. @throws Problem when one is under way, or next cannot take it */
    begin({ to, token, pacePerS = PACE_PER_S, insecure = false, tellToken = false }: Beginning): Promise<HandoverProgress> {
        if (this.isOver) throw new Problem("HOV_API_HANDOVER_STATE", `this server was handed over to ${this.#peer?.url}`)
        const from = this.#parts.url()
        if (!insecure) {
            requirePrivate(to, "the other server")
            requirePrivate(from, "this server")
        }
        return this.#alone(async () => {
            const handover = newId("h", this.#parts.now())
            const terms = { handover, from, id: this.#ground.me }
            const { key, ...credentials } = await this.#meet(to, token, terms, tellToken)
            this.#peer = await this.#askNext({ id: "?", url: to, key }, terms, credentials)
            const plan: Plan = { handover, role: "current", key, phase: "preparing" }
            await this.#ground.keep(plan, this.#peer)
            await this.#ground.load(this.home, this.#ground.me)
            this.#resume(plan, pacePerS)
            return this.progress
        })
    }

    /**
     * Next's side of `begin`: takes what is not a device's before any device comes. A current that
     * begins once more does not know of what it began before: it ended before it had written it down.
     */
    accept(offer: Offer): Promise<{ id: string }> {
        const isAgain = this.#isTaking && this.#peer?.url === offer.from
        return this.#alone(async () => {
            if (isAgain) await this.#giveUp()
            const peer: Peer = { id: offer.id, url: offer.from, key: offer.key }
            const plan: Plan = { handover: offer.handover, role: "next", key: offer.key, phase: "moving" }
            try {
                await this.#ground.prepare(offer, peer)
                await this.#ground.keep(plan, peer)
            } catch (error) {
                this.#ground.abandon()
                throw error
            }
            this.#peer = peer
            await this.#ground.load(this.home, peer.id)
            this.#leaving = undefined
            this.#resume(plan)
            return { id: this.#ground.me }
        }, isAgain)
    }

    /**
     * Takes everything back; at next: ends what current does not know of any more, or, with `force`, what current cannot
     * be asked about. @throws Problem when it is too late, or the other server's business
     */
    async abort(force = false): Promise<HandoverProgress> {
        if (this.#isTaking) {
            if (await this.#isKnown(force)) throw new Problem("HOV_API_HANDOVER_STATE", `the handover goes on at ${this.#peer?.url}: abort it there`)
            await this.#giveUp()
        } else if (this.#leaving?.abort() !== true) throw new Problem("HOV_API_HANDOVER_STATE", "there is nothing to abort: hand over in the other direction")
        return this.progress
    }

    /** For a next that is to end it. While another one begins its key is known already, and the plan is still the one before. */
    get toldToNext(): { readonly handover?: string | null; readonly phase: Phase | null } {
        return this.#isBeginning ? { phase: "preparing" } : { handover: this.id, phase: this.#phase }
    }

    /** What next tells devices' secrets with, while it is being asked. */
    get root(): string | null {
        return this.#isBeginning ? this.#ground.root : null
    }

    pace(perS: number): HandoverProgress {
        this.#leaving?.pace.set(perS)
        return this.progress
    }

    /** Next asks for the events after this one. */
    noteCopied(seq: number): void {
        this.#copied = seq
    }

    receive(messages: readonly Message<DeviceBody>[]): void {
        for (const message of messages) {
            if (!("session" in message)) {
                this.#leaving?.receive(message)
                this.#arriving?.receive(message)
                continue
            }
            if (message.kind === "moved") this.#freezes.end(message.session, performance.now())
            if (message.kind === "pull") {
                this.#freezes.asked(message.session, performance.now())
                this.#pulls.add(message)
            } else this.home.receive(message)
        }
    }

    #pulled(pull: SessionMessage<DeviceBody>): void {
        this.home.receive(pull)
        this.#freezes.answered(pull.session)
    }

    /** A device that was added while a handover is under way is this server's. */
    async adopt(device: string): Promise<void> {
        if (!this.#isMissing(device)) return
        await this.#ground.adopt(this.home, device, this.#plan)
        // Others' handover has ended.
        if (!this.idle || !this.#parts.tenure.isAsked) return
        this.#parts.tenure.isAsked = false
        this.home.reset()
    }

    #isMissing(device: string): boolean {
        const { at } = this.home.state(device)
        if (this.#plan === null) return this.#ground.isClaiming && !this.home.isHere(device)
        // Another server of the database had taken it, which is over with the handover.
        return at === "absent" || (at === "given" && this.#ground.shared && isWithAll(this.#plan.role, this.#plan.phase))
    }

    welcome(device: string, body: DeviceBody): void {
        this.#memory.welcome(device, body, this.home.isAwaited(device))
    }

    /** After a start in the midst of a handover, when what happens by itself has begun. */
    settleRoles(): void {
        if (this.#plan !== null) this.#ground.settleRoles(this.#plan)
    }

    /** Resolves when nothing of it writes any more. */
    async close(): Promise<void> {
        // From here on nothing begins any more.
        const ended = this.#work.close()
        clearInterval(this.#timer)
        this.#link.close()
        await this.#ground.close()
        await ended
    }

    /** Next asks for a page with the number that it has; it does not say that it has the last one, but that it has taken over. */
    #eventsBehind(copied: number): number {
        return this.isOver ? 0 : Math.max(0, this.#parts.hub.lastSeq - copied)
    }

    get #isTaking(): boolean {
        return this.#plan?.role === "next" && this.#plan.phase === "moving"
    }

    async #isKnown(force: boolean): Promise<boolean> {
        const peer = this.#peer as Peer
        try {
            return await isKnownTo(peer, this.id ?? "", this.#work.signal)
        } catch (error) {
            if (force) return false
            throw new Problem("HOV_API_HANDOVER_AWAY", `whether ${peer.url} goes on with the handover is not known: ${(error as Error).message}`)
        }
    }

    /** At next: as if current had aborted, which is for current to say once a device has come. */
    async #giveUp(): Promise<void> {
        const tooLate = (): Problem => new Problem("HOV_API_HANDOVER_STATE", `devices have come already: abort at ${this.#peer?.url}, or go on there`)
        const { home } = this
        const before = home.refusing
        // None begins to come while it is looked whether one has.
        home.refusing = true
        try {
            const isComing = [...home.sessions()].some(([, { at }]) => at === "installing")
            if (isComing || (await this.#ground.hasTaken(this.id ?? ""))) throw tooLate()
            // The store may not take it: a server that is closed does not wait for that.
            await this.#work.unlessClosed(
                new Promise<void>((resolve, reject) => {
                    if (this.#arriving?.abort(resolve) !== true) reject(tooLate())
                }),
            )
        } catch (error) {
            if (this.#work.isClosed) throw new Problem("HOV_API_CLOSING", "the handover was not aborted before this server was closed")
            home.refusing = before || this.#arriving?.phase === "aborted"
            throw error
        }
    }

    get #phase(): Phase | null {
        return this.#leaving?.phase ?? this.#plan?.phase ?? null
    }

    /** @throws Problem while a handover is under way, or another one begins */
    async #alone<T>(work: () => Promise<T>, isAgain = false): Promise<T> {
        if (this.#isBeginning || (isUnderWay(this.#plan) && !isAgain)) throw new Problem("HOV_API_HANDOVER_STATE", `a handover is under way (${this.#isBeginning ? "beginning" : this.#plan?.phase})`)
        this.#isBeginning = true
        try {
            return await this.#work.run(work)
        } catch (error) {
            if (this.#work.isClosed) throw new Problem("HOV_API_HANDOVER_STATE", "this server is being closed")
            throw error
        } finally {
            this.#isBeginning = false
        }
    }

    /** Before anything else is said: whether it is next who listens there. */
    async #meet(url: string, token: string, terms: Terms, tellToken: boolean): Promise<Credentials & { readonly key: string }> {
        const introduced = await introduce(url, token, terms, this.#work.signal).catch((error: Error) => {
            throw error instanceof Problem ? error : new Problem("HOV_API_HANDOVER_NEXT", error.message)
        })
        if (introduced !== undefined) return introduced
        // Anybody could say that he is of an earlier version.
        if (!tellToken) throw new Problem("HOV_API_HANDOVER_TOKEN", `${url} does not know how to prove that it is the other server; one of an earlier version wants to be told the token itself`)
        return { token, key: randomBytes(32).toString("base64url") }
    }

    async #askNext(peer: Peer, terms: Terms, credentials: Credentials): Promise<Peer> {
        const before = this.#peer
        this.#peer = peer
        try {
            await this.#ground.announce(terms.handover, peer)
            return { ...peer, id: await askNext(peer.url, credentials, { ...terms, key: peer.key }, this.#work.signal) }
        } catch (error) {
            this.#peer = before
            throw new Problem("HOV_API_HANDOVER_NEXT", (error as Error).message)
        }
    }

    /** Goes on as if it had been started in the middle of others' handover: the database knows whose the devices are. */
    #standBy(): void {
        this.#parts.log.info({ handover: this.id }, "handover: this server serves whoever comes to it")
        this.#plan = null
        this.#leaving = undefined
        this.#arriving = undefined
        this.#pulls.clear()
        this.#ground.standBy()
        this.#parts.tenure.isAsked = true
        this.home.reset()
        this.#peer = null
        this.operators.resting.lift()
        this.operators.arrival.lift()
    }

    /** An aborted next hands on to current what it is asked; when that one is gone, it is one server of the database among others. */
    #lookAfterAbort(): void {
        const isAborted = this.#plan?.role === "next" && this.#plan.phase === "aborted"
        if (!isAborted || this.#isBeginning || !this.#ground.shared || this.#link.isUp()) this.#upAtMs = performance.now()
        else if (performance.now() >= this.#upAtMs + TIMINGS.pullMs) this.#standBy()
    }

    #resume(plan: Plan, pacePerS = PACE_PER_S): void {
        this.#work.signal.throwIfAborted()
        this.#freezes = new FreezeTimes()
        this.#pulls.clear()
        this.#fromCopies = 0
        this.#copied = null
        const side = { plan, parts: this.#parts, ground: this.#ground, home: this.home, link: this.#link, work: this.#work, onPhase: (phase: Phase) => this.#entered({ ...plan, phase }) }
        this.#arriving = plan.role === "next" ? newArriving(side, this.#peer as Peer) : undefined
        if (plan.role === "current") this.#leaving = newLeaving(side, this.directions, pacePerS)
        this.#entered(plan)
        this.settleRoles()
        this.#timer ??= setInterval(() => {
            this.#memory.tick()
            this.home.tick()
            this.#leaving?.tick()
            this.#lookAfterAbort()
        }, TICK_MS)
    }

    #entered(plan: Plan): void {
        const { log, hub, store, tenure } = this.#parts
        const { handover, role, phase } = plan
        log.info({ handover, role, phase }, "handover")
        this.#plan = plan
        tenure.isAsked = !isWithAll(role, phase)
        store.hurry?.(isUnderWay(plan)).catch(error => log.warn({ err: error }, "handover: the store's own thread"))
        if (role === "current" && phase === "finishing") hub.tell("server.move", { to: this.#peer?.url })
        if (role === "current" && phase === "done") {
            hub.tell("server.go", { to: this.#peer?.url })
            hub.dropListeners()
            this.operators.resting.lift()
        }
        this.#ground.entered(plan)
    }
}
