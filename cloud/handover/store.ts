/**
 * What a handover asks of a session server's store. Each call is one transaction and
 * answers once it is durable; a server that dies before the answer finds out by
 * reading. `stale` answers with the record that the store has instead.
 */
import type { SessionName, Snapshot } from "./messages.ts"
import type { SessionRecord } from "./session.ts"

/** `kept`: what was really let go of, when that is not the snapshot that was asked for. */
export type Done<B> = (stale: SessionRecord<B> | undefined | null, kept?: Snapshot<B>) => void
/** Told to `Done` when the call did what it was asked. */
export const DONE = null

export interface SessionStore<B> {
    /** (me, epoch) → (other, epoch + 1); the snapshot is kept in the place of the live body. */
    release(session: SessionName, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void
    /** → (me, epoch) with the body, when the store has a lower epoch, or (me, epoch) already. */
    install(session: SessionName, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void
    /** (me, epoch) → (me, epoch + 1) */
    bump(session: SessionName, epoch: number, done: Done<B>): void
    /** → (other, epoch), no body, when the store has a lower epoch. */
    fence(session: SessionName, epoch: number, done: Done<B>): void
    /** (other, epoch - 1) with a kept body → (me, epoch) with it. */
    retake(session: SessionName, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void
    /** Shared stores only: (other, e) → (me, e + 1), whatever e is; answers with the record. */
    seize(session: SessionName, done: (record: SessionRecord<B> | undefined) => void): void
    /** Shared stores only: what the store has now. */
    look(session: SessionName, done: (record: SessionRecord<B> | undefined) => void): void
    /** Forgets the kept body of (other, epoch). Nothing waits for it. */
    settle(session: SessionName, epoch: number): void
    /** What this server knows of a handover, for after a restart; null = none. */
    savePlan(plan: Plan | null, done: () => void): void
}

/** The part of a handover that outlives a process. */
export interface Plan {
    readonly handover: string
    readonly role: "current" | "next"
    readonly key: string
    readonly phase: Phase
}

export type Phase = "preparing" | "copying" | "moving" | "finishing" | "done" | "aborting" | "aborted"
