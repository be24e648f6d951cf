/**
 * Current's plan of a handover: prepare, copy while serving, offer session by session,
 * and hand over the rest last.
 *
 * ```
 *  preparing ─READY─▶ copying ─little is dirty─▶ moving ─all given─▶ finishing ─FINISHED─▶ done
 *      └────────────────┴───────── abort ──────────┘
 *                                    ▼
 *                                 aborting ─everything back─▶ aborted
 * ```
 * A next that has given it up says ABORTED, whatever it is told: then current aborts too.
 * Killed in any phase, it goes on from the plan in the store; what was copied is copied
 * again, what was given stays given. After `finishing` there is no way back but a
 * handover in the other direction.
 */
import type { Home } from "./home.ts"
import type { HandoverMessage, SessionName, Snapshot } from "./messages.ts"
import { Pace } from "./pace.ts"
import type { Phase, SessionStore } from "./store.ts"

export interface Copy<B> {
    readonly session: SessionName
    readonly snapshot: Snapshot<B>
}

/** How sessions are copied while they are served, in rounds. */
export interface Copying<B> {
    readonly roundsMax: number
    readonly sessionsPerCopy: number
    /** It ends when at most this many sessions changed since their copy. */
    readonly dirtyMax: number
    /** Sessions in a second, where so many are offered: clients come first. */
    perS(offersPerS: number): number
    /**
     * Sessions' bodies as they are now. What cannot be read is left out: then it is sent when it is frozen. `unread`: those that
     * would make the message too long; they are asked for again.
     */
    read(sessions: readonly SessionName[], done: (copies: readonly Copy<B>[], unread?: readonly SessionName[]) => void): void
    /** Next has no copy of it. */
    forget?(session: SessionName): void
    /** Sessions that may have changed since they were read; `copied`: the versions that next has. */
    changed(copied: ReadonlyMap<SessionName, number>): readonly SessionName[]
}

export interface LeavingOptions<B> {
    readonly handover: string
    readonly key: string
    readonly phase: Phase
    readonly home: Home<B>
    readonly store: SessionStore<B>
    readonly offersPerS: number
    /** A client that does not come within this is gone: its session is given without waiting for it. */
    readonly offerMs: number
    readonly retryMs: number
    /** Everything is back, and next does not say so: after this it is aborted without its word, where the store alone says whose a session is. */
    readonly abortAloneMs?: number
    /** Without it sessions are sent whole when they are frozen. */
    readonly copying?: Copying<B>
    now(): number
    send(message: HandoverMessage<B>): void
    /** Tells the client, now or with its next answer, to go to next. */
    tellClient(session: SessionName, epoch: number): void
    /** Sessions whose client is not there are given without waiting for it, when all others are. */
    isConnected(session: SessionName): boolean
    /** Whether next can be reached: nobody is sent to a server that does not answer. */
    mayOffer(): boolean
    /** Everything that is not a session's rests from here on, until next has it. */
    rest(done: () => void): void
    onPhase?(phase: Phase): void
}

const LOOKS_PER_RETRY = 8
/** A part that was said so often, each time after a longer pause, does not get through: copies spare time, and nothing depends on them. */
const COPY_TRIES_MAX = 6

export class Leaving<B> {
    readonly #options: LeavingOptions<B>
    readonly pace: Pace
    readonly #copyPace: Pace
    #phase: Phase
    #saving = false
    #sayAtMs = 0
    #round = 0
    #part = 0
    /** What is on its way to next; one part at a time. */
    #copying: { readonly part: number; readonly copies: readonly Copy<B>[] } | undefined
    #copyTries = 0
    #isReading = false
    #toCopy: SessionName[] = []
    readonly #copied = new Map<SessionName, number>()
    /** Sessions whose clients were told to go. */
    readonly #told = new Set<SessionName>()
    #rested = false
    #toMove: SessionName[] = []
    #lookAtMs = 0
    #backAtMs: number | null = null

