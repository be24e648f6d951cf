/**
 * Brings what the devices are to what they should be.
 *
 * It looks at a device when something about it was committed, when time has passed
 * for it, and at all of them once when it begins to lead: nothing that matters is in
 * memory, so it may be killed anywhere. Judgement (`decide`) and the writes that come
 * of it are one transaction.
 */
import type { Logger } from "pino"
import type { Clock } from "../clock.ts"
import { newId } from "../ids.ts"
import { isDatabaseAway } from "../store/database-away.ts"
import type { EventType, StoredEvent } from "../store/events.ts"
import { itself, pagesOf } from "../store/pages.ts"
import { takeSome } from "../take-some.ts"
import type { Tenure } from "../tenure.ts"
import type { Repos, Store } from "../store/store.ts"
import type { DeviceView } from "../store/views.ts"
import { turn } from "../turn.ts"
import type { ControllerPolicy } from "./decide.ts"
import { decide } from "./decide.ts"

/** Small enough that the event loop answers polls in between. */
const DEVICES_PER_TRANSACTION = 32
/** A device needs at most: finish, cancel or grant. */
const STEPS_MAX = 3
/** After the database was away. */
const AGAIN_MS = 500

const OF_INTEREST: ReadonlySet<EventType> = new Set<EventType>([
    "device.actual",
    "device.desired",
    "device.status",
    "command.finished",
])

export interface ControllerOptions {
    readonly store: Store
    readonly tenure: Tenure
    readonly policy: ControllerPolicy
    readonly sweepMs: number
    readonly now: Clock
    readonly log: Logger
}

export class Controller {
    readonly #options: ControllerOptions
    readonly #waiting = new Set<string>()
    #running: Promise<void> | undefined
    #timer: NodeJS.Timeout | undefined
    #closed = false
    #started = false
    readonly #unsubscribe: () => void

    constructor(options: ControllerOptions) {
        this.#options = options
        this.#unsubscribe = options.store.onEvents(events => this.#onEvents(events))
    }

