/** A store in memory: the smallest thing that keeps the rules of `SessionStore`. */
import type { Snapshot } from "../../cloud/handover/messages.ts"
import type { SessionRecord } from "../../cloud/handover/session.ts"
import type { Done, Plan, SessionStore } from "../../cloud/handover/store.ts"

export interface Player {
    readonly x: number
    readonly bag: readonly string[]
}

type Record = SessionRecord<Player>

export class Memory implements SessionStore<Player> {
    readonly #records = new Map<string, Record>()
    readonly #me: string
    readonly #other: string

    constructor(me: string, other: string) {
        this.#me = me
        this.#other = other
    }

    add(player: string): Record {
        const record = { owner: this.#me, epoch: 1, snapshot: { version: 1, body: { x: 0, bag: [] } } }
        this.#records.set(player, record)
        return record
    }

    snapshot(player: string): Snapshot<Player> {
        return this.#records.get(player)?.snapshot ?? { version: 0 }
    }

    /** A write carries its epoch; at any other it is refused. */
    step(player: string, epoch: number, dx: number): number {
        const record = this.#records.get(player)
        if (record?.owner !== this.#me || record.epoch !== epoch || record.snapshot?.body === undefined) throw new Error(`${player} is not at epoch ${epoch} here`)
        const body = { ...record.snapshot.body, x: record.snapshot.body.x + dx }
        this.#records.set(player, { ...record, snapshot: { version: record.snapshot.version + 1, body } })
        return body.x
    }

    release(player: string, epoch: number, snapshot: Snapshot<Player>, done: Done<Player>): void {
        this.#change(player, done, record => (record?.owner === this.#me && record.epoch === epoch ? { owner: this.#other, epoch: epoch + 1, snapshot } : undefined))
    }

    install(player: string, epoch: number, snapshot: Snapshot<Player>, done: Done<Player>): void {
        this.#change(player, done, record => (record !== undefined && record.epoch >= epoch ? undefined : { owner: this.#me, epoch, snapshot }))
    }

    bump(player: string, epoch: number, done: Done<Player>): void {
        this.#change(player, done, record => (record?.owner === this.#me && record.epoch === epoch ? { ...record, epoch: epoch + 1 } : undefined))
    }

    fence(player: string, epoch: number, done: Done<Player>): void {
        this.#change(player, done, record => (record !== undefined && record.epoch >= epoch ? undefined : { owner: this.#other, epoch, snapshot: null }))
    }

    retake(player: string, epoch: number, snapshot: Snapshot<Player>, done: Done<Player>): void {
        this.#change(player, done, record => (record?.epoch === epoch - 1 ? { owner: this.#me, epoch, snapshot } : undefined))
    }

    settle(player: string, epoch: number): void {
        const record = this.#records.get(player)
        if (record?.owner === this.#other && record.epoch === epoch) this.#records.set(player, { ...record, snapshot: null })
    }

    seize(): void {}
    look(): void {}

    savePlan(_plan: Plan | null, done: () => void): void {
        setImmediate(done)
    }

    #change(player: string, done: Done<Player>, change: (record: Record | undefined) => Record | undefined): void {
        const before = this.#records.get(player)
        const after = change(before)
        if (after !== undefined) this.#records.set(player, after)
        setImmediate(() => (after === undefined ? done(before) : done(null)))
    }
}
