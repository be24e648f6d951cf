/**
 * A running server that can be replaced: its devices are the sessions of a handover,
 * the link to the other server is HTTP, and everything else goes last.
 */
import { randomBytes } from "node:crypto"
import type { Logger } from "pino"
import type { Controller } from "../../controller/controller.ts"
import type { ActualWriter } from "../../device-api/actual-writer.ts"
import type { Sessions } from "../../device-api/sessions.ts"
import type { EventHub } from "../../events/hub.ts"
import type { HeldPolls } from "../../held-polls.ts"
import { newId } from "../../ids.ts"
import type { Principals } from "../../principals.ts"
import { Problem } from "../../problems.ts"
import type { RolloutRunner } from "../../rollouts/runner.ts"
import type { ServerSecret } from "../../server-secret.ts"
import type { BlobStore } from "../../store/blobs.ts"
import type { ActualRow, TokenRow } from "../../store/schema.ts"
import type { Store } from "../../store/store.ts"
import type { WebhookSender } from "../../webhooks/sender.ts"
import { Arriving } from "../arriving.ts"
import { Home } from "../home.ts"
import { Leaving } from "../leaving.ts"
import type { Message } from "../messages.ts"
import type { Phase, Plan, SessionStore } from "../store.ts"
import { readTicket, signTicket } from "../ticket.ts"
import { takeCommon } from "./common.ts"
import { type DeviceBody, DeviceSessions, toRecord } from "./device-sessions.ts"
import { FreezeTimes } from "./figures.ts"
import { exchange, LONG_MS, type Peer } from "./exchange.ts"
import { Link } from "./link.ts"
import { LogCopy } from "./log-copy.ts"
import { EventRelay } from "./relay.ts"
import { SharedSessions } from "./shared-sessions.ts"

const TICK_MS = 5
const OFFER_MS = 3_000
const RETRY_MS = 500
const PULL_MS = 5_000
const FREEZE_MS = 5_000
const TICKET_S = 60
const DEVICES_PER_PAGE = 500
/** Noted where both servers look, when they look at one database. */
const HANDOVER_ACTION = "server.handover"
export const PACE_PER_S = 100

const newServerId = (): string => `s${randomBytes(8).toString("hex")}`

export interface ServerHandoverOptions {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly held: HeldPolls
    readonly writer: ActualWriter
    readonly controller: Controller
    readonly runner: RolloutRunner
    readonly sender: WebhookSender
    readonly hub: EventHub
    readonly secret: ServerSecret
    readonly principals: Principals
    readonly log: Logger
    /** Where devices and the other server reach this one; known once it listens. */
    url(): string
    now(): number
}

export interface Progress {
    readonly handover: string | null
    readonly role: "current" | "next" | null
    readonly phase: Phase | null
    readonly to: string | null
    readonly devices: number
    readonly moved: number
    readonly unsettled: number
    readonly pacePerS: number | null
    readonly freeze: FreezeTimes["figures"]
    readonly linkFailures: number
}

interface Gate {
    readonly promise: Promise<void>
    open(): void
}

function closedGate(): Gate {
    let open = (): void => {}
    const promise = new Promise<void>(resolve => {
        open = resolve
    })
    return { promise, open }
}

function openGate(gate: Gate | null): null {
    gate?.open()
    return null
}

export class ServerHandover {
    readonly #options: ServerHandoverOptions
    readonly home: Home<DeviceBody>
    readonly #deviceSessions: DeviceSessions
    /** Where both servers have one database; else undefined. */
    readonly #shared: SharedSessions | undefined
    readonly #link: Link<Message<DeviceBody>>
    readonly #relay: EventRelay
    #logs: LogCopy | undefined
    #arriving: Arriving<DeviceBody> | undefined
    #leaving: Leaving<DeviceBody> | undefined
    #peer: Peer | null = null
    #plan: Plan | null = null
    #timer: NodeJS.Timeout | undefined
    #freezes = new FreezeTimes()
    readonly #arrived = new Set<string>()
    #ticks = 0
    /** Its session was made of what came, a moment before it is this server's. */
    #welcomed: string | null = null
    /** Operators' requests that came while everything rests. */
    #resting: Gate | null = null
    /** Operators' changes that are being made, and who waits for their end. */
    #changes = 0
    #unchanging: Gate | null = null
    /** Listeners that came to next before it has the events. */
    #arrival: Gate | null = null

