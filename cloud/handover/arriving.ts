/** Next's plan of a handover: say READY, keep copies, take over the rest when told. */
import type { Home } from "./home.ts"
import type { HandoverMessage } from "./messages.ts"
import type { Phase, Plan, SessionStore } from "./store.ts"

export interface ArrivingOptions<B> {
    readonly home: Home<B>
    readonly store: SessionStore<B>
    readonly plan: Plan | null
    send(message: HandoverMessage<B>): void
    /** Null when it can take sessions, else why not. */
    refusal(): string | null
    /** Takes what is not a session's; said again after a restart, and after it failed. */
    takeOver(done: () => void, failed: () => void): void
    onPhase?(phase: Phase): void
}

export class Arriving<B> {
    readonly #options: ArrivingOptions<B>
    #plan: Plan | null
    #saving = false

    constructor(options: ArrivingOptions<B>) {
        this.#options = options
        this.#plan = options.plan
        this.#apply()
    }

    get key(): string | null {
        return this.#plan?.key ?? null
    }

    get phase(): Phase | null {
        return this.#plan?.phase ?? null
    }

    /** The giver is gone, or does not know of the handover any more. False when it is too late. */
    abort(done: () => void): boolean {
        if (this.#saving || this.#plan?.phase !== "moving") return false
        this.#save({ ...this.#plan, phase: "aborted" }, done)
        return true
    }

    receive(message: HandoverMessage<B>): void {
        const { home, send } = this.#options
        const { handover } = message
        if (this.#saving) return
        // Given up here: current ends it as well.
        if (this.#plan?.handover === handover && this.#plan.phase === "aborted") return send({ kind: "aborted", handover })
        if (message.kind === "prepare") {
            if (this.#options.refusal() !== null) return
            if (this.#plan?.handover === handover) return this.#plan.phase === "moving" ? send({ kind: "ready", handover }) : undefined
            home.dropCopies()
            return this.#save({ handover, role: "next", key: message.key, phase: "moving" }, () => send({ kind: "ready", handover }))
        }
        // It may not have heard of the handover at all; a PREPARE that comes late finds it aborted.
        if (message.kind === "abort" && this.#plan?.handover !== handover && (this.#plan === null || this.#plan.phase === "done" || this.#plan.phase === "aborted"))
            return this.#save({ handover, role: "next", key: "", phase: "aborted" }, () => send({ kind: "aborted", handover }))
        if (this.#plan?.handover !== handover) return
        switch (message.kind) {
            case "copy":
                if (this.#plan.phase !== "moving") return
                return send({ kind: "copied", handover, part: message.part, kept: message.copies.filter(({ session, snapshot }) => home.keepCopy(session, snapshot)).map(({ session }) => session) })
            case "finish":
                if (this.#plan.phase === "done") return send({ kind: "finished", handover })
                if (this.#plan.phase !== "moving") return
                this.#saving = true
                return this.#options.takeOver(
                    () => this.#save({ ...(this.#plan as Plan), phase: "done" }, () => send({ kind: "finished", handover })),
                    () => {
                        this.#saving = false
                    },
                )
            case "abort":
                if (this.#plan.phase === "done") return
                return this.#save({ ...this.#plan, phase: "aborted" }, () => send({ kind: "aborted", handover }))
        }
    }

    #save(plan: Plan, then: () => void): void {
        this.#saving = true
        this.#options.store.savePlan(plan, () => {
            this.#saving = false
            this.#plan = plan
            this.#apply()
            this.#options.onPhase?.(plan.phase)
            then()
        })
    }

    #apply(): void {
        const phase = this.#plan?.phase
        this.#options.home.taking = phase !== undefined
        this.#options.home.refusing = phase === "aborted"
        // What current asks back it gets, until it has let go of everything.
        this.#options.home.giving = phase === "moving" || phase === "aborted"
        if (phase === "aborted" || phase === "done") this.#options.home.dropCopies()
    }
}
