/** A database of one server, or of both: atomic, late, and what was committed survives. */
import type { SessionName, Snapshot } from "../../cloud/handover/messages.ts"
import type { SessionRecord } from "../../cloud/handover/session.ts"
import type { Done, Plan, SessionStore } from "../../cloud/handover/store.ts"
import type { Mutation } from "./mutations.ts"
import type { World } from "./world.ts"

/** All that a server knows of a device. */
export interface DeviceBody {
    readonly statuses: readonly number[]
    readonly commands: readonly number[]
    /** Commands that the device has acknowledged. */
    readonly taken: number
}

export type Record = SessionRecord<DeviceBody>

export class Disk {
    readonly records = new Map<SessionName, Record>()
    readonly plans = new Map<string, Plan>()
}

const COMMIT_MIN_MS = 0.5
const COMMIT_MAX_MS = 6

/** One server's connection to a disk: dies with the server, whatever was on its way. */
export class Connection implements SessionStore<DeviceBody> {
    readonly #world: World
    readonly #disk: Disk
    readonly #me: string
    readonly #other: string
    readonly #mutation: Mutation | null
    #alive = true

    constructor(world: World, disk: Disk, me: string, other: string, mutation: Mutation | null) {
        this.#world = world
        this.#disk = disk
        this.#me = me
        this.#other = other
        this.#mutation = mutation
    }

    /** What was asked for may still be committed; nobody hears of it. */
    cut(): void {
        this.#alive = false
    }

    get plan(): Plan | null {
        return this.#disk.plans.get(this.#me) ?? null
    }

    read(session: SessionName): Record | undefined {
        return this.#disk.records.get(session)
    }

    *all(): IterableIterator<readonly [SessionName, Record]> {
        yield* this.#disk.records
    }

    /** A handler's write: refused when the session is not at this epoch here. */
    write(session: SessionName, epoch: number, change: (body: DeviceBody) => DeviceBody, done: (ok: boolean) => void): void {
        this.#commit(() => {
            const record = this.read(session)
            const mine = record?.owner === this.#me && record.epoch === epoch
            const checked = mine || this.#mutation === "write-without-epoch" || this.#mutation === "no-compare-and-set"
            if (record?.snapshot?.body === undefined || !checked) return () => done(false)
            const { version, body } = record.snapshot
            this.#disk.records.set(session, { ...record, snapshot: { version: version + 1, body: change(body) } })
            this.#world.note({ what: "wrote", device: session, server: this.#me, epoch })
            return () => done(true)
        })
    }

    release(session: SessionName, epoch: number, snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        this.#change(session, done, record => {
            const mine = record?.owner === this.#me && record.epoch === epoch
            if (!mine && this.#mutation !== "no-compare-and-set") return undefined
            return { owner: this.#other, epoch: epoch + 1, snapshot: this.#mutation === "keep-nothing" ? null : snapshot }
        })
    }

    install(session: SessionName, epoch: number, snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        this.#change(session, done, record => {
            if (record?.owner === this.#me && record.epoch === epoch) {
                // In a shared store the release made it so.
                return this.#mutation === "install-twice" ? { owner: this.#me, epoch, snapshot } : record
            }
            if (record !== undefined && record.epoch >= epoch && this.#mutation !== "no-compare-and-set") return undefined
            return { owner: this.#me, epoch, snapshot }
        })
    }

    bump(session: SessionName, epoch: number, done: Done<DeviceBody>): void {
        this.#change(session, done, record => {
            if (record?.owner !== this.#me || record.epoch !== epoch) return undefined
            return { ...record, epoch: epoch + 1 }
        })
    }

    fence(session: SessionName, epoch: number, done: Done<DeviceBody>): void {
        this.#change(session, done, record => {
            if (record !== undefined && record.epoch >= epoch) return undefined
            return { owner: this.#other, epoch, snapshot: record?.snapshot ?? null }
        })
    }

    retake(session: SessionName, epoch: number, snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        this.#change(session, done, record => {
            if (record?.owner === this.#me && record.epoch === epoch) return record
            if (record?.owner !== this.#other || record.epoch !== epoch - 1) return undefined
            return { owner: this.#me, epoch, snapshot }
        })
    }

    seize(session: SessionName, done: (record: Record | undefined) => void): void {
        this.#commit(() => {
            const record = this.read(session)
            if (record !== undefined && record.owner !== this.#me) this.#disk.records.set(session, { ...record, owner: this.#me, epoch: record.epoch + 1 })
            return () => done(this.read(session))
        })
    }

    look(session: SessionName, done: (record: Record | undefined) => void): void {
        this.#commit(() => () => done(this.read(session)))
    }

    settle(session: SessionName, epoch: number): void {
        this.#commit(() => {
            const record = this.read(session)
            // In a shared store the body is the new owner's by now.
            if (record?.owner === this.#other && record.epoch === epoch && !this.#isShared) {
                if (this.#mutation === "forget-the-new-owner") this.#disk.records.set(session, { ...record, owner: this.#me })
                else this.#disk.records.set(session, { ...record, snapshot: null })
            }
            return () => {}
        })
    }

    savePlan(plan: Plan | null, done: () => void): void {
        this.#commit(() => {
            if (plan === null) this.#disk.plans.delete(this.#me)
            else this.#disk.plans.set(this.#me, plan)
            return done
        })
    }

    get #isShared(): boolean {
        return this.#disk instanceof SharedDisk
    }

    #change(session: SessionName, done: Done<DeviceBody>, change: (record: Record | undefined) => Record | undefined): void {
        this.#commit(() => {
            const changed = change(this.read(session))
            if (changed === undefined) return () => done(this.read(session))
            this.#disk.records.set(session, changed)
            return () => done(null)
        })
    }

    #commit(work: () => () => void): void {
        const { random } = this.#world
        const leftMs = COMMIT_MIN_MS + random.next() * (COMMIT_MAX_MS - COMMIT_MIN_MS)
        const durable = random.chance(0.5)
        this.#world.after(leftMs, () => {
            // A dead server's last transaction: the disk may or may not have had it already.
            if (!this.#alive && !durable) return
            this.#world.boundary()
            if (!this.#alive && !durable) return
            const tell = work()
            this.#world.after(random.next(), () => {
                this.#world.boundary()
                if (this.#alive) tell()
            })
        })
    }
}

export class SharedDisk extends Disk {}
