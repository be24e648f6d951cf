/** A session server of the simulation: the real protocol over a simulated disk and network. */
import { Arriving } from "../../cloud/handover/arriving.ts"
import type { Admission } from "../../cloud/handover/home.ts"
import { Home } from "../../cloud/handover/home.ts"
import { type Copy, Leaving } from "../../cloud/handover/leaving.ts"
import type { HandoverMessage, Message, SessionMessage, Snapshot } from "../../cloud/handover/messages.ts"
import { readTicket, signTicket } from "../../cloud/handover/ticket.ts"
import type { Connection, DeviceBody } from "./disk.ts"
import type { Mutation } from "./mutations.ts"
import { restSince, SimulatedCopies } from "./rests.ts"
import type { World } from "./world.ts"

export interface Request {
    readonly id: number
    readonly device: string
    readonly kind: "poll" | "status" | "command"
    /** poll: the last command applied; else the number of the status or command. */
    readonly n: number
    readonly holdMs: number
    readonly ticket: string | null
}

export interface Answer {
    readonly id: number
    readonly ok: boolean
    readonly command?: number
    /** Go there from now on. */
    readonly move?: { readonly to: string; readonly ticket: string | null }
}

export type Packet =
    | { readonly kind: "protocol"; readonly message: Message<DeviceBody> }
    | { readonly kind: "forward"; readonly request: Request; readonly reply: (answer: Answer) => void }

export interface ServerOptions {
    readonly world: World
    readonly name: string
    readonly other: string
    readonly store: Connection
    readonly shared: boolean
    readonly pacePerS: number
    readonly mutation: Mutation | null
    /** To the other server's process, if there is one. */
    send(packet: Packet): void
}

const TICK_MS = 20
const READ_MAX_MS = 3
const COPIES_PER_S = 1_000
const TICKET_S = 10

interface Held {
    readonly request: Request
    readonly reply: (answer: Answer) => void
    done: boolean
}

export class Server {
    readonly #options: ServerOptions
    readonly home: Home<DeviceBody>
    leaving: Leaving<DeviceBody> | undefined
    readonly #arriving: Arriving<DeviceBody>
    readonly #held = new Map<string, Held>()
    #alive = true