    private constructor(options: ServerHandoverOptions, readonly id: string) {
        this.#options = options
        const { store, secret, log, now, held } = options
        const onError = (error: unknown): void => log.error({ err: error }, "handover")
        this.#deviceSessions = new DeviceSessions({
            store,
            me: id,
            other: () => this.#peer?.id ?? "?",
            unwrap: (device, wrapped) => secret.unwrap(device, wrapped)?.toString("hex") ?? null,
            wrap: (device, key) => secret.wrap(device, Buffer.from(key, "hex")),
            onInstalled: (device, body) => this.#welcome(device, body),
            onError,
        })
        this.#shared = store.kind === "sqlite" ? undefined : new SharedSessions(id, () => this.#peer?.id ?? "?")
        this.#link = new Link(() => this.#peer)
        this.#relay = new EventRelay(store, () => this.#peer)
        this.home = new Home<DeviceBody>({
            me: id,
            store: this.#sessionStore,
            shared: this.#shared !== undefined,
            timings: { retryMs: RETRY_MS, pullMs: PULL_MS, freezeMs: FREEZE_MS },
            now,
            send: message => this.#link.send(message),
            capture: (_device, done) => {
                this.#capture().then(() => done({ version: 0 }), onError)
            },
            onFreeze: device => {
                this.#freezes.begin(device, performance.now())
                held.offer(device, this.moveOf(device))
            },
            onOwner: (device, here) => {
                if (this.#welcomed === device) this.#welcomed = null
                else this.#dismiss(device)
                held.end(device, here ? null : this.#elsewhere())
            },
        })
    }

    static async open(options: ServerHandoverOptions): Promise<ServerHandover> {
        const { store } = options
        if (store.kind !== "sqlite") return new ServerHandover(options, newServerId())
        await store.write(repos => repos.handover.ensure())
        let id = await store.read.handover.note("server")
        if (id === undefined) {
            id = newServerId()
            await store.write(repos => repos.handover.setNote("server", id as string))
        }
        const made = new ServerHandover(options, id)
        const plan = await store.read.handover.note("plan")
        if (plan === undefined) return made
        made.#peer = JSON.parse((await store.read.handover.note("peer")) ?? "null")
        for (const row of await store.read.handover.owners()) made.home.load(row.session, toRecord(row))
        made.#resume(JSON.parse(plan))
        return made
    }

    /** Nothing to ask about: every request is served here. */
    get idle(): boolean {
        return this.#plan === null
    }

    get peer(): Peer | null {
        return this.#peer
    }

    get resting(): Promise<void> | null {
        return this.#resting?.promise ?? null
    }

    /** An operator's change is made here; returns what to call at its end, which a takeover waits for. */
    begun(): () => void {
        let isOver = false
        this.#changes++
        return () => {
            if (!isOver && --this.#changes === 0) this.#unchanging?.open()
            isOver = true
        }
    }

    /** At next: until it has current's events with their numbers. */
    get arrival(): Promise<void> | null {
        return this.#arrival?.promise ?? null
    }

    /** Operators, listeners and everything that is not a device's are next's now. */
    get isOver(): boolean {
        return this.#plan?.role === "current" && this.#plan.phase === "done"
    }

    isPeer(authorization: string | undefined): boolean {
        return this.#peer !== null && authorization === `Handover ${this.#peer.key}`
    }

    /** Whether the other server hands a request on to this one. */
    isHandedOn(hop: string | string[] | undefined): boolean {
        return hop !== undefined && hop === this.#peer?.key
    }

    /** The epoch of a ticket that a device shows, when it is one of this handover. */
    ticketEpoch(device: string, ticket: string | undefined): number | null {
        if (ticket === undefined || this.#plan === null) return null
        return readTicket(this.#plan.key, device, ticket, this.#options.now())?.epoch ?? null
    }

    /** A poll's answer for a device that was offered to the other server. */
    moveOf(device: string): string | null {
        const state = this.home.state(device)
        if (state.at !== "offered" && state.at !== "freezing") return null
        return this.#offer(device, state.epoch)
    }

    /** A poll's answer for a device that the other server has. */
    elsewhere(): string {
        return this.#elsewhere()
    }

    /** No device is between two servers: what is here is the whole fleet. */
    get isWhole(): boolean {
        const phase = this.#leaving?.phase ?? this.#plan?.phase ?? null
        return phase === null || phase === "aborted" || (phase === "done" && this.#plan?.role === "next")
    }

    get progress(): Progress {
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
            phase: this.#leaving?.phase ?? this.#plan?.phase ?? null,
            to: this.#peer?.url ?? null,
            devices,
            moved,
            unsettled: leaving?.unsettled ?? 0,
            pacePerS: leaving?.pacePerS ?? null,
            freeze: this.#freezes.figures,
            linkFailures: this.#link.failures,
        }
    }

    /** Begins to hand this server over. @throws Problem when one is under way, or next cannot take it */
    async begin(to: string, token: string, pacePerS: number): Promise<Progress> {
        const { store, now, url } = this.#options
        if (this.#plan !== null && this.#plan.phase !== "done" && this.#plan.phase !== "aborted") throw new Problem("HOV_API_HANDOVER_STATE", `a handover is under way (${this.#plan.phase})`)
        if (this.isOver) throw new Problem("HOV_API_HANDOVER_STATE", `this server was handed over to ${this.#peer?.url}`)
        const key = randomBytes(32).toString("base64url")
        const handover = newId("h", now())
        let nextId: string
        try {
            this.#peer = { id: "?", url: to, key }
            await store.write(async repos => {
                if (this.#shared === undefined) {
                    await repos.handover.ownRest(this.id)
                    await repos.handover.setNote("peer", JSON.stringify(this.#peer))
                } else await repos.audit.append({ atMs: now(), actor: this.id, role: "admin", action: HANDOVER_ACTION, subject: handover, detail: { to } })
            })
            nextId = JSON.parse((await exchange({ url: to, token }, "POST", "/api/v1/server/handover/accept", { handover, key, from: url(), id: this.id }, LONG_MS)).toString()).id
        } catch (error) {
            this.#peer = null
            throw new Problem("HOV_API_HANDOVER_NEXT", (error as Error).message)
        }
        this.#peer = { id: nextId, url: to, key }
        const plan: Plan = { handover, role: "current", key, phase: "preparing" }
        if (this.#shared === undefined)
            await store.write(async repos => {
                await repos.handover.setNote("peer", JSON.stringify(this.#peer))
                await repos.handover.setNote("plan", JSON.stringify(plan))
            })
        await this.#load(this.id)
        this.#resume(plan, pacePerS)
        return this.progress
    }

    /** Next's side of `begin`: takes what is not a device's before any device comes. */
    async accept(offer: { handover: string; key: string; from: string; id: string }): Promise<{ id: string }> {
        const { store, blobs } = this.#options
        if (this.#plan !== null && this.#plan.phase !== "done" && this.#plan.phase !== "aborted") throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: a handover is under way")
        const peer: Peer = { id: offer.id, url: offer.from, key: offer.key }
        const [noted] = await store.read.audit.list({ before: null, limit: 1, subject: offer.handover })
        if ((noted?.action === HANDOVER_ACTION) !== (this.#shared !== undefined))
            throw new Problem("HOV_API_HANDOVER_STATE", "this server cannot take over: it has neither a database of its own nor that of the other server")
        if (this.#shared !== undefined) {
            this.#peer = peer
            await this.#load(peer.id)
            this.#leaving = undefined
            this.#resume({ handover: offer.handover, role: "next", key: offer.key, phase: "moving" })
            return { id: this.id }
        }
        await takeCommon(peer, store, blobs, false)
        const plan: Plan = { handover: offer.handover, role: "next", key: offer.key, phase: "moving" }
        await store.write(async repos => {
            await repos.handover.ownRest(this.id)
            await repos.handoverLogs.clear()
            await repos.handover.setNote("peer", JSON.stringify(peer))
            await repos.handover.setNote("plan", JSON.stringify(plan))
        })
        this.#peer = peer
        await this.#load(peer.id)
        this.#leaving = undefined
        this.#resume(plan)
        return { id: this.id }
    }

    abort(): Progress {
        if (this.#leaving?.abort() !== true) throw new Problem("HOV_API_HANDOVER_STATE", "there is nothing to abort: hand over in the other direction")
        return this.progress
    }

    pace(perS: number): Progress {
        this.#leaving?.pace.set(perS)
        return this.progress
    }

    receive(messages: readonly Message<DeviceBody>[]): void {
        for (const message of messages) {
            if (!("session" in message)) {
                this.#leaving?.receive(message)
                this.#arriving?.receive(message)
                continue
            }
            if (message.kind === "moved") this.#freezes.end(message.session, performance.now())
            this.home.receive(message)
        }
    }

    /** A device that was added while a handover is under way is this server's. */
    async adopt(device: string): Promise<void> {
        if (this.idle || this.home.state(device).at !== "absent") return
        const { store } = this.#options
        if (this.#shared !== undefined) {
            if (this.#plan?.role === "current" && (await store.read.devices.get(device)) !== undefined && this.home.state(device).at === "absent") this.home.load(device, this.#shared.own(device, this.id))
            return
        }
        await store.write(repos => repos.handover.ownRest(this.id))
        const row = await store.read.handover.owner(device)
        if (row !== undefined && this.home.state(device).at === "absent") this.home.load(device, toRecord(row))
    }

    /** After a start in the midst of a handover: what happens by itself may be the other server's. */
    settleRoles(): void {
        // With one database it is the business of whoever leads.
        if (this.#plan === null || this.#shared !== undefined) return
        const { runner, sender, controller } = this.#options
        const { role, phase } = this.#plan
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

    close(): void {
        clearInterval(this.#timer)
        this.#logs?.stop()
        this.#relay.close()
        this.#link.close()
        this.#deviceSessions.close()
    }

    get #sessionStore(): SessionStore<DeviceBody> {
        return this.#shared ?? this.#deviceSessions
    }

    /** The sessions as the store has them; with one database all are the giver's, and the other server starts with none. */
    async #load(giver: string): Promise<void> {
        const { store } = this.#options
        if (this.#shared === undefined) {
            for (const row of await store.read.handover.owners()) this.home.load(row.session, toRecord(row))
            return
        }
        for (const [id] of [...this.home.sessions()]) this.home.forget(id)
        this.#shared.clear()
        for (let after: string | null = null; giver === this.id; ) {
            const page = await store.read.devices.list({ after, limit: DEVICES_PER_PAGE })
            for (const { id } of page) this.home.load(id, this.#shared.own(id, giver))
            if (page.length < DEVICES_PER_PAGE) return
            after = page[page.length - 1].id
        }
    }

    #resume(plan: Plan, pacePerS = PACE_PER_S): void {
        const { store, runner, log } = this.#options
        this.#plan = plan
        this.#freezes = new FreezeTimes()
        this.#hurry(plan.phase)
        const onPhase = (phase: Phase): void => {
            log.info({ handover: plan.handover, role: plan.role, phase }, "handover")
            if (this.#plan !== null) this.#plan = { ...this.#plan, phase }
            this.#hurry(phase)
            if (phase === "moving" && this.#shared === undefined) runner.stop()
            if (phase === "finishing") this.#options.hub.tell("server.move", { to: this.#peer?.url })
            if (phase === "done" && plan.role === "current") {
                this.#options.hub.tell("server.go", { to: this.#peer?.url })
                this.#options.hub.dropListeners()
                this.#resting = openGate(this.#resting)
            }
            if (phase === "aborted" && plan.role === "current" && this.#shared === undefined) runner.start()
            if (phase === "aborted") this.#logs?.stop()
            if (phase === "done" || phase === "aborted") this.#arrival = openGate(this.#arrival)
            this.#relay.on = this.#shared === undefined && plan.role === "next" && (phase === "moving" || phase === "aborted")
        }
        if (plan.role === "next") {
            this.#arriving = new Arriving<DeviceBody>({
                home: this.home,
                store: this.#sessionStore,
                plan,
                send: message => this.#link.send(message),
                refusal: () => null,
                takeOver: done => void this.#takeOver().then(done, error => log.error({ err: error }, "handover: taking over failed; current says it again")),
                onPhase,
            })
            this.#logs?.stop()
            this.#logs = undefined
            if (plan.phase === "moving" && this.#shared === undefined) {
                this.#arrival ??= closedGate()
                this.#logs = new LogCopy(store, this.#peer as Peer, error => log.warn({ err: error }, "handover: copying the logs"))
                this.#logs.start()
                this.#relay.on = true
                void this.#relay.flush()
            }
        } else {
            this.#arriving = undefined
            this.#leaving = new Leaving<DeviceBody>({
                ...plan,
                home: this.home,
                store: this.#sessionStore,
                offersPerS: pacePerS,
                offerMs: OFFER_MS,
                retryMs: RETRY_MS,
                roundsMax: 1,
                sessionsPerCopy: 64,
                dirtyMax: 0,
                now: this.#options.now,
                send: message => this.#link.send(message),
                // A device is a few kilobytes: the rest that is sent at the freeze is all of it.
                snapshot: () => undefined,
                tellClient: (device, epoch) => this.#options.held.offer(device, this.#offer(device, epoch)),
                isConnected: device => this.#options.sessions.isKnown(device),
                rest: (resting, done) => this.#rest(resting, done),
                onPhase,
            })
        }
        this.settleRoles()
        this.#timer ??= setInterval(() => {
            // The controller looks at what arrived when there is time: no device waits for that.
            if (this.#arrived.size > 0 && ++this.#ticks % 40 === 0) {
                this.#options.controller.look(this.#arrived)
                this.#arrived.clear()
            }
            this.home.tick()
            this.#leaving?.tick()
        }, TICK_MS)
    }

    #hurry(phase: Phase): void {
        const { store, log } = this.#options
        store.hurry?.(phase !== "done" && phase !== "aborted").catch(error => log.warn({ err: error }, "handover: the store's own thread"))
    }

    #rest(resting: boolean, done: () => void): void {
        const { store, sender, controller, writer, log } = this.#options
        const rest = async (): Promise<void> => {
            if (this.#shared !== undefined) {
                await store.resign?.()
                await writer.flush()
                return done()
            }
            // Who is told by a webhook may take his time: operators are served meanwhile.
            await sender.rest()
            if (resting) this.#resting ??= closedGate()
            controller.stop()
            if (this.#changes > 0) await (this.#unchanging = closedGate()).promise
            await writer.flush()
            done()
        }
        rest().catch(error => log.error({ err: error }, "handover"))
    }

    async #takeOver(): Promise<void> {
        if (this.#shared !== undefined) return
        const { store, blobs, hub, runner, sender } = this.#options
        const peer = this.#peer as Peer
        await this.#relay.flush()
        this.#relay.on = false
        await takeCommon(peer, store, blobs, true)
        this.#logs ??= new LogCopy(store, peer, error => this.#options.log.warn({ err: error }, "handover: copying the logs"))
        await this.#logs.finish(hub)
        runner.start()
        sender.start()
    }

    /** What polls reported is written; the rows are read in the transaction that lets go of them. */
    async #capture(): Promise<void> {
        await this.#options.writer.settle()
    }

    /** What is remembered of the device is not what the store has. */
    #dismiss(device: string): void {
        const session = this.#options.sessions.drop(device)
        if (session !== undefined) this.#options.writer.forget(session)
    }

    /** Who waits for this device needs no query; and what there is to do for it is done when there is time. */
    #welcome(device: string, { rows, sealKey }: DeviceBody): void {
        this.#dismiss(device)
        this.#welcomed = device
        const { sessions, principals } = this.#options
        const isOpen = rows.commands?.some(({ finishedAtMs }) => finishedAtMs === null)
        if (isOpen || rows.desired !== undefined) this.#arrived.add(device)
        const tokens = (rows.tokens ?? []) as unknown as TokenRow[]
        if (!this.home.isAwaited(device) || isOpen || tokens.some(({ pending }) => Number(pending) !== 0)) return
        sessions.adopt(device, rows.actual?.[0] as unknown as ActualRow | undefined, sealKey === null ? null : Buffer.from(sealKey, "hex"))
        for (const token of tokens) principals.learn(token)
    }

    #offer(device: string, epoch: number): string {
        const { key } = this.#plan as Plan
        const ticket = signTicket(key, device, { epoch, untilS: Math.ceil(this.#options.now() / 1000) + TICKET_S })
        return JSON.stringify({ move: `${this.#peer?.url}/~${ticket}` })
    }

    #elsewhere(): string {
        return JSON.stringify({ move: this.#peer?.url })
    }
}
