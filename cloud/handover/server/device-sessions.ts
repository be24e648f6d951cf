/**
 * Devices as sessions of a handover, over the embedded store. A device that was given
 * away has no rows here any more, only the kept copy: whatever still tried to write
 * for it would find nothing to write to.
 */
import { createHash } from "node:crypto"
import type { RunningWork } from "../../running-work.ts"
import type { DeviceRows, OwnerRow } from "../../store/handover.ts"
import type { Repos, Store } from "../../store/store.ts"
import { turn } from "../../turn.ts"
import type { SessionName, Snapshot } from "../messages.ts"
import type { SessionRecord } from "../session.ts"
import type { Done, Plan, SessionStore } from "../store.ts"
import { OwnerChanges } from "./owner-changes.ts"

export interface DeviceBody {
    readonly rows: DeviceRows
    /** The device's key for sealed requests, as this server reads it: each server wraps it with its own secret. */
    readonly sealKey: string | null
}

export interface DeviceSessionsOptions {
    readonly store: Store
    readonly me: string
    readonly work: RunningWork
    other(): string
    /** The name of the handover. */
    handover(): string
    unwrap(deviceId: string, wrapped: string): string | null
    wrap(deviceId: string, key: string): string
    /** Its digest was looked at when it was put together. */
    isChecked(body: DeviceBody): boolean
    /** Committed, and not served yet. */
    onInstalled(deviceId: string, body: DeviceBody): void
    onError(error: unknown): void
}

/** A version that two servers agree on without counting: 48 bits of the digest. */
export function snapshotOf(body: DeviceBody, text = JSON.stringify(body)): Snapshot<DeviceBody> {
    const digest = createHash("sha256").update(text).digest("hex")
    return { version: Number.parseInt(digest.slice(0, 12), 16), body }
}

/** What may be forgotten waits this long, for company. */
const SETTLE_MS = 200
const SETTLED_PER_TRANSACTION = 64
const TAKEN_NOTE = "taken"

export class DeviceSessions implements SessionStore<DeviceBody> {
    readonly #options: DeviceSessionsOptions
    readonly #changes: OwnerChanges<DeviceBody>
    #plans: Promise<void> = Promise.resolve()
    /** The handover of which it is written that a device has come. */
    #takenWith = ""
    readonly #settled = new Map<SessionName, number>()
    #settling: NodeJS.Timeout | undefined

    constructor(options: DeviceSessionsOptions) {
        this.#options = options
        this.#changes = new OwnerChanges({ ...options, toRecord })
    }

    get failures(): number {
        return this.#changes.failures
    }

    async read(repos: Repos, session: SessionName): Promise<DeviceBody | undefined> {
        const rows = await repos.handover.deviceRows(session)
        if (rows === undefined) return undefined
        const wrapped = rows.devices[0].sealKey
        return { rows, sealKey: typeof wrapped === "string" ? this.#options.unwrap(session, wrapped) : null }
    }

    release(session: SessionName, epoch: number, _snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        const { me, other } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record?.owner !== me || record.epoch !== epoch) return false
            // Read again in the transaction that lets go: the controller may have written since the freeze.
            const body = await this.read(repos, session)
            if (body === undefined) return false
            await repos.handover.removeDevice(session)
            const kept = JSON.stringify(body)
            await repos.handover.setOwner({ session, owner: other(), epoch: epoch + 1, kept })
            return snapshotOf(body, kept)
        })
    }

    install(session: SessionName, epoch: number, snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        const { me, onError, isChecked } = this.#options
        const { body } = snapshot
        const handover = this.#options.handover()
        if (body === undefined || (!isChecked(body) && snapshotOf(body).version !== snapshot.version)) {
            onError(new Error(`HOV_HANDOVER_DIGEST: what came of ${session} is not what was sent`))
            // As it was before: who gave it says it again.
            return this.#changes.add(session, done, async () => false)
        }
        this.#changes.add(session, done, async (repos, record) => {
            if (record?.owner === me && record.epoch === epoch) return true
            if (record !== undefined && record.epoch >= epoch) return false
            await this.#insert(repos, session, body)
            await repos.handover.setOwner({ session, owner: me, epoch, kept: null })
            if (this.#takenWith !== handover) await repos.handover.setNote(TAKEN_NOTE, handover)
            return true
        }, () => {
            this.#takenWith = handover
            this.#options.onInstalled(session, body)
        })
    }

    /** Whether a device has come with this handover, also before a restart. */
    async hasTaken(handover: string): Promise<boolean> {
        return (await this.#options.store.read.handover.note(TAKEN_NOTE)) === handover
    }

    bump(session: SessionName, epoch: number, done: Done<DeviceBody>): void {
        this.#changes.bump(session, this.#options.me, epoch, done)
    }

    fence(session: SessionName, epoch: number, done: Done<DeviceBody>): void {
        const { other } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record !== undefined && record.epoch >= epoch) return false
            await repos.handover.setOwner({ session, owner: other(), epoch, kept: null })
            return true
        })
    }

    retake(session: SessionName, epoch: number, snapshot: Snapshot<DeviceBody>, done: Done<DeviceBody>): void {
        const { me } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record?.owner === me && record.epoch === epoch) return true
            if (record?.epoch !== epoch - 1 || snapshot.body === undefined) return false
            await this.#insert(repos, session, snapshot.body)
            await repos.handover.setOwner({ session, owner: me, epoch, kept: null })
            return true
        })
    }

    settle(session: SessionName, epoch: number): void {
        this.#settled.set(session, epoch)
        this.#settling ??= setTimeout(() => {
            this.#settling = undefined
            this.#options.work.begin(() => this.#settle(), this.#options.onError)
        }, SETTLE_MS)
    }

    async #settle(): Promise<void> {
        const { store, other, work } = this.#options
        const all = [...this.#settled]
        this.#settled.clear()
        for (let from = 0; from < all.length && !work.isClosed; from += SETTLED_PER_TRANSACTION) {
            const part = all.slice(from, from + SETTLED_PER_TRANSACTION)
            try {
                await store.write(async repos => {
                    for (const [session, epoch] of part) await repos.handover.settle(session, other(), epoch)
                })
                await turn()
            } catch (error) {
                // Kept longer than need be: nothing more.
                this.#changes.failed(error)
                for (const [session, epoch] of part) this.settle(session, epoch)
            }
        }
    }

    close(): void {
        clearTimeout(this.#settling)
    }

    /** Two embedded stores share nothing. */
    seize(): void {}
    look(): void {}

    savePlan(plan: Plan | null, done: () => void): void {
        const { store, work, onError } = this.#options
        // In the order in which they were made, also when the store did not take one at first.
        const before = this.#plans
        let written = (): void => {}
        this.#plans = new Promise(resolve => {
            written = resolve
        })
        work.begin(async () => {
            await work.unlessClosed(before)
            await work.insist(() => store.write(repos => repos.handover.setNote("plan", plan === null ? null : JSON.stringify(plan))), error => this.#changes.failed(error))
            written()
            done()
        }, onError)
    }

    async #insert(repos: Repos, session: SessionName, body: DeviceBody): Promise<void> {
        const [device] = body.rows.devices
        const sealKey = body.sealKey === null ? null : this.#options.wrap(session, body.sealKey)
        await repos.handover.insertDevice({ ...body.rows, devices: [{ ...device, sealKey }] })
    }
}

export function toRecord(row: OwnerRow): SessionRecord<DeviceBody> {
    return { owner: row.owner, epoch: Number(row.epoch), snapshot: row.kept === null ? null : snapshotOf(JSON.parse(row.kept), row.kept) }
}
