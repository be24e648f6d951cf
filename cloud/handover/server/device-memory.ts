/** What this process remembers of devices besides their rows: it comes and goes with them. */
import type { Controller } from "../../controller/controller.ts"
import type { ActualWriter } from "../../device-api/actual-writer.ts"
import type { Sessions } from "../../device-api/sessions.ts"
import type { Principals } from "../../principals.ts"
import type { ActualRow, TokenRow } from "../../store/schema.ts"
import type { DeviceBody } from "./device-sessions.ts"

const TICKS_PER_LOOK = 10

export interface DeviceMemoryOptions {
    readonly sessions: Sessions
    readonly writer: ActualWriter
    readonly principals: Principals
    readonly controller: Controller
}

export class DeviceMemory {
    readonly #options: DeviceMemoryOptions
    readonly #arrived = new Set<string>()
    #ticks = 0
    /** Its session was made of what came, a moment before it is this server's. */
    #welcomed: string | null = null

    constructor(options: DeviceMemoryOptions) {
        this.#options = options
    }

    /** What polls reported is written; the rows are read in the transaction that lets go of them. */
    settle(): Promise<void> {
        return this.#options.writer.settle()
    }

    /** Who waits for this device needs no query; and what there is to do for it is done when there is time. */
    welcome(device: string, { rows, sealKey }: DeviceBody, isAwaited: boolean): void {
        this.#dismiss(device)
        this.#welcomed = device
        const { sessions, principals } = this.#options
        const isOpen = rows.commands?.some(({ finishedAtMs }) => finishedAtMs === null)
        if (isOpen || rows.desired !== undefined) this.#arrived.add(device)
        const tokens = (rows.tokens ?? []) as unknown as TokenRow[]
        if (!isAwaited || isOpen || tokens.some(({ pending }) => Number(pending) !== 0)) return
        sessions.adopt(device, rows.actual?.[0] as unknown as ActualRow | undefined, sealKey === null ? null : Buffer.from(sealKey, "hex"))
        for (const token of tokens) principals.learn(token)
    }

    /** The device came or went: what is remembered of it is not what the store has. */
    changedHands(device: string): void {
        if (this.#welcomed === device) this.#welcomed = null
        else this.#dismiss(device)
    }

    /** The controller looks at what arrived when there is time: no device waits for that. */
    tick(): void {
        if (this.#arrived.size === 0 || ++this.#ticks % TICKS_PER_LOOK !== 0) return
        this.#options.controller.look(this.#arrived)
        this.#arrived.clear()
    }

    #dismiss(device: string): void {
        const session = this.#options.sessions.drop(device)
        if (session !== undefined) this.#options.writer.forget(session)
    }
}
