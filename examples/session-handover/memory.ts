/** A store in memory: the smallest thing that keeps the rules of `SessionStore`. */
import type { Snapshot } from "../../cloud/handover/messages.ts"
import type { SessionRecord } from "../../cloud/handover/session.ts"
import type { Done, Plan, SessionStore } from "../../cloud/handover/store.ts"

export class Memory<B> implements SessionStore<B> {
    readonly #records = new Map<string, SessionRecord<B>>()
    readonly #me: string
    readonly #other: string

    constructor(me: string, other: string) {
        this.#me = me
        this.#other = other
    }

    add(session: string, body: B): SessionRecord<B> {
        const record = { owner: this.#me, epoch: 1, snapshot: { version: 1, body } }
        this.put(session, record)
        return record
    }

    *records(): IterableIterator<readonly [string, SessionRecord<B>]> {
        yield* this.#records
    }

    snapshot(session: string): Snapshot<B> {
        return this.#records.get(session)?.snapshot ?? { version: 0 }
    }

    /** A write carries its epoch; at any other it is refused. */
    write(session: string, epoch: number, change: (body: B) => B): B {
        const record = this.#records.get(session)
        if (record?.owner !== this.#me || record.epoch !== epoch || record.snapshot?.body === undefined) throw new Error(`${session} is not at epoch ${epoch} here`)
        const body = change(record.snapshot.body)
        this.put(session, { ...record, snapshot: { version: record.snapshot.version + 1, body } })
        return body
    }

    /** The one place where anything changes: a store that lasts writes it down first. */
    protected put(session: string, record: SessionRecord<B>): void {
        this.#records.set(session, record)
    }

    release(session: string, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void {
        this.#change(session, done, record => (record?.owner === this.#me && record.epoch === epoch ? { owner: this.#other, epoch: epoch + 1, snapshot } : undefined))
    }

    install(session: string, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void {
        this.#change(session, done, record => (record !== undefined && record.epoch >= epoch ? undefined : { owner: this.#me, epoch, snapshot }))
    }

    bump(session: string, epoch: number, done: Done<B>): void {
        this.#change(session, done, record => (record?.owner === this.#me && record.epoch === epoch ? { ...record, epoch: epoch + 1 } : undefined))
    }

    fence(session: string, epoch: number, done: Done<B>): void {
        this.#change(session, done, record => (record !== undefined && record.epoch >= epoch ? undefined : { owner: this.#other, epoch, snapshot: null }))
    }

    retake(session: string, epoch: number, snapshot: Snapshot<B>, done: Done<B>): void {
        this.#change(session, done, record => (record?.epoch === epoch - 1 ? { owner: this.#me, epoch, snapshot } : undefined))
    }

    settle(session: string, epoch: number): void {
        const record = this.#records.get(session)
        if (record?.owner === this.#other && record.epoch === epoch) this.put(session, { ...record, snapshot: null })
    }

    seize(): void {}
    look(): void {}

    savePlan(_plan: Plan | null, done: () => void): void {
        setImmediate(done)
    }

    #change(session: string, done: Done<B>, change: (record: SessionRecord<B> | undefined) => SessionRecord<B> | undefined): void {
        const before = this.#records.get(session)
        const after = change(before)
        if (after !== undefined) this.put(session, after)
        setImmediate(() => (after === undefined ? done(before) : done(null)))
    }
}