    constructor(options: ServerOptions) {
        this.#options = options
        const { world, name, store, shared } = options
        this.home = new Home<DeviceBody>({
            me: name,
            store,
            shared,
            now: () => world.nowMs,
            send: message => this.#send(message),
            capture: (session, done) => {
                const snapshot = store.read(session)?.snapshot
                if (snapshot != null) done(snapshot)
            },
            onOwner: (session, here) => {
                if (!here) this.#end(session, this.#elsewhere())
            },
            copies: new SimulatedCopies(options.mutation),
            rest: (session, have, snapshot) => restSince(this.#copied.get(session), have, snapshot),
        })
        for (const [session, record] of store.all()) if (!shared || record.owner === name || store.plan !== null) this.home.load(session, record)
        const { plan } = store
        this.#arriving = new Arriving<DeviceBody>({
            home: this.home,
            store,
            plan: plan?.role === "next" ? plan : null,
            send: message => this.#send(message),
            refusal: () => null,
            takeOver: done => done(),
            onPhase: phase => world.note({ what: "phase", server: name, phase }),
        })
        if (plan?.role === "current") this.#leave(plan)
        this.#tick()
    }

    die(): void {
        this.#alive = false
        this.#options.store.cut()
    }

    startHandover(): void {
        if (this.leaving !== undefined) return
        const plan = { handover: "h1", key: "key", role: "current", phase: "preparing" } as const
        this.#options.store.savePlan(plan, () => this.#leave(plan))
    }

    /** Next ends it without current's word, while no session has come. */
    giveUp(): boolean {
        const { store, name } = this.#options
        for (const [session, { at }] of this.home.sessions()) if (at === "installing" || store.read(session)?.owner === name) return false
        return this.#arriving.abort(() => {})
    }

    receive(packet: Packet): void {
        if (!this.#alive) return
        if (packet.kind === "forward") return this.request(packet.request, packet.reply, true)
        const { message } = packet
        if ("session" in message) {
            if (this.#options.mutation === "install-twice" && message.kind === "state" && message.snapshot.body !== undefined && this.home.state(message.session).at === "serving") this.#options.store.install(message.session, message.epoch, message.snapshot, () => {})
            if (this.#options.mutation === "copy-is-enough" && message.kind === "state") this.home.receive(this.#staleState(message))
            else this.home.receive(message)
        } else {
            if (message.kind === "copy" && this.#options.mutation === "copy-is-enough") for (const copy of message.copies) if (!this.#firstCopies.has(copy.session)) this.#firstCopies.set(copy.session, copy.snapshot)
            this.leaving?.receive(message)
            this.#arriving.receive(message)
        }
    }

    request(request: Request, reply: (answer: Answer) => void, forwarded = false): void {
        if (!this.#alive) return
        const { world, name } = this.#options
        const key = this.#arriving.key
        const ticket = request.ticket === null || key === null ? null : readTicket(key, request.device, request.ticket, world.nowMs)
        const comes = !forwarded && request.kind !== "command"
        this.home.enter(request.device, comes ? { epoch: ticket?.epoch ?? null } : null, admission => {
            if (!this.#alive) return
            switch (admission.kind) {
                case "back":
                    return reply({ id: request.id, ok: false, ...(forwarded ? {} : { move: { to: this.#options.other, ticket: null } }) })
                case "there":
                    if (forwarded) return reply({ id: request.id, ok: false })
                    if (request.kind === "poll") return reply({ id: request.id, ok: false, ...this.#elsewhere() })
                    // The other server answers; this one hands its answer on, and says where it came from.
                    return this.#options.send({
                        kind: "forward",
                        request,
                        reply: answer => {
                            if (this.#alive) reply({ ...answer, ...(answer.ok && comes ? this.#elsewhere() : {}) })
                        },
                    })
                case "here":
                    world.note({ what: "handled", device: request.device, server: name, epoch: admission.epoch })
                    return this.#handle(request, admission, answer => reply({ ...answer, ...this.#offerOf(request) }))
            }
        })
    }

    #handle(request: Request, admission: Extract<Admission, { kind: "here" }>, reply: (answer: Answer) => void): void {
        const { store, mutation } = this.#options
        const { device, n, id } = request
        if (mutation === "no-freeze") admission.leave()
        const finish = (ok: boolean, more: object = {}): void => {
            if (!this.#alive) return
            admission.leave()
            reply({ id, ok, ...more })
            if (ok && request.kind === "command") this.#wake(device)
        }
        switch (request.kind) {
            case "status": {
                if (mutation === "acknowledge-early") finish(true)
                const add = (list: readonly number[]): readonly number[] => (n <= (list.at(-1) ?? 0) ? list : [...list, n])
                return store.write(device, admission.epoch, body => ({ ...body, statuses: add(body.statuses) }), ok => mutation !== "acknowledge-early" && finish(ok))
            }
            case "command": {
                const add = (list: readonly number[]): readonly number[] => (n <= (list.at(-1) ?? 0) ? list : [...list, n])
                return store.write(device, admission.epoch, body => ({ ...body, commands: add(body.commands) }), finish)
            }
            case "poll": {
                const body = store.read(device)?.snapshot?.body
                if (body !== undefined && n > body.taken)
                    return store.write(device, admission.epoch, before => ({ ...before, taken: Math.max(before.taken, n) }), ok => (ok ? this.#answerPoll(request, admission, reply) : finish(false)))
                return this.#answerPoll(request, admission, reply)
            }
        }
    }

    #answerPoll(request: Request, admission: Extract<Admission, { kind: "here" }>, reply: (answer: Answer) => void): void {
        if (!this.#alive) return
        admission.leave()
        const { device, id } = request
        this.#end(device, {})
        const command = this.#next(device)
        if (command !== undefined || request.holdMs === 0 || this.home.state(device).at === "offered") return reply({ id, ok: true, command })
        const held: Held = { request, reply, done: false }
        this.#held.set(device, held)
        this.#options.world.after(request.holdMs, () => {
            if (this.#alive && this.#held.get(device) === held) this.#end(device, {})
        })
    }

    #next(device: string): number | undefined {
        const body = this.#options.store.read(device)?.snapshot?.body
        const state = this.home.state(device).at
        if (state !== "serving" && state !== "offered") return undefined
        return body?.commands.find(n => n > body.taken)
    }

    #wake(device: string): void {
        const command = this.#next(device)
        if (command !== undefined) this.#end(device, { command })
    }

    /** Ends a held poll. */
    #end(device: string, more: Partial<Answer>): void {
        const held = this.#held.get(device)
        if (held === undefined) return
        this.#held.delete(device)
        held.reply({ id: held.request.id, ok: true, ...more })
    }

    #elsewhere(): { move: { to: string; ticket: string | null } } {
        return { move: { to: this.#options.other, ticket: null } }
    }

    #offerOf(request: Request): Partial<Answer> {
        const state = this.home.state(request.device)
        if (state.at !== "offered" || request.kind === "command") return {}
        return { move: { to: this.#options.other, ticket: this.#ticket(request.device, state.epoch) } }
    }

    #ticket(device: string, epoch: number): string {
        return signTicket("key", device, { epoch, untilS: Math.ceil(this.#options.world.nowMs / 1000) + TICKET_S })
    }

    #leave(plan: { handover: string; key: string; phase: any }): void {
        if (this.leaving !== undefined || !this.#alive) return
        const { world, name, store, pacePerS } = this.#options
        this.leaving = new Leaving<DeviceBody>({
            ...plan,
            home: this.home,
            store,
            offersPerS: pacePerS,
            offerMs: 800,
            retryMs: 80,
            copying: {
                roundsMax: 4,
                sessionsPerCopy: 2,
                dirtyMax: 1,
                perS: () => COPIES_PER_S,
                read: (sessions, done) => world.after(world.random.next() * READ_MAX_MS, () => this.#alive && done(this.#copiesOf(sessions))),
                changed: copied => [...this.home.sessions()].filter(([session, { at }]) => at !== "given" && copied.get(session) !== store.read(session)?.snapshot?.version).map(([session]) => session),
            },
            now: () => world.nowMs,
            send: message => this.#send(message),
            tellClient: (device, epoch) => this.#end(device, { move: { to: this.#options.other, ticket: this.#ticket(device, epoch) } }),
            isConnected: () => true,
            mayOffer: () => true,
            rest: done => done(),
            onPhase: phase => world.note({ what: "phase", server: name, phase }),
        })
    }

    readonly #copied = new Map<string, Snapshot<DeviceBody>>()
    #copiesOf(sessions: readonly string[]): readonly Copy<DeviceBody>[] {
        const copies = sessions.flatMap(session => {
            const snapshot = this.#options.store.read(session)?.snapshot
            return snapshot == null ? [] : [{ session, snapshot }]
        })
        for (const { session, snapshot } of copies) this.#copied.set(session, snapshot)
        return copies
    }

    readonly #firstCopies = new Map<string, { version: number; body?: DeviceBody }>()
    #staleState(message: Extract<SessionMessage<DeviceBody>, { kind: "state" }>): SessionMessage<DeviceBody> {
        const copy = this.#firstCopies.get(message.session)
        return copy === undefined ? message : { ...message, snapshot: copy }
    }

    #send(message: SessionMessage<DeviceBody> | HandoverMessage<DeviceBody>): void {
        if (this.#alive) this.#options.send({ kind: "protocol", message })
    }

    #tick(): void {
        if (!this.#alive) return
        this.home.tick()
        this.leaving?.tick()
        this.#options.world.after(TICK_MS, () => this.#tick())
    }
}