    constructor(options: LeavingOptions<B>) {
        this.#options = options
        this.pace = new Pace(options.offersPerS, options.now())
        this.#copyPace = new Pace(options.offersPerS, options.now())
        this.#phase = options.phase
        options.home.giving = this.#phase === "moving" || this.#phase === "finishing" || this.#phase === "done"
        options.home.taking = true
        options.home.refusing = false
        // Next may have been started anew as well: it is told again what this is about.
        if (this.#phase === "copying") this.#phase = "preparing"
        if (this.#phase === "finishing") this.#rest()
    }

    get phase(): Phase {
        return this.#phase
    }

    get progress() {
        let here = 0
        let given = 0
        let unsettled = 0
        for (const [, state] of this.#options.home.sessions()) {
            if (state.at !== "given") here++
            else {
                given++
                if (state.kept !== null) unsettled++
            }
        }
        return { phase: this.#phase, round: this.#round, copied: this.#copied.size, here, given, unsettled, pacePerS: this.pace.perS }
    }

    /** False when it is too late: next has taken over. */
    abort(): boolean {
        if (this.#phase === "aborting" || this.#phase === "aborted") return true
        if (this.#phase === "finishing" || this.#phase === "done") return false
        this.#go("aborting")
        return true
    }

    receive(message: HandoverMessage<B>): void {
        if (message.handover !== this.#options.handover) return
        switch (message.kind) {
            case "ready":
                if (this.#phase === "preparing") this.#go("copying")
                return
            case "copied":
                if (this.#phase !== "copying" || this.#copying?.part !== message.part) return
                return this.#wereCopied(this.#copying.copies, message.kept)
            case "finished":
                if (this.#phase === "finishing") this.#go("done")
                return
            case "aborted":
                if (this.#phase === "aborting") return this.#allBack() ? this.#go("aborted") : undefined
                // Next has given it up by itself. What comes to rest is awaited first: FINISH is answered again.
                if (this.#phase === "aborted" || this.#phase === "done" || (this.#phase === "finishing" && !this.#rested)) return
                this.#go("aborting")
        }
    }

    tick(): void {
        if (this.#saving) return
        const due = this.#options.now() >= this.#sayAtMs
        switch (this.#phase) {
            case "preparing":
                return due ? this.#prepare() : undefined
            case "copying":
                return due ? this.#copy() : undefined
            case "moving":
                // A next that has given it up says so.
                if (due) this.#prepare()
                return this.#move()
            case "finishing":
                return due && this.#rested && !this.#isLate() ? this.#say({ kind: "finish", handover: this.#options.handover }) : undefined
            case "aborting":
                return due ? this.#takeBack() : undefined
        }
    }

    #go(phase: Phase): void {
        const { handover, key, store, home, onPhase } = this.#options
        this.#phase = phase
        this.#saving = true
        home.giving = phase === "moving" || phase === "finishing" || phase === "done"
        store.savePlan({ handover, key, role: "current", phase }, () => {
            this.#saving = false
            this.#sayAtMs = 0
            if (phase === "copying" && this.#options.copying !== undefined) this.#toCopy = [...home.sessions()].map(([session]) => session)
            if (phase === "finishing") this.#rest()
            onPhase?.(phase)
            this.tick()
        })
    }

    #rest(): void {
        this.#options.rest(() => {
            this.#rested = true
        })
    }

    #say(message: HandoverMessage<B>, retries = 1): void {
        this.#sayAtMs = this.#options.now() + retries * this.#options.retryMs
        this.#options.send(message)
    }

    #prepare(): void {
        const { handover, key } = this.#options
        this.#say({ kind: "prepare", handover, key, sessions: this.progress.here })
    }

    #copy(): void {
        const { home, copying, now } = this.#options
        if (this.#isReading) return
        if (this.#copying !== undefined) return this.#copyTries < COPY_TRIES_MAX ? this.#sayCopy(this.#copying) : this.#go("moving")
        if (copying === undefined) return this.#go("moving")
        if (this.#toCopy.length === 0) {
            const dirty = copying.changed(this.#copied)
            if (++this.#round >= copying.roundsMax || dirty.length <= copying.dirtyMax) return this.#go("moving")
            this.#toCopy = [...dirty]
        }
        this.#copyPace.set(copying.perS(this.pace.perS))
        const count = this.#copyPace.take(Math.min(this.#toCopy.length, copying.sessionsPerCopy), now())
        const sessions = this.#toCopy.splice(this.#toCopy.length - count).filter(session => home.state(session).at === "serving")
        if (sessions.length === 0) return
        this.#isReading = true
        copying.read(sessions, (copies, unread = []) => {
            this.#isReading = false
            this.#toCopy.push(...unread)
            const changed = copies.filter(({ session, snapshot }) => this.#copied.get(session) !== snapshot.version)
            if (this.#phase !== "copying" || changed.length === 0) return
            this.#copying = { part: ++this.#part, copies: changed }
            this.#copyTries = 0
            this.#sayCopy(this.#copying)
        })
    }

    #wereCopied(copies: readonly Copy<B>[], names: readonly SessionName[] | undefined): void {
        const kept = names === undefined ? null : new Set(names)
        this.#copying = undefined
        this.#sayAtMs = 0
        for (const { session, snapshot } of copies) {
            if (kept === null || kept.has(session)) this.#copied.set(session, snapshot.version)
            else {
                this.#copied.delete(session)
                this.#options.copying?.forget?.(session)
            }
        }
        // Next has no room for more.
        if (kept?.size === 0) return this.#go("moving")
        this.tick()
    }

    #sayCopy(part: { readonly part: number; readonly copies: readonly Copy<B>[] }): void {
        this.#say({ kind: "copy", handover: this.#options.handover, ...part }, ++this.#copyTries)
    }

    #move(): void {
        const { home, now, offerMs, tellClient, isConnected, mayOffer } = this.#options
        if (!mayOffer()) return
        if (this.#toMove.length === 0 && !this.#look()) return
        for (let n = this.pace.take(this.#toMove.length, now()); n > 0; n--) {
            const session = this.#toMove.pop() as SessionName
            const state = home.state(session)
            if (state.at !== "serving") continue
            home.offer(session, now() + offerMs)
            if (isConnected(session) && !this.#told.has(session)) {
                this.#told.add(session)
                tellClient(session, state.epoch)
            }
            // Nobody to tell: next takes it at once, and this server tells the client when it comes.
            else home.receive({ kind: "pull", session, epoch: state.epoch, have: this.#copied.get(session) ?? null })
        }
    }

    /** Looks through the sessions for those to be offered, now and then: there may be many. False when there is none. */
    #look(): boolean {
        const { home, now, retryMs } = this.#options
        if (now() < this.#lookAtMs) return false
        this.#lookAtMs = now() + retryMs / LOOKS_PER_RETRY
        let isOver = true
        for (const [session, state] of home.sessions()) {
            if (state.at === "serving") this.#toMove.push(session)
            else if (state.at !== "given" || state.kept !== null) isOver = false
        }
        if (this.#toMove.length === 0 && isOver) this.#go("finishing")
        return this.#toMove.length > 0
    }

    /** Sessions that were made while the last ones went; none is made any more. */
    #isLate(): boolean {
        const { home, now, offerMs } = this.#options
        let isLate = false
        for (const [session, state] of home.sessions()) {
            if (state.at === "given" && state.kept === null) continue
            isLate = true
            if (state.at !== "serving") continue
            home.offer(session, now() + offerMs)
            home.receive({ kind: "pull", session, epoch: state.epoch, have: null })
        }
        return isLate
    }

    #allBack(): boolean {
        for (const [, state] of this.#options.home.sessions()) if (state.at !== "serving") return false
        return true
    }

    #takeBack(): void {
        const { home, handover } = this.#options
        this.#sayAtMs = this.#options.now() + this.#options.retryMs
        if (this.#allBack()) {
            this.#backAtMs ??= this.#options.now()
            if (this.#options.abortAloneMs !== undefined && this.#options.now() >= this.#backAtMs + this.#options.abortAloneMs) return this.#go("aborted")
            return this.#say({ kind: "abort", handover })
        }
        this.#backAtMs = null
        for (const [session, state] of home.sessions()) {
            if (state.at === "offered") home.withdraw(session)
            else if (state.at === "given") home.pull(session, state.epoch, true)
        }
    }
}
