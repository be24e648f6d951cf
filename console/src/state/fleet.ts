/** All devices, kept up by live events. */
import type { Api, ApiError } from "../api.ts"
import { toApiError } from "../api.ts"
import type { DeviceSummary, FleetFigures, LiveEvent } from "../documents.ts"
import { applyEvent } from "./apply-event.ts"
import type { Live } from "./live.ts"
import { Watched } from "./store.ts"

const PAGE = 500
/** What events cannot tell (a retry that is given up by time) is read again now and then. */
const REFRESH_MS = 600_000

export class Fleet extends Watched {
    readonly devices = new Map<string, DeviceSummary>()
    figures: FleetFigures | undefined
    error: ApiError | undefined
    /** All pages have been read. */
    complete = false
    #sorted: string[] = []
    #sortedStale = false
    readonly #api: Api
    readonly #live: Live
    readonly #stop = new AbortController()
    readonly #timer: ReturnType<typeof setInterval>
    #reading: Promise<void> | undefined

    constructor(api: Api, live: Live) {
        super()
        this.#api = api
        this.#live = live
        live.on(event => this.#take(event))
        this.#timer = setInterval(() => void this.read(), REFRESH_MS)
    }

    /** Ids in order. */
    get ids(): readonly string[] {
        if (this.#sortedStale) {
            this.#sorted = [...this.devices.keys()].map(id => [sortKey(id), id] as const).sort(byKey).map(([, id]) => id)
            this.#sortedStale = false
        }
        return this.#sorted
    }

    /** Reads everything; live events go on from where this begins. */
    read(): Promise<void> {
        this.#reading ??= this.#readAll().finally(() => {
            this.#reading = undefined
        })
        return this.#reading
    }

    close(): void {
        clearInterval(this.#timer)
        this.#stop.abort()
    }

    async #readAll(): Promise<void> {
        const { signal } = this.#stop
        try {
            this.error = undefined
            this.figures = await this.#api.get<FleetFigures>("/fleet", {}, signal)
            void this.#live.run(this.figures.lastEvent)
            const seen = new Set<string>()
            this.tell()
            await this.#api.pages<DeviceSummary>("/devices", { limit: PAGE }, items => {
                for (const device of items) {
                    seen.add(device.id)
                    if (!this.devices.has(device.id)) this.#sortedStale = true
                    this.devices.set(device.id, device)
                }
                this.changed()
            }, signal)
            for (const id of this.devices.keys()) if (!seen.has(id)) this.#remove(id)
            this.complete = true
        } catch (error) {
            if (signal.aborted) return
            this.error = toApiError(error)
        }
        this.tell()
    }

    #take(event: LiveEvent): void {
        if (event.type === "events.gap") void this.read()
        if (event.device === null || event.device === undefined) return
        if (event.type === "device.removed") this.#remove(event.device)
        else {
            const before = this.devices.get(event.device)
            if (before === undefined && event.type !== "device.created") return
            const after = applyEvent(before, event)
            if (after === before) return
            if (before === undefined) this.#sortedStale = true
            this.devices.set(event.device, after)
        }
        this.changed()
    }

    #remove(id: string): void {
        if (this.devices.delete(id)) this.#sortedStale = true
    }
}

const DIGITS_MAX = 12
/** board-2 before board-10. Ten thousand ids are put in order between two pictures: a collator takes some hundred ms for it. */
const sortKey = (id: string): string => id.toLowerCase().replace(/\d+/g, digits => digits.padStart(DIGITS_MAX, "0"))
const byKey = ([a, one]: readonly [string, string], [b, other]: readonly [string, string]): number => (a < b ? -1 : a > b ? 1 : one < other ? -1 : 1)
