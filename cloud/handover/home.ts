/**
 * The sessions of one server: runs the state machine of each, does its effects, and
 * tells a request where it may be handled. Everything outside is passed in.
 */
import { type Copies, WholeCopies } from "./copies.ts"
import { stepCurrent } from "./current.ts"
import type { SessionMessage, SessionName, Snapshot } from "./messages.ts"
import { stepNext } from "./next.ts"
import type { Effect, SessionContext, SessionEvent, SessionRecord, SessionState, SessionTimings, Step } from "./session.ts"
import { ABSENT, fromRecord, isRestless, SESSION_TIMINGS } from "./session.ts"
import type { SessionStore } from "./store.ts"

export type Admission =
    /** Handle it here, write with this epoch, and call `leave` at the end. */
    | { readonly kind: "here"; readonly epoch: number; readonly since: number | null; leave(): void }
    /** The other server has the session. */
    | { readonly kind: "there" }
    /** It could not be had: the client should go where it came from. */
    | { readonly kind: "back" }

export interface HomePorts<B> {
    readonly me: string
    readonly store: SessionStore<B>
    readonly shared: boolean
    readonly timings?: SessionTimings
    /** What is kept of the other server's sessions before they come. */
    readonly copies?: Copies<B>
    now(): number
    /** To the other server; may be lost. */
    send(message: SessionMessage<B>): void
    /** What the session is now, with no handler running. */
    capture(session: SessionName, done: (snapshot: Snapshot<B>) => void): void
    /** The session is here (or not here any more): load it, or end what waits for its client. */
    onOwner?(session: SessionName, here: boolean): void
    onFreeze?(session: SessionName, sinceMs: number): void
    /** What has changed since the version that the other server has; undefined: it is sent all. */
    rest?(session: SessionName, have: number, snapshot: Snapshot<B>): Snapshot<B> | undefined
}

type Waiter = (admission: Admission) => void

export class Home<B> {
    readonly #ports: HomePorts<B>
    readonly #states = new Map<SessionName, SessionState<B>>()
    /** Sessions whose state waits for the clock. */
    readonly #restless = new Set<SessionName>()
    readonly #running = new Map<SessionName, number>()
    readonly #waiting = new Map<SessionName, Waiter[]>()
    readonly #copies: Copies<B>
    /** The epoch at which a session came here; those that were here from the beginning have none. */
    readonly #since = new Map<SessionName, number>()
    /** Sessions are given to the other server when it asks. */
    giving = false
    /** The other server may have sessions that this one lacks. */
    taking = false
    /** No session is taken: this server has given the handover up. */
    refusing = false

    constructor(ports: HomePorts<B>) {
        this.#ports = ports
        this.#copies = ports.copies ?? new WholeCopies()
    }

    /** What the store has, after a start or for a new session. */
    load(session: SessionName, record: SessionRecord<B> | undefined): void {
        this.#set(session, fromRecord(record, this.#ports.me))
    }

