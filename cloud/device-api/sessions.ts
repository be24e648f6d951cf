/**
 * What the server remembers of each device that talked to it: a cache of the store,
 * so that a poll with no news costs no query. Everything here can be dropped at any
 * time and is read again.
 */
import { randomBytes } from "node:crypto"
import type { Clock } from "../clock.ts"
import type { Actual } from "../device-state.ts"
import type { HeldPolls } from "../held-polls.ts"
import { LIMITS } from "../limits.ts"
import type { StoredEvent } from "../store/events.ts"
import { IDS_PER_QUERY } from "../store/id-list.ts"
import type { ActualRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"
import type { ServerSecret } from "../server-secret.ts"
import type { Tenure } from "../tenure.ts"
import type { Extras, ExtrasState } from "./extras.ts"
import { noExtras } from "./extras.ts"
import type { Offer } from "./offer.ts"
import { createOffer, delivered, isDue } from "./offer.ts"
import type { Seals } from "./seal.ts"

export interface Session {
    readonly deviceId: string
    /** The epoch since which the device is this server's, as its last request found it (cloud/tenure.ts). */
    since: number | null
    actual: Actual | null
    reportedAtMs: number
    changedAtMs: number
    offer: Offer | null
    /** Number of the reading that the offer is from. */
    reading: number
    /** Requests the device may still make at once, as of `allowanceAtMs` (a token bucket). */
    allowance: number
    allowanceAtMs: number
    readonly extras: ExtrasState
    /** The key of sealed requests; null = the device has none. */
    readonly sealKey: Buffer | null
}

export interface SessionsOptions {
    readonly store: Store
    readonly held: HeldPolls
    readonly tenure: Tenure
    readonly now: Clock
    /** The device's session was dropped, because it has talked to another server process. */
    readonly onMoved: (session: Session) => void
    /** A command went out. */
    readonly onDelivered: (session: Session, offer: Offer, atMs: number) => void
    readonly onError: (error: unknown) => void
    readonly extras: Extras
    readonly secret: ServerSecret
    readonly seals: Seals
}

/** Stands for a key that the server cannot read any more: nothing opens with it. */
const NO_KEY = randomBytes(32)
/** After a read that failed. */
const AGAIN_MS = 500

export class Sessions {
    readonly #options: SessionsOptions
    readonly #byId = new Map<string, Session>()
    readonly #loading = new Map<string, Promise<Session | undefined>>()

    /** Of open commands, in the order in which they began. */
    #readings = 0

    constructor(options: SessionsOptions) {
        this.#options = options
        options.store.onEvents((events, elsewhere) => this.#onEvents(events, elsewhere))
    }

    get size(): number {
        return this.#byId.size
    }

    /** At once for a device seen before; undefined for one that does not exist. */
    find(deviceId: string): Session | undefined | Promise<Session | undefined> {
        return this.#byId.get(deviceId) ?? this.#loadOnce(deviceId)
    }

    /** Whether the device has talked to this process. */
    isKnown(deviceId: string): boolean {
        return this.#byId.has(deviceId)
    }

    /** The device belongs to another server; returns what was remembered of it. */
    drop(deviceId: string): Session | undefined {
        const session = this.#byId.get(deviceId)
        this.#byId.delete(deviceId)
        return session
    }

    /** The body of a poll's answer when there is something to say now, noted as delivered. */
    take(session: Session): string | null {
        const { offer, actual } = session
        if (actual === null) return null
        const nowMs = this.#options.now()
        const extra = this.#options.extras.take(session.extras, actual.baseId, nowMs)
        if (offer === null || !isDue(offer, actual, nowMs)) return extra === null ? null : JSON.stringify(extra)
        delivered(offer, nowMs)
        this.#options.onDelivered(session, offer, nowMs)
        return extra === null ? offer.body : JSON.stringify({ ...JSON.parse(offer.body), ...extra })
    }

    /** The same for a held poll whose time is over. */
    takeFor(deviceId: string): string | null {
        const session = this.#byId.get(deviceId)
        return session === undefined ? null : this.take(session)
    }

    /** Seconds to wait when the device asks more often than it may, else 0. */
    throttle(session: Session): number {
        const nowMs = this.#options.now()
        const refill = ((nowMs - session.allowanceAtMs) / 1000) * LIMITS.deviceRequestsPerS
        session.allowance = Math.min(LIMITS.deviceRequestBurst, session.allowance + refill)
        session.allowanceAtMs = nowMs
        if (session.allowance < 1) return 1
        session.allowance--
        return 0
    }

    /** A device that came from another server, with nothing to be told to it: it is in the store as it is here, so nothing is read. */
    adopt(deviceId: string, actual: ActualRow | undefined, sealKey: Buffer | null): void {
        if (this.#loading.has(deviceId)) return
        this.#byId.set(deviceId, newSession(deviceId, this.#options.tenure.since(deviceId), actual, sealKey, this.#options.now()))
    }

    #loadOnce(deviceId: string): Promise<Session | undefined> {
        let loading = this.#loading.get(deviceId)
        if (loading === undefined) {
            loading = this.#load(deviceId).finally(() => this.#loading.delete(deviceId))
            this.#loading.set(deviceId, loading)
        }
        return loading
    }

    async #load(deviceId: string): Promise<Session | undefined> {
        const { store, tenure, now } = this.#options
        const device = await store.read.devices.get(deviceId)
        if (device === undefined) return undefined
        const row = await store.read.devices.getActual(deviceId)
        const session = newSession(deviceId, tenure.since(deviceId), row, device.sealKey === null ? null : (this.#options.secret.unwrap(deviceId, device.sealKey) ?? NO_KEY), now())
        session.extras.nextToken = await this.#options.extras.nextToken(deviceId)
        // In the map before its command is read: a command that is committed meanwhile refreshes it.
        this.#byId.set(deviceId, session)
        try {
            await this.#refresh([deviceId])
        } catch (error) {
            // Without its command it must not be taken for known.
            this.#byId.delete(deviceId)
            throw error
        }
        return session
    }

    #onEvents(events: readonly StoredEvent[], elsewhere: boolean): void {
        const changed = new Set<string>()
        for (const { type, deviceId } of events) {
            if (deviceId === null) continue
            if (elsewhere && (type === "device.actual" || type === "device.status")) this.#forget(deviceId)
            else if (type === "token.pending") void this.#tellTokenSurely(deviceId)
            else if (type === "device.removed" || type === "device.key") {
                this.#options.seals.end(deviceId)
                this.#byId.delete(deviceId)
                this.#options.held.end(deviceId, null)
            } else if (type.startsWith("command.") && this.#byId.has(deviceId)) changed.add(deviceId)
        }
        if (changed.size > 0) void this.#refreshSurely([...changed])
    }

    /** Tries until it is done: a device that waits here would not hear of its command otherwise. */
    async #refreshSurely(deviceIds: readonly string[]): Promise<void> {
        try {
            await this.#refresh(deviceIds)
        } catch (error) {
            this.#options.onError(error)
            setTimeout(() => void this.#refreshSurely(deviceIds), AGAIN_MS).unref()
        }
    }

    async #tellTokenSurely(deviceId: string): Promise<void> {
        try {
            await this.#tellToken(deviceId)
        } catch (error) {
            this.#options.onError(error)
            setTimeout(() => void this.#tellTokenSurely(deviceId), AGAIN_MS).unref()
        }
    }

    /** The device has another token to learn, or has learnt it. */
    async #tellToken(deviceId: string): Promise<void> {
        const session = this.#byId.get(deviceId)
        if (session === undefined) return
        session.extras.nextToken = await this.#options.extras.nextToken(deviceId)
        delete session.extras.againAtMs.token
        if (!this.#options.held.has(deviceId)) return
        const body = this.take(session)
        if (body !== null) this.#options.held.end(deviceId, body)
    }

    /** What is remembered of the device is old, and a poll of it that waits here is most likely dead. */
    #forget(deviceId: string): void {
        const session = this.#byId.get(deviceId)
        if (session === undefined) return
        this.#byId.delete(deviceId)
        this.#options.onMoved(session)
        this.#options.held.end(deviceId, null)
    }

    /** Reads the devices' open commands and wakes the polls that wait for one. */
    async #refresh(deviceIds: readonly string[]): Promise<void> {
        const { store, held } = this.#options
        for (let from = 0; from < deviceIds.length; from += IDS_PER_QUERY) {
            const part = deviceIds.slice(from, from + IDS_PER_QUERY)
            const reading = ++this.#readings
            const open = new Map((await store.read.commands.open(part)).map(command => [command.deviceId, command]))
            for (const deviceId of part) {
                const session = this.#byId.get(deviceId)
                // Two readings at a time may answer the other way round: what the later one saw counts.
                if (session === undefined || session.reading > reading) continue
                session.reading = reading
                const command = open.get(deviceId)
                const offer = command === undefined ? null : createOffer(command, id => this.#options.secret.coldKey(deviceId, id))
                const before = session.offer
                if (offer !== null && before?.commandId === offer.commandId && before.cancel === offer.cancel) {
                    offer.deliveries = before.deliveries
                    offer.nextAtMs = before.nextAtMs
                }
                session.offer = offer
                if (!held.has(deviceId)) continue
                const body = this.take(session)
                if (body !== null) held.end(deviceId, body)
            }
        }
    }
}

const newSession = (deviceId: string, since: number | null, row: ActualRow | undefined, sealKey: Buffer | null, nowMs: number): Session => ({
    deviceId,
    since,
    actual: row === undefined ? null : toActual(row),
    reportedAtMs: Number(row?.reportedAtMs ?? 0),
    changedAtMs: Number(row?.changedAtMs ?? 0),
    offer: null,
    reading: 0,
    allowance: LIMITS.deviceRequestBurst,
    allowanceAtMs: nowMs,
    extras: noExtras(),
    sealKey,
})

export function toActual(row: ActualRow): Actual {
    return {
        version: row.version,
        sequence: Number(row.sequence),
        baseId: row.baseId,
        bank: row.bank,
        state: row.state,
        bootCount: row.bootCount === null ? null : Number(row.bootCount),
        channel: row.channel,
        uptimeMs: row.uptimeMs === null ? null : Number(row.uptimeMs),
        ledger: row.ledger,
    }
}
