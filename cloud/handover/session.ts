/**
 * One session, as one server sees it; both sides of a handover are states of the same
 * machine, so that a session can go back the way it came.
 *
 * ```
 *            next.ts                                  current.ts
 *  absent ─▶ pulling ─▶ installing ─▶ serving ─▶ offered ─▶ freezing ─▶ releasing ─▶ given
 *    │          ▲                        ▲          │ abort: bumping        (compare-and-set) │
 *    ▼          └────────────────────────┴──────────┘                                         │
 *  fencing ─▶ given                      └────────────── retaking ◀── pulling ◀───────────────┘
 * ```
 * Invariants:
 * 1. Owner and epoch of a session are in the store, and change in one compare-and-set.
 * 2. Only the owner of epoch e can make epoch e+1, and names its owner in doing so.
 * 3. What is written for a session carries the epoch; the store refuses any other.
 * 4. A server installs a session at an epoch above the one that its store has, or not at all.
 * 5. A state that was given is kept until its new owner says that it serves.
 */
import type { ServerName, SessionMessage, SessionName, Snapshot } from "./messages.ts"

export type SessionState<B> =
    | { readonly at: "absent" }
    /** `given`: what our own store has. `recall`: it is asked back for until it comes. */
    | { readonly at: "pulling"; readonly epoch: number | null; readonly have: number | null; readonly sinceMs: number; readonly askAtMs: number; readonly given: Given<B> | null; readonly recall: boolean }
    | { readonly at: "installing"; readonly epoch: number }
    | { readonly at: "serving"; readonly epoch: number }
    | { readonly at: "offered"; readonly epoch: number; readonly untilMs: number }
    | { readonly at: "bumping"; readonly epoch: number }
    | { readonly at: "freezing"; readonly epoch: number; readonly have: number | null; readonly sinceMs: number }
    | { readonly at: "releasing"; readonly epoch: number; readonly have: number | null; readonly sinceMs: number }
    | Given<B>
    | { readonly at: "fencing"; readonly epoch: number }
    | { readonly at: "retaking"; readonly epoch: number; readonly given: Given<B> }

/** The session is the other server's since `epoch`. `kept` until the other one has said that it serves. */
export interface Given<B> {
    readonly at: "given"
    readonly epoch: number
    readonly kept: Snapshot<B> | null
    readonly sayAtMs: number
}

export type SessionEvent<B> =
    | { readonly kind: "offer"; readonly untilMs: number }
    /** A client, or an abort (`recall`), wants the session here. */
    | { readonly kind: "attach"; readonly epoch: number | null; readonly have: number | null; readonly recall: boolean }
    | { readonly kind: "message"; readonly message: SessionMessage<B> }
    /** All handlers have ended; this is what the session is now. */
    | { readonly kind: "quiet"; readonly snapshot: Snapshot<B> }
    /** The store did what the effect asked for. */
    | { readonly kind: "released"; readonly snapshot: Snapshot<B> }
    | { readonly kind: "installed" }
    | { readonly kind: "bumped" }
    | { readonly kind: "fenced" }
    | { readonly kind: "retaken" }
    | { readonly kind: "seized"; readonly epoch: number }
    /** The store did not: owner or epoch were not those expected. This is what it has. */
    | { readonly kind: "stale"; readonly now: SessionState<B> }
    /** Take back an offer: its ticket must end. */
    | { readonly kind: "withdraw" }
    | { readonly kind: "tick" }

export type Effect<B> =
    /** `have`: the version of the session that the other server has, as far as is known. */
    | { readonly kind: "send"; readonly message: SessionMessage<B>; readonly have?: number | null }
    /** Let no new handler begin; answer `quiet` when none runs. */
    | { readonly kind: "freeze" }
    /** Compare-and-set (me, epoch) → (other, epoch + 1), keeping the snapshot: the commit point. */
    | { readonly kind: "release"; readonly epoch: number; readonly snapshot: Snapshot<B> }
    /** Make (me, epoch) with this body when the store's epoch is lower, or it is (me, epoch) already. */
    | { readonly kind: "install"; readonly epoch: number; readonly snapshot: Snapshot<B> }
    /** Compare-and-set (me, epoch) → (me, epoch + 1). */
    | { readonly kind: "bump"; readonly epoch: number }
    /** Make (other, epoch) without a body when the store's epoch is lower. */
    | { readonly kind: "fence"; readonly epoch: number }
    /** Compare-and-set (other, epoch - 1) → (me, epoch) with the body that was kept. */
    | { readonly kind: "retake"; readonly epoch: number; readonly snapshot: Snapshot<B> }
    /** Ask a shared store for the session, because its owner does not answer. */
    | { readonly kind: "seize" }
    /** Read in a shared store whose the session is: it may have been taken without our word. */
    | { readonly kind: "look" }
    /** The kept body may go. */
    | { readonly kind: "settle"; readonly epoch: number }
    /** Who waits for the session may look again. */
    | { readonly kind: "resolved" }
    /** The session was not given: send the client back. */
    | { readonly kind: "sendBack" }

export type Step<B> = readonly [SessionState<B>, readonly Effect<B>[]]

export interface SessionTimings {
    /** A message that was not answered is sent again after this. */
    readonly retryMs: number
    /** After this without an answer the client is sent back, or a shared store is asked. */
    readonly pullMs: number
    /** A freeze longer than this is given up: a handler hangs. */
    readonly freezeMs: number
}

export const SESSION_TIMINGS: SessionTimings = { retryMs: 80, pullMs: 600, freezeMs: 1_000 }

export interface SessionContext {
    readonly nowMs: number
    readonly timings: SessionTimings
    /** Both servers write to one store: a session can be taken without its owner's word. */
    readonly shared: boolean
    readonly session: SessionName
    /** The handover is under way (not aborted, not over): sessions are given when asked for. */
    readonly giving: boolean
}

export const ABSENT = { at: "absent" } as const

/** What the store has about a session after a start. */
export interface SessionRecord<B> {
    readonly owner: ServerName
    readonly epoch: number
    /** The owner's body, or the one kept by a server that gave it away; null once settled. */
    readonly snapshot: Snapshot<B> | null
}

/** The state that a record stands for: nothing that matters was in memory only. */
export function fromRecord<B>(record: SessionRecord<B> | undefined, me: ServerName): SessionState<B> {
    if (record === undefined) return ABSENT
    if (record.owner === me) return { at: "serving", epoch: record.epoch }
    return { at: "given", epoch: record.epoch, kept: record.snapshot, sayAtMs: 0 }
}

/** States that wait for something, and so need the clock. */
export const isRestless = (state: SessionState<unknown>): boolean =>
    state.at === "given" ? state.kept !== null : state.at !== "serving" && state.at !== "absent"