    /** The store has made it this server's by now, without a word of the other one. */
    arrive(session: SessionName, record: SessionRecord<B>): void {
        this.load(session, record)
        if (record.owner === this.#ports.me) this.#since.set(session, record.epoch)
    }

    state(session: SessionName): SessionState<B> {
        return this.#states.get(session) ?? ABSENT
    }

    isHere(session: SessionName): boolean {
        return isHere(this.state(session))
    }

    /** The epoch at which the session came here, null when it was here from the beginning; undefined: it is not here. */
    since(session: SessionName): number | null | undefined {
        return isHere(this.state(session)) ? (this.#since.get(session) ?? null) : undefined
    }

    *sessions(): IterableIterator<readonly [SessionName, SessionState<B>]> {
        yield* this.#states
    }

    /** Somebody waits to be let in. */
    isAwaited(session: SessionName): boolean {
        return this.#waiting.has(session)
    }

    forget(session: SessionName): void {
        this.#states.delete(session)
        this.#restless.delete(session)
    }

    /** What is known of all sessions is out of date; who waits for one is told to go where he came from. */
    reset(): void {
        this.giving = false
        this.taking = false
        this.refusing = false
        for (const session of [...this.#states.keys()]) this.forget(session)
        for (const session of [...this.#waiting.keys()]) this.#resolve(session, true)
    }

    /** The store knows better whose the session is: it refused a write. */
    look(session: SessionName): void {
        this.#do(session, { kind: "look" })
    }

    offer(session: SessionName, untilMs: number): void {
        this.#event(session, { kind: "offer", untilMs })
    }

    withdraw(session: SessionName): void {
        this.#event(session, { kind: "withdraw" })
    }

    /** Asks the other server for the session; `recall`: until it comes. */
    pull(session: SessionName, epoch: number | null, recall: boolean): void {
        this.#event(session, { kind: "attach", epoch, recall, have: this.#copies.version(session) })
    }

    keepCopy(session: SessionName, snapshot: Snapshot<B>): boolean {
        return this.#copies.keep(session, snapshot)
    }

    dropCopies(): void {
        this.#copies.clear()
    }

    receive(message: SessionMessage<B>): void {
        // One that is here already is answered.
        if (this.refusing && message.kind === "state" && !isHere(this.state(message.session))) return
        const isPart = message.kind === "state" && message.snapshot.body === undefined && !isHere(this.state(message.session))
        this.#event(message.session, { kind: "message", message: isPart ? this.#completed(message) : message })
    }

    /** A copy that does not fit is of no more use: all of it is asked for. */
    #completed(message: Extract<SessionMessage<B>, { kind: "state" }>): SessionMessage<B> {
        const { session, snapshot } = message
        const body = this.#copies.complete(session, snapshot)
        if (body === undefined) this.#copies.drop(session)
        return { ...message, snapshot: { version: snapshot.version, body } }
    }

    tick(): void {
        for (const session of [...this.#restless]) this.#event(session, { kind: "tick" })
    }

    /** Takes a handler's place at once if the session is here and nothing is in its way. */
    tryEnter(session: SessionName): Extract<Admission, { kind: "here" }> | undefined {
        const state = this.state(session)
        return state.at === "serving" || state.at === "offered" ? this.#admit(session, state.epoch) : undefined
    }

    /**
     * Answers when it is known where a request belongs. A client that was sent here
     * (`attach`) makes this server ask for its session; anything else does not.
     */
    enter(session: SessionName, attach: { readonly epoch: number | null } | null, then: Waiter): void {
        const state = this.state(session)
        switch (state.at) {
            case "serving":
            case "offered":
                return then(this.#admit(session, state.epoch))
            case "given":
                // A ticket of the epoch that was given away: its owner offers it back.
                if (attach?.epoch == null || attach.epoch < state.epoch || !this.taking) return then({ kind: "there" })
                break
            case "absent":
                if (attach === null || !this.taking) return then({ kind: this.taking ? "there" : "back" })
        }
        // A session that was given is forwarded while it is asked back for.
        if (state.at === "pulling" && state.recall && state.given?.kept === null) return then({ kind: "there" })
        const waiting = this.#waiting.get(session)
        if (waiting === undefined) this.#waiting.set(session, [then])
        else waiting.push(then)
        if (attach !== null && (state.at === "absent" || state.at === "given" || state.at === "pulling")) this.pull(session, attach.epoch, false)
    }

    #admit(session: SessionName, epoch: number): Extract<Admission, { kind: "here" }> {
        this.#running.set(session, (this.#running.get(session) ?? 0) + 1)
        let left = false
        return {
            kind: "here",
            epoch,
            since: this.#since.get(session) ?? null,
            leave: () => {
                if (left) return
                left = true
                const running = (this.#running.get(session) ?? 1) - 1
                if (running > 0) this.#running.set(session, running)
                else this.#running.delete(session)
                if (running === 0 && this.state(session).at === "freezing") this.#capture(session)
            },
        }
    }

    #event(session: SessionName, event: SessionEvent<B>): void {
        const before = this.state(session)
        const [state, effects] = this.#step(before, event, session)
        this.#set(session, state)
        const here = isHere(state)
        if (here !== isHere(before)) {
            if (here && "epoch" in state && state.epoch !== null) this.#since.set(session, state.epoch)
            else this.#since.delete(session)
            this.#ports.onOwner?.(session, here)
        }
        for (const effect of effects) this.#do(session, effect)
    }

    #step(state: SessionState<B>, event: SessionEvent<B>, session: SessionName): Step<B> {
        const { shared, timings = SESSION_TIMINGS } = this.#ports
        const context: SessionContext = { nowMs: this.#ports.now(), timings, shared, session, giving: this.giving }
        switch (state.at) {
            case "absent":
            case "pulling":
            case "installing":
            case "fencing":
            case "retaking":
                return stepNext(state, event, context)
            case "given": {
                const taking = event.kind === "attach" || event.kind === "seized" || (event.kind === "message" && event.message.kind === "state" && event.message.epoch > state.epoch)
                return taking ? stepNext(state, event, context) : stepCurrent(state, event, context)
            }
            default:
                return stepCurrent(state, event, context)
        }
    }

    #set(session: SessionName, state: SessionState<B>): void {
        if (state.at === "absent") this.#states.delete(session)
        else this.#states.set(session, state)
        if (isRestless(state)) this.#restless.add(session)
        else this.#restless.delete(session)
    }

    #do(session: SessionName, effect: Effect<B>): void {
        const { store, send, me } = this.#ports
        const told = (event: SessionEvent<B>) => (stale: SessionRecord<B> | undefined | null, kept?: Snapshot<B>) =>
            this.#event(session, stale !== null ? { kind: "stale", now: fromRecord(stale, me) } : event.kind === "released" && kept !== undefined ? { ...event, snapshot: kept } : event)
        switch (effect.kind) {
            case "send":
                return send(effect.have == null ? effect.message : this.#lessThan(effect.message, effect.have))
            case "freeze":
                this.#ports.onFreeze?.(session, this.#ports.now())
                if (!this.#running.has(session)) this.#capture(session)
                return
            case "release":
                return store.release(session, effect.epoch, effect.snapshot, told({ kind: "released", snapshot: effect.snapshot }))
            case "install":
                this.#copies.drop(session)
                return store.install(session, effect.epoch, effect.snapshot, told({ kind: "installed" }))
            case "bump":
                return store.bump(session, effect.epoch, told({ kind: "bumped" }))
            case "fence":
                return store.fence(session, effect.epoch, told({ kind: "fenced" }))
            case "retake":
                return store.retake(session, effect.epoch, effect.snapshot, told({ kind: "retaken" }))
            case "seize":
                return store.seize(session, record => {
                    if (record?.owner === me) this.#event(session, { kind: "seized", epoch: record.epoch })
                })
            case "look":
                return store.look(session, record => {
                    const state = this.state(session)
                    if (record !== undefined && "epoch" in state && state.epoch !== null && record.epoch > state.epoch) this.#event(session, { kind: "stale", now: fromRecord(record, me) })
                })
            case "settle":
                return store.settle(session, effect.epoch)
            case "resolved":
            case "sendBack":
                return this.#resolve(session, effect.kind === "sendBack")
        }
    }

    /** Without what the other server has already. */
    #lessThan(message: SessionMessage<B>, have: number): SessionMessage<B> {
        if (message.kind !== "state" || message.snapshot.body === undefined) return message
        return { ...message, snapshot: this.#ports.rest?.(message.session, have, message.snapshot) ?? message.snapshot }
    }

    #capture(session: SessionName): void {
        const frozen = this.state(session)
        this.#ports.capture(session, snapshot => {
            // A freeze that was given up meanwhile, and perhaps begun again, has its own capture.
            if (this.state(session) === frozen) this.#event(session, { kind: "quiet", snapshot })
        })
    }

    #resolve(session: SessionName, back: boolean): void {
        const waiting = this.#waiting.get(session)
        if (waiting === undefined) return
        this.#waiting.delete(session)
        for (const then of waiting) {
            if (back && !isHere(this.state(session))) then({ kind: "back" })
            else this.enter(session, null, then)
        }
    }
}

const isHere = (state: SessionState<unknown>): boolean =>
    state.at === "serving" || state.at === "offered" || state.at === "bumping" || state.at === "freezing" || state.at === "releasing"
