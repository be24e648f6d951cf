/** Devices' rows that are copied while their devices are still served: at current what was sent, at next what came. */
import type { RunningWork } from "../../running-work.ts"
import type { StoredEvent } from "../../store/events.ts"
import { turn } from "../../turn.ts"
import type { Copies } from "../copies.ts"
import type { Copy, Copying } from "../leaving.ts"
import type { SessionName, Snapshot } from "../messages.ts"
import { type DeviceRest, type Prints, printsOf, putTogether, restOf } from "./device-rest.ts"
import { type DeviceBody, snapshotOf } from "./device-sessions.ts"

/** Requests are answered in between. */
const READ_AT_ONCE = 4
/** A message ends here; with UTF-8 and the last device's text it is still below what any version takes (16 MiB). */
const PART_MAX_CHARS = 1024 * 1024
/** A device with more is sent whole, when it is frozen. */
const COPY_MAX_CHARS = 2 * 1024 * 1024
/** A slow pace is for the devices that move. */
const COPIES_MIN_PER_S = 200
/** What is above is sent at the freeze. */
const KEPT_MAX_CHARS = 128 * 1024 * 1024
/** Rows that current has a number of (32 MB); devices above it have no copy. Next is full before, but one of an earlier version does not say so. */
const PRINTS_MAX = 4_000_000

export interface SentCopiesOptions {
    readonly work: RunningWork
    read(device: SessionName): Promise<DeviceBody | undefined>
    onError(error: unknown): void
}

/** At current. */
export class SentCopies implements Copying<DeviceBody> {
    readonly roundsMax = 4
    readonly sessionsPerCopy = 32
    readonly dirtyMax = 32
    readonly #options: SentCopiesOptions
    readonly #sent = new Map<SessionName, { readonly version: number; readonly prints: Prints }>()
    readonly #changed = new Set<SessionName>()
    readonly #printsMax: number
    #prints = 0
    /** While devices are copied, changes are counted. */
    on = false

    constructor(options: SentCopiesOptions, printsMax = PRINTS_MAX) {
        this.#options = options
        this.#printsMax = printsMax
    }

    perS(offersPerS: number): number {
        return Math.max(COPIES_MIN_PER_S, 2 * offersPerS)
    }

    note(events: readonly StoredEvent[]): void {
        if (!this.on) return
        for (const { deviceId } of events) if (deviceId !== null) this.#changed.add(deviceId)
    }

    clear(): void {
        this.#sent.clear()
        this.#prints = 0
        this.#changed.clear()
    }

    read(devices: readonly SessionName[], done: (copies: readonly Copy<DeviceBody>[], unread: readonly SessionName[]) => void): void {
        const { work, onError } = this.#options
        work.begin(async () => {
            const copies: Copy<DeviceBody>[] = []
            let unread: readonly SessionName[] = []
            try {
                unread = devices.slice(await this.#read(devices, copies))
            } catch (error) {
                // They are sent whole.
                onError(error)
            }
            done(copies, unread)
        }, onError)
    }

    forget(device: SessionName): void {
        for (const prints of this.#sent.get(device)?.prints.values() ?? []) this.#prints -= prints.length
        this.#sent.delete(device)
    }

    /** What no event tells of is in the rest. */
    changed(): readonly SessionName[] {
        return [...this.#changed]
    }

    /** `have`: what the other server says that it has. */
    rest(device: SessionName, have: number, { version, body }: Snapshot<DeviceBody>): Snapshot<DeviceBody> | undefined {
        const sent = this.#sent.get(device)
        if (sent?.version !== have || body === undefined) return undefined
        return { version, since: { version: have, rest: restOf(sent.prints, body) } }
    }

    /** Returns how many of them were looked at. */
    async #read(devices: readonly SessionName[], copies: Copy<DeviceBody>[]): Promise<number> {
        let chars = 0
        for (const [n, session] of devices.entries()) {
            if (chars >= PART_MAX_CHARS) return n
            if (this.#prints >= this.#printsMax && !this.#sent.has(session)) continue
            if (n > 0 && n % READ_AT_ONCE === 0) await turn()
            // Before it is read: what changes from here on is another version.
            this.#changed.delete(session)
            const body = await this.#options.read(session)
            if (body === undefined) continue
            const text = JSON.stringify(body)
            this.forget(session)
            if (text.length > COPY_MAX_CHARS) continue
            const prints = printsOf(body)
            const count = [...prints.values()].reduce((sum, { length }) => sum + length, 0)
            if (this.#prints + count > this.#printsMax) continue
            chars += text.length
            this.#prints += count
            const snapshot = snapshotOf(body, text)
            this.#sent.set(session, { version: snapshot.version, prints })
            copies.push({ session, snapshot })
        }
        return devices.length
    }
}

/** At next: as text, which is a third of what the same takes as objects. */
export class KeptCopies implements Copies<DeviceBody> {
    readonly #kept = new Map<SessionName, { readonly version: number; readonly text: string }>()
    readonly #checked = new WeakSet<DeviceBody>()
    readonly #onError: (error: unknown) => void
    readonly #maxChars: number
    #chars = 0

    constructor(onError: (error: unknown) => void, maxChars = KEPT_MAX_CHARS) {
        this.#onError = onError
        this.#maxChars = maxChars
    }

    version(device: SessionName): number | null {
        return this.#kept.get(device)?.version ?? null
    }

    keep(device: SessionName, { version, body }: Snapshot<DeviceBody>): boolean {
        this.drop(device)
        if (body === undefined) return false
        const text = JSON.stringify(body)
        if (snapshotOf(body, text).version !== version) {
            this.#onError(new Error(`HOV_HANDOVER_DIGEST: the copy that came of ${device} is not what was sent`))
            return false
        }
        if (this.#chars + text.length > this.#maxChars) return false
        this.#kept.set(device, { version, text })
        this.#chars += text.length
        return true
    }

    complete(device: SessionName, { version, since }: Snapshot<DeviceBody>): DeviceBody | undefined {
        const copy = this.#kept.get(device)
        if (copy === undefined || copy.version !== (since?.version ?? version)) return undefined
        const before = JSON.parse(copy.text) as DeviceBody
        const body = since === undefined ? before : putTogether(before, since.rest as DeviceRest)
        if (since !== undefined && snapshotOf(body).version !== version) return undefined
        this.#checked.add(body)
        return body
    }

    /** Whether its digest is known to be right. */
    isChecked(body: DeviceBody): boolean {
        return this.#checked.has(body)
    }

    drop(device: SessionName): void {
        this.#chars -= this.#kept.get(device)?.text.length ?? 0
        this.#kept.delete(device)
    }

    clear(): void {
        this.#kept.clear()
        this.#chars = 0
    }
}
