/**
 * Devices as sessions where both servers have one database: their rows stay where they are,
 * and only what a process remembers of a device changes hands. Writes of all processes are in
 * one order there, so who has which session is kept in memory: a server that starts anew serves
 * whoever comes.
 */
import type { SessionName, Snapshot } from "../messages.ts"
import type { SessionRecord } from "../session.ts"
import type { Done, Plan, SessionStore } from "../store.ts"

/** There is nothing to send. */
const ROWS_STAY = { version: 1, body: { rows: {}, sealKey: null } } as const

type Body = typeof ROWS_STAY.body
type Record = SessionRecord<Body>

export class SharedSessions implements SessionStore<Body> {
    readonly #records = new Map<SessionName, Record>()
    readonly #me: string
    readonly #other: () => string

    constructor(me: string, other: () => string) {
        this.#me = me
        this.#other = other
    }

    /** At the begin of a handover every device is current's. */
    own(session: SessionName, owner: string): Record {
        const record = { owner, epoch: 1, snapshot: null }
        this.#records.set(session, record)
        return record
    }

    /** Whether one came from the other server. */
    get hasTaken(): boolean {
        return [...this.#records.values()].some(({ owner, epoch }) => owner === this.#me && epoch > 1)
    }

    clear(): void {
        this.#records.clear()
    }

    release(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        this.#change(done, session, record => (record?.owner === this.#me && record.epoch === epoch ? { owner: this.#other(), epoch: epoch + 1, snapshot: ROWS_STAY } : undefined), ROWS_STAY)
    }

    install(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        this.#change(done, session, record => (record === undefined || record.epoch < epoch || (record.owner === this.#me && record.epoch === epoch) ? { owner: this.#me, epoch, snapshot: null } : undefined))
    }

    bump(session: SessionName, epoch: number, done: Done<Body>): void {
        this.#change(done, session, record => (record?.owner === this.#me && record.epoch === epoch ? { ...record, epoch: epoch + 1 } : undefined))
    }

    fence(session: SessionName, epoch: number, done: Done<Body>): void {
        this.#change(done, session, record => (record === undefined || record.epoch < epoch ? { owner: this.#other(), epoch, snapshot: null } : undefined))
    }

    retake(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        this.#change(done, session, record => (record?.epoch === epoch - 1 ? { owner: this.#me, epoch, snapshot: null } : undefined))
    }

    settle(session: SessionName, epoch: number): void {
        const record = this.#records.get(session)
        if (record?.epoch === epoch) this.#records.set(session, { ...record, snapshot: null })
    }

    /** The other server does not answer: whoever has the database can serve. */
    seize(session: SessionName, done: (record: Record | undefined) => void): void {
        const record = this.#records.get(session)
        if (record !== undefined) this.#records.set(session, { owner: this.#me, epoch: record.epoch + 1, snapshot: null })
        this.look(session, done)
    }

    look(session: SessionName, done: (record: Record | undefined) => void): void {
        queueMicrotask(() => done(this.#records.get(session)))
    }

    savePlan(_plan: Plan | null, done: () => void): void {
        queueMicrotask(done)
    }

    #change(done: Done<Body>, session: SessionName, change: (record: Record | undefined) => Record | undefined, kept?: Snapshot<Body>): void {
        const before = this.#records.get(session)
        const after = change(before)
        if (after !== undefined) this.#records.set(session, after)
        queueMicrotask(() => (after === undefined ? done(before) : done(null, kept)))
    }
}
