/**
 * Write-behind of what polls report: many devices in one transaction.
 *
 * What changed is written at once (in the next turn of the event loop, together with
 * whatever else changed), because the controller waits for it. What is the same as
 * before, but for the uptime, is written once a second. A delivery of a command goes
 * the same way: were it lost, the command would be delivered again under its id.
 */
import { chunks } from "../chunks.ts"
import type { Clock } from "../clock.ts"
import type { Actual } from "../device-state.ts"
import { sameActual } from "../device-state.ts"
import type { ActualRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"
import { takeSome } from "../take-some.ts"
import type { Tenure } from "../tenure.ts"
import { turn } from "../turn.ts"
import type { Session } from "./sessions.ts"

/** Keeps one transaction near a millisecond, so that polls are answered in between. */
const ROWS_PER_TRANSACTION = 128

interface Delivery {
    readonly session: Session
    readonly commandId: string
    readonly deliveries: number
    readonly atMs: number
}

export interface ActualWriterOptions {
    readonly store: Store
    readonly tenure: Tenure
    readonly lazyMs: number
    readonly commandTimeoutMs: number
    readonly now: Clock
    readonly onError: (error: unknown) => void
}

export class ActualWriter {
    readonly #options: ActualWriterOptions
    #changed = new Set<Session>()
    #lazy = new Set<Session>()
    #deliveries: Delivery[] = []
    #flushing: Promise<void> | undefined
    /** Something that matters is being written. */
    #busy = false
    readonly #settling: (() => void)[] = []
    #soon: NodeJS.Immediate | undefined
    readonly #timer: NodeJS.Timeout

    constructor(options: ActualWriterOptions) {
        this.#options = options
        this.#timer = setInterval(() => void this.flush(), options.lazyMs)
    }

    /** Takes over a poll's report. */
    report(session: Session, actual: Actual): void {
        const nowMs = this.#options.now()
        const changed = session.actual === null || !sameActual(session.actual, actual)
        session.actual = actual
        session.reportedAtMs = nowMs
        if (!changed) {
            this.#lazy.add(session)
            return
        }
        session.changedAtMs = nowMs
        this.#changed.add(session)
        this.#flushSoon()
    }

    /** Resolves when all that matters is written; what is the same as before may still wait. */
    settle(): Promise<void> {
        if (this.#changed.size === 0 && this.#deliveries.length === 0 && !this.#busy) return Promise.resolve()
        return new Promise(resolve => {
            this.#settling.push(resolve)
            this.#flushing ??= this.#begin(false)
        })
    }

    /** The device talks to another server process now: what waits here is out of date. */
    forget(session: Session): void {
        this.#changed.delete(session)
        this.#lazy.delete(session)
    }

    noteDelivery(delivery: Delivery): void {
        this.#deliveries.push(delivery)
        this.#flushSoon()
    }

    /** Writes everything that waits; resolves when it is committed. Does not throw. */
    flush(): Promise<void> {
        this.#flushing ??= this.#begin(true)
        return this.#flushing
    }

    #begin(withLazy: boolean): Promise<void> {
        return this.#flushAll(withLazy).finally(() => {
            this.#flushing = undefined
            this.#settled()
        })
    }

    #settled(): void {
        for (const resolve of this.#settling.splice(0)) resolve()
    }

    async close(): Promise<void> {
        clearInterval(this.#timer)
        clearImmediate(this.#soon)
        await this.flush()
        await this.flush()
    }

    #flushSoon(): void {
        this.#soon ??= setImmediate(() => {
            this.#soon = undefined
            void this.flush()
        })
    }

    async #flushAll(withLazy: boolean): Promise<void> {
        const lazy = withLazy ? this.#lazy : new Set<Session>()
        if (withLazy) this.#lazy = new Set()
        const pages = [...chunks([...lazy], ROWS_PER_TRANSACTION)]
        while (this.#changed.size > 0 || this.#deliveries.length > 0 || pages.length > 0) {
            const changed = takeSome(this.#changed, ROWS_PER_TRANSACTION)
            const deliveries = this.#deliveries.splice(0, ROWS_PER_TRANSACTION)
            const same = changed.length === 0 ? (pages.pop() ?? []) : []
            this.#busy = changed.length > 0 || deliveries.length > 0
            try {
                await this.#write(changed, same, deliveries)
                this.#busy = false
                if (this.#changed.size === 0 && this.#deliveries.length === 0) this.#settled()
            } catch (error) {
                this.#busy = false
                for (const session of changed) this.#changed.add(session)
                for (const session of [...same, ...pages.flat()]) this.#lazy.add(session)
                this.#deliveries.unshift(...deliveries)
                this.#options.onError(error)
                return
            }
            await turn()
        }
    }

    async #write(changed: Session[], same: Session[], deliveries: readonly Delivery[]): Promise<void> {
        const { store, tenure, commandTimeoutMs } = this.#options
        await store.write(async repos => {
            // What was reported here before another server has the device is that one's business: the device says it there.
            const lost: ReadonlySet<Session> = await tenure.lost(repos, [...changed, ...same, ...deliveries.map(({ session }) => session)])
            const isHeld = (session: Session): boolean => !lost.has(session)
            await repos.devices.putActual([...changed, ...same].filter(isHeld).map(toRow))
            for (const { session, commandId, deliveries: count, atMs } of deliveries)
                if (isHeld(session)) await repos.commands.noteDelivery(commandId, count, atMs, atMs + commandTimeoutMs)
            for (const session of changed.filter(isHeld))
                repos.events.note("device.actual", session.deviceId, session.changedAtMs, { ...session.actual })
        })
    }
}

export function toRow(session: Session): ActualRow {
    if (session.actual === null) throw new Error(`${session.deviceId} has reported nothing yet`)
    return {
        deviceId: session.deviceId,
        ...session.actual,
        reportedAtMs: session.reportedAtMs,
        changedAtMs: session.changedAtMs,
    }
}
