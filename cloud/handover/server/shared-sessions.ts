/**
 * Devices as sessions where both servers have one database: their rows stay where they are, and only
 * what a process remembers of a device changes hands. Who has which device since which epoch is in the
 * database, where whatever is written for one is compared with it (cloud/tenure.ts). A server that
 * starts anew serves whoever comes, and is noted as the owner then.
 */
import type { RunningWork } from "../../running-work.ts"
import type { OwnerRow } from "../../store/handover.ts"
import type { Repos, Store } from "../../store/store.ts"
import type { SessionName, Snapshot } from "../messages.ts"
import type { SessionRecord } from "../session.ts"
import type { Done, Plan, SessionStore } from "../store.ts"
import { OwnerChanges } from "./owner-changes.ts"

/** There is nothing to send. */
const ROWS_STAY = { version: 1, body: { rows: {}, sealKey: null } } as const
/** What the row of a device has that was let go of: in its rows' place. */
const IN_PLACE = ""

/** The handover that the owners are named for. */
const HANDOVER_NOTE = "handover"

type Body = typeof ROWS_STAY.body

export interface SharedSessionsOptions {
    readonly store: Store
    readonly me: string
    readonly work: RunningWork
    other(): string
    /** The name of the handover. */
    handover(): string
    /** Whether the other server notes whose a device is, as one of an earlier version does not. */
    notesOwners(): boolean
    onError(error: unknown): void
}

export class SharedSessions implements SessionStore<Body> {
    readonly #options: SharedSessionsOptions
    readonly #changes: OwnerChanges<Body>
    /** Whether a device came with this handover. */
    hasTaken = false

    constructor(options: SharedSessionsOptions) {
        this.#options = options
        this.#changes = new OwnerChanges({ ...options, toRecord })
    }

    get failures(): number {
        return this.#changes.failures
    }

    release(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        const { me, other } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record?.owner !== me || record.epoch !== epoch) return false
            await repos.handover.setOwner({ session, owner: other(), epoch: epoch + 1, kept: IN_PLACE })
            return ROWS_STAY
        })
    }

    /** It has been this server's since the other one let go of it. */
    install(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        const { me, notesOwners } = this.#options
        const take = async (repos: Repos, record: OwnerRow | undefined): Promise<boolean> => {
            if (record?.owner === me && record.epoch === epoch) return true
            if (notesOwners() || (record !== undefined && record.epoch >= epoch)) return false
            await repos.handover.setOwner({ session, owner: me, epoch, kept: null })
            return true
        }
        this.#changes.add(session, done, take, () => {
            this.hasTaken = true
        })
    }

    bump(session: SessionName, epoch: number, done: Done<Body>): void {
        this.#changes.bump(session, this.#options.me, epoch, done)
    }

    fence(session: SessionName, epoch: number, done: Done<Body>): void {
        const { other } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record === undefined || record.epoch >= epoch) return false
            await repos.handover.setOwner({ session, owner: other(), epoch, kept: null })
            return true
        })
    }

    retake(session: SessionName, epoch: number, _snapshot: Snapshot<Body>, done: Done<Body>): void {
        const { me } = this.#options
        this.#changes.add(session, done, async (repos, record) => {
            if (record?.owner === me && record.epoch === epoch) return true
            if (record?.epoch !== epoch - 1) return false
            await repos.handover.setOwner({ session, owner: me, epoch, kept: null })
            return true
        })
    }

    /** There is nothing to forget; should it be looked for again, the new owner is asked once more. */
    settle(): void {}

    /** The other server does not answer: whoever has the database can serve. One that nobody has yet is this server's, too. */
    seize(session: SessionName, done: (record: SessionRecord<Body> | undefined) => void): void {
        const { handover } = this.#options
        this.#take(session, done, async repos => (await repos.handover.note(HANDOVER_NOTE)) === handover())
    }

    /** By a server that began in the middle, for a device that has come to it. */
    claim(session: SessionName): Promise<SessionRecord<Body> | undefined> {
        return new Promise(resolve => this.#take(session, resolve, repos => repos.handover.hasOwners()))
    }

    /** Others hand devices over: neither has it begun with this server, nor has it ended. */
    hasBegunElsewhere(repos: Repos): Promise<boolean> {
        return repos.handover.hasOwnersOfAnother(HANDOVER_NOTE, this.#options.handover())
    }

    #take(session: SessionName, done: (record: SessionRecord<Body> | undefined) => void, mayTake: (repos: Repos) => Promise<boolean>): void {
        const { me } = this.#options
        let now: OwnerRow | undefined
        this.#changes.add(session, () => done(now === undefined ? undefined : toRecord(now)), async (repos, record) => {
            now = record
            if (record?.owner === me) return true
            if (!(await mayTake(repos)) || (await repos.devices.get(session)) === undefined) return false
            now = { session, owner: me, epoch: (record?.epoch ?? (await repos.handover.lastEpoch())) + 1, kept: null }
            await repos.handover.setOwner(now)
            this.hasTaken = true
            return true
        })
    }

    look(session: SessionName, done: (record: SessionRecord<Body> | undefined) => void): void {
        let now: OwnerRow | undefined
        this.#changes.add(session, () => done(now === undefined ? undefined : toRecord(now)), async (_repos, record) => {
            now = record
            return true
        })
    }

    savePlan(_plan: Plan | null, done: () => void): void {
        queueMicrotask(done)
    }

    /** Every device is this server's, whoever had it before. */
    begin(): Promise<number> {
        const { store, me, handover } = this.#options
        this.hasTaken = false
        return store.write(async repos => {
            await repos.handover.setNote(HANDOVER_NOTE, handover())
            return repos.handover.ownAll(me)
        })
    }

    /** At next, for a current that names no owners: they are named as devices come, above nothing of a handover before. */
    beginFor(handover: string): Promise<void> {
        return this.#options.store.write(async repos => {
            await repos.handover.setNote(HANDOVER_NOTE, handover)
            await repos.handover.forgetOwners()
        })
    }

    /** All devices are at one server again, and nobody asks whose they are. */
    end(): void {
        const { store, work, handover, onError } = this.#options
        const name = handover()
        const forget = (): Promise<void> =>
            store.write(async repos => {
                if (((await repos.handover.note(HANDOVER_NOTE)) ?? name) !== name) return
                await repos.handover.setNote(HANDOVER_NOTE, null)
                await repos.handover.forgetOwners()
            })
        work.begin(() => work.insist(forget, error => this.#changes.failed(error)), onError)
    }
}

function toRecord({ owner, epoch, kept }: OwnerRow): SessionRecord<Body> {
    return { owner, epoch: Number(epoch), snapshot: kept === null ? null : ROWS_STAY }
}
