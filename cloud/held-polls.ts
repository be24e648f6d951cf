/**
 * Polls that wait for something to tell the device. One per device: a newer poll ends
 * the older one, because the older one's connection is most likely dead.
 *
 * A held poll is as small as possible, there are ten thousand of them: no closure
 * besides the answer, and one timer for all polls that end in the same tenth of a second.
 */
export interface HeldPoll {
    /** Ends the poll; null = nothing to say (202). `last`: of its connection, too. */
    answer(body: string | null, last?: boolean): void
}

const SLOT_MS = 100

interface Entry {
    readonly poll: HeldPoll
    readonly slot: number
    readonly isLeaving: boolean
}

export class HeldPolls {
    readonly #byDevice = new Map<string, Entry>()
    /** Slot number → devices whose poll ends then. */
    readonly #slots = new Map<number, Set<string>>()
    readonly #onDue: (deviceId: string) => string | null
    #timer: NodeJS.Timeout | undefined
    #closed = false

    /** `onDue` is asked, when a poll's time is over, for what there is to say by now. */
    constructor(onDue: (deviceId: string) => string | null) {
        this.#onDue = onDue
    }

    get size(): number {
        return this.#byDevice.size
    }

    /** `isLeaving`: of a device that was offered to another server, and waits here to be let go of. */
    hold(deviceId: string, holdMs: number, poll: HeldPoll, isLeaving = false): void {
        this.end(deviceId, null)
        if (this.#closed) return poll.answer(null, true)
        const slot = Math.ceil((performance.now() + holdMs) / SLOT_MS)
        this.#byDevice.set(deviceId, { poll, slot, isLeaving })
        const devices = this.#slots.get(slot)
        if (devices === undefined) this.#slots.set(slot, new Set([deviceId]))
        else devices.add(deviceId)
        this.#timer ??= setInterval(() => this.#tick(), SLOT_MS)
    }

    has(deviceId: string): boolean {
        return this.#byDevice.has(deviceId)
    }

    /** Answers the device's poll, if one waits. */
    end(deviceId: string, body: string | null): boolean {
        const entry = this.#remove(deviceId)
        entry?.poll.answer(body)
        return entry !== undefined
    }

    /** Tells the device that waits to go to another server, unless it knows. */
    offer(deviceId: string, body: string | null): void {
        if (this.#byDevice.get(deviceId)?.isLeaving !== true) this.end(deviceId, body)
    }

    /** The connection is gone; nothing is answered. Only this very poll is removed. */
    drop(deviceId: string, poll: HeldPoll): void {
        if (this.#byDevice.get(deviceId)?.poll === poll) this.#remove(deviceId)
    }

    close(): void {
        this.#closed = true
        for (const deviceId of [...this.#byDevice.keys()]) this.#remove(deviceId)?.poll.answer(null, true)
        clearInterval(this.#timer)
        this.#timer = undefined
    }

    #remove(deviceId: string): Entry | undefined {
        const entry = this.#byDevice.get(deviceId)
        if (entry === undefined) return undefined
        this.#byDevice.delete(deviceId)
        const devices = this.#slots.get(entry.slot)
        devices?.delete(deviceId)
        if (devices?.size === 0) this.#slots.delete(entry.slot)
        if (this.#byDevice.size === 0) {
            clearInterval(this.#timer)
            this.#timer = undefined
        }
        return entry
    }

    #tick(): void {
        const now = performance.now() / SLOT_MS
        for (const [slot, devices] of this.#slots) {
            if (slot > now) continue
            for (const deviceId of [...devices]) this.end(deviceId, this.#onDue(deviceId))
        }
    }
}