    /** Takes up what a previous process left. */
    start(): void {
        if (this.#started || this.#closed) return
        this.#started = true
        this.#timer = setInterval(() => void this.#sweep(), this.#options.sweepMs)
        void this.#everything()
    }

    /** Another process leads: it does what happens by itself. */
    stop(): void {
        this.#started = false
        clearInterval(this.#timer)
        this.#waiting.clear()
    }

    async close(): Promise<void> {
        this.stop()
        this.#closed = true
        this.#unsubscribe()
        await this.#running
    }

    /** Looks at the devices soon. */
    look(deviceIds: Iterable<string>): void {
        for (const id of deviceIds) this.#waiting.add(id)
        if (this.#running !== undefined || !this.#started || this.#waiting.size === 0) return
        this.#running = this.#work().finally(() => {
            this.#running = undefined
            this.look([])
        })
    }

    /**
     * Judges devices inside a transaction of the caller's, so that one commit has both
     * the wish and the command that comes of it.
     */
    async reconcile(repos: Repos, deviceIds: readonly string[]): Promise<void> {
        let left = deviceIds
        for (let step = 0; step < STEPS_MAX && left.length > 0; step++) {
            const again: string[] = []
            for (const view of await repos.views.devices(left)) if (await this.#apply(repos, view)) again.push(view.deviceId)
            left = again
        }
    }

    #onEvents(events: readonly StoredEvent[]): void {
        if (!this.#started) return
        const ids: string[] = []
        for (const event of events) {
            if (event.deviceId !== null && OF_INTEREST.has(event.type)) ids.push(event.deviceId)
            else if (event.type === "artifact.added") void this.#waitingFor(String(event.data.release))
        }
        if (ids.length > 0) this.look(ids)
    }

    /** Devices that waited for an artifact may have one now. */
    async #waitingFor(releaseId: string): Promise<void> {
        try {
            this.look(await this.#options.store.read.desired.devicesOf(releaseId))
        } catch (error) {
            if (this.#closed) return
            this.#options.log.error({ err: error }, "controller: the devices of a release cannot be read")
            if (isDatabaseAway(error)) this.#later(() => this.#waitingFor(releaseId))
        }
    }

    async #work(): Promise<void> {
        while (this.#waiting.size > 0) {
            // Yields, so that a burst becomes one transaction and polls are answered between two.
            await turn()
            const batch = takeSome(this.#waiting, DEVICES_PER_TRANSACTION)
            try {
                // Most of the time there is nothing to write.
                const left = (await this.#options.store.read.views.devices(batch)).filter(view => this.#isToDo(view)).map(view => view.deviceId)
                if (left.length > 0 && this.#started) await this.#write(left)
            } catch (error) {
                this.#options.log.error({ err: error, devices: batch.length }, "controller: a batch failed")
                // Anything else than a database that is away would fail in the same way again.
                if (this.#closed || !isDatabaseAway(error)) continue
                await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
                // Nobody else would look at these: what they wait for has happened already.
                if (this.#started) for (const id of batch) this.#waiting.add(id)
            }
        }
    }

    /** A process that was stopped may have lost the lead without having heard of it. */
    #write(deviceIds: readonly string[]): Promise<void> {
        const { store, tenure } = this.#options
        return store.write(async repos => {
            if (!tenure.isAsked || (await store.holdsLead(repos))) await this.reconcile(repos, deviceIds)
        })
    }

    async #sweep(): Promise<void> {
        try {
            this.look(await this.#options.store.read.views.due(this.#options.now(), 500))
        } catch (error) {
            if (!this.#closed) this.#options.log.error({ err: error }, "controller: the sweep failed")
        }
    }

    async #everything(): Promise<void> {
        try {
            for await (const ids of pagesOf(after => this.#options.store.read.views.managed(after, 500), itself)) {
                if (!this.#started) return
                this.look(ids)
            }
        } catch (error) {
            if (this.#closed) return
            this.#options.log.error({ err: error }, "controller: the first look failed")
            if (isDatabaseAway(error)) this.#later(() => this.#everything())
        }
    }

    /** Once more in a moment, if this process leads then. */
    #later(work: () => Promise<void>): void {
        setTimeout(() => void (this.#started && work()), AGAIN_MS).unref()
    }

    #isToDo(view: DeviceView): boolean {
        const nowMs = this.#options.now()
        return decide(view, nowMs, this.#options.policy).kind !== "rest" || isRetryDue(view, nowMs)
    }

    /** Returns whether to look at the device again. */
    async #apply(repos: Repos, view: DeviceView): Promise<boolean> {
        const nowMs = this.#options.now()
        const { policy } = this.#options
        const decision = decide(view, nowMs, policy)
        switch (decision.kind) {
            case "rest":
                // A retry whose time has come but that is not wanted any more would be due for ever.
                if (isRetryDue(view, nowMs)) await repos.desired.setRetry(view.deviceId, null)
                return false
            case "grant": {
                const id = newId("c", nowMs)
                await repos.commands.insert({
                    id,
                    deviceId: view.deviceId,
                    kind: decision.command,
                    releaseId: view.releaseId,
                    baseId: view.actualBaseId,
                    downgrade: decision.downgrade ? 1 : 0,
                    generation: Number(view.generation),
                    attempt: decision.attempt,
                    state: "queued",
                    rolloutId: view.rolloutId,
                    queuedAtMs: nowMs,
                    deliveries: 0,
                })
                if (view.retryAtMs !== null) await repos.desired.setRetry(view.deviceId, null)
                repos.events.note("command.queued", view.deviceId, nowMs, {
                    command: id,
                    release: view.releaseId,
                    attempt: decision.attempt,
                    rollout: view.rolloutId,
                })
                return false
            }
            case "cancel":
                await repos.commands.patch(decision.commandId, {
                    cancelAtMs: nowMs,
                    deadlineAtMs: nowMs + policy.cancelTimeoutMs,
                })
                repos.events.note("command.changed", view.deviceId, nowMs, {
                    command: decision.commandId,
                    state: "cancelling",
                })
                return false
            case "regress":
                await finishCommand(
                    repos,
                    { ...view, commandReleaseId: view.releaseId },
                    { commandId: decision.commandId, state: "rolledBack", code: null, retryAtMs: null },
                    nowMs,
                )
                return false
            case "finish":
                await finishCommand(repos, view, decision, nowMs)
                return decision.again
        }
    }
}

async function finishCommand(
    repos: Repos,
    view: DeviceView,
    decision: { commandId: string; state: string; code: string | null; retryAtMs: number | null },
    nowMs: number,
): Promise<void> {
    await repos.commands.patch(decision.commandId, {
        state: decision.state,
        code: decision.code,
        finishedAtMs: nowMs,
        deadlineAtMs: null,
    })
    if (decision.retryAtMs !== null) await repos.desired.setRetry(view.deviceId, decision.retryAtMs)
    const bad = decision.state === "failed" || decision.state === "rolledBack"
    // The base is never barred: it is the last way out.
    if (bad && view.commandKind !== "revert" && view.commandReleaseId !== null) {
        await repos.desired.block({
            deviceId: view.deviceId,
            releaseId: view.commandReleaseId,
            reason: decision.state,
            commandId: decision.commandId,
            atMs: nowMs,
        })
        repos.events.note("device.blocked", view.deviceId, nowMs, {
            release: view.commandReleaseId,
            reason: decision.state,
        })
    }
    repos.events.note("command.finished", view.deviceId, nowMs, {
        command: decision.commandId,
        release: view.commandReleaseId,
        state: decision.state,
        code: decision.code,
    })
}

const isRetryDue = ({ retryAtMs }: DeviceView, nowMs: number): boolean => retryAtMs !== null && retryAtMs <= nowMs
