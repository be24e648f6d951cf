/**
 * Changes of sessions' owners, a few in one transaction: they come in bursts, and each commit has
 * its price. What the store does not take it is asked again, for as long as the server runs.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { RunningWork } from "../../running-work.ts"
import type { OwnerRow } from "../../store/handover.ts"
import type { Repos, Store } from "../../store/store.ts"
import { turn } from "../../turn.ts"
import type { SessionName, Snapshot } from "../messages.ts"
import type { SessionRecord } from "../session.ts"
import type { Done } from "../store.ts"

/** False: the record is not what it should be, nothing was changed. A snapshot: what was let go of. */
export type Change<B> = (repos: Repos, record: OwnerRow | undefined) => Promise<boolean | Snapshot<B>>

interface Result<B> {
    readonly result: boolean | Snapshot<B>
    readonly record: OwnerRow | undefined
}

interface Waiting<B> {
    readonly session: SessionName
    readonly done: Done<B>
    readonly change: Change<B>
    readonly committed: (() => void) | undefined
    /** It failed before: whatever is wrong with it keeps no other from being done. */
    readonly isAlone: boolean
}

export interface OwnerChangesOptions<B> {
    readonly store: Store
    readonly work: RunningWork
    toRecord(row: OwnerRow): SessionRecord<B>
    onError(error: unknown): void
}

/** Few: other requests are answered in between. */
const CHANGES_PER_TRANSACTION = 8
/** After a transaction that failed. */
const AGAIN_MS = 500
/** A store that takes nothing says so this often at most. */
const TELL_MS = 5_000

export class OwnerChanges<B> {
    readonly #options: OwnerChangesOptions<B>
    #waiting: Waiting<B>[] = []
    #isWorking = false
    #toldAtMs = Number.NEGATIVE_INFINITY
    /** How often the store has not taken what had to be written. */
    failures = 0

    constructor(options: OwnerChangesOptions<B>) {
        this.#options = options
    }

    add(session: SessionName, done: Done<B>, change: Change<B>, committed?: () => void): void {
        this.#enqueue([{ session, done, change, committed, isAlone: false }])
    }

    /** The next epoch of a session that stays with its owner. */
    bump(session: SessionName, owner: string, epoch: number, done: Done<B>): void {
        this.add(session, done, async (repos, record) => {
            if (record?.owner !== owner || record.epoch !== epoch) return false
            await repos.handover.setOwner({ ...record, epoch: epoch + 1 })
            return true
        })
    }

    failed(error: unknown): void {
        this.failures++
        if (performance.now() < this.#toldAtMs + TELL_MS) return
        this.#toldAtMs = performance.now()
        this.#options.onError(new Error(`HOV_HANDOVER_STORE: the store did not take a change, and is asked again (${this.failures} times so far)`, { cause: error }))
    }

    #enqueue(waiting: readonly Waiting<B>[]): void {
        this.#waiting.push(...waiting)
        if (this.#isWorking) return
        this.#isWorking = true
        this.#options.work.begin(() => this.#work(), this.#options.onError)
    }

    /** Until the store takes it: a session whose change was forgotten would be served by nobody. */
    #again(batch: readonly Waiting<B>[], error: unknown): void {
        const { work, onError } = this.#options
        this.failed(error)
        work.begin(async () => {
            await sleep(AGAIN_MS, undefined, { signal: work.signal })
            this.#enqueue(batch.map(each => ({ ...each, isAlone: true })))
        }, onError)
    }

    /** The first few that may be done together. */
    #take(): readonly Waiting<B>[] {
        const alone = this.#waiting.findIndex(({ isAlone }) => isAlone)
        return this.#waiting.splice(0, alone === 0 ? 1 : Math.min(alone < 0 ? CHANGES_PER_TRANSACTION : alone, CHANGES_PER_TRANSACTION))
    }

    async #work(): Promise<void> {
        const { store, work } = this.#options
        while (this.#waiting.length > 0 && !work.isClosed) {
            // What came with the first is here by then, and other requests are answered in between.
            await turn()
            if (work.isClosed) break
            const batch = this.#take()
            try {
                const results = await store.write(async repos => {
                    const made: Result<B>[] = []
                    const records = await repos.handover.recordsOf(batch.map(({ session }) => session))
                    const done = new Set<SessionName>()
                    for (const { session, change } of batch) {
                        // Twice in one transaction: it is not as it was before.
                        const record = done.has(session) ? await repos.handover.owner(session) : records.get(session)
                        done.add(session)
                        made.push({ result: await change(repos, record), record })
                    }
                    return made
                })
                this.#tell(batch, results)
            } catch (error) {
                this.#again(batch, error)
            }
        }
        this.#isWorking = false
    }

    /** What is committed is committed: what somebody makes of it does not bring it back. */
    #tell(batch: readonly Waiting<B>[], results: readonly Result<B>[]): void {
        batch.forEach(({ done, committed }, n) => {
            const { result, record } = results[n]
            try {
                if (result !== false) committed?.()
                if (result === false) done(record === undefined ? undefined : this.#options.toRecord(record))
                else done(null, result === true ? undefined : result)
            } catch (error) {
                this.#options.onError(error)
            }
        })
    }
}
