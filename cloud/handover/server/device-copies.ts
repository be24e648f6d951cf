/** Devices' rows that are copied while their devices are still served: at current what was sent, at next what came. */
import type { StoredEvent } from "../../store/events.ts"
import type { Copies } from "../copies.ts"
import type { Copy, Copying } from "../leaving.ts"
import type { SessionName, Snapshot } from "../messages.ts"
import { type DeviceRest, type Prints, printsOf, putTogether, restOf } from "./device-rest.ts"
import { type DeviceBody, snapshotOf } from "./device-sessions.ts"
import { turn } from "./owner-changes.ts"

/** Requests are answered in between. */
const READ_AT_ONCE = 4
/** A slow pace is for the devices that move. */
const COPIES_MIN_PER_S = 200
/** What is above is sent at the freeze. */
const KEPT_MAX_CHARS = 128 * 1024 * 1024

export interface SentCopiesOptions {
    read(device: SessionName): Promise<Snapshot<DeviceBody> | undefined>
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
    /** While devices are copied, changes are counted. */
    on = false

    constructor(options: SentCopiesOptions) {
        this.#options = options
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
        this.#changed.clear()
    }

    read(devices: readonly SessionName[], done: (copies: readonly Copy<DeviceBody>[]) => void): void {
        void this.#read(devices).then(done)
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

    async #read(devices: readonly SessionName[]): Promise<readonly Copy<DeviceBody>[]> {
        const copies: Copy<DeviceBody>[] = []
        try {
            for (const [n, session] of devices.entries()) {
                if (n > 0 && n % READ_AT_ONCE === 0) await turn()
                // Before it is read: what changes from here on is another version.
                this.#changed.delete(session)
                const snapshot = await this.#options.read(session)
                if (snapshot?.body === undefined) continue
                this.#sent.set(session, { version: snapshot.version, prints: printsOf(snapshot.body) })
                copies.push({ session, snapshot })
            }
        } catch (error) {
            // They are sent whole.
            this.#options.onError(error)
        }
        return copies
    }
}

/** At next: as text, which is a third of what the same takes as objects. */
export class KeptCopies implements Copies<DeviceBody> {
    readonly #kept = new Map<SessionName, { readonly version: number; readonly text: string }>()
    readonly #checked = new WeakSet<DeviceBody>()
    readonly #onError: (error: unknown) => void
    #chars = 0

    constructor(onError: (error: unknown) => void) {
        this.#onError = onError
    }

    version(device: SessionName): number | null {
        return this.#kept.get(device)?.version ?? null
    }

    keep(device: SessionName, { version, body }: Snapshot<DeviceBody>): void {
        this.drop(device)
        if (body === undefined) return
        const text = JSON.stringify(body)
        if (snapshotOf(body, text).version !== version) return this.#onError(new Error(`HOV_HANDOVER_DIGEST: the copy that came of ${device} is not what was sent`))
        if (this.#chars + text.length > KEPT_MAX_CHARS) return
        this.#kept.set(device, { version, text })
        this.#chars += text.length
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
