/**
 * What server processes on one database tell each other: "there are new events" (NOTIFY),
 * and which of them leads (an advisory lock that lives as long as its connection).
 */
import pg from "pg"
import { clientConfig } from "./postgres-client.ts"

const CHANNEL = "handover_events"
/** Keys of advisory locks: the first number is ours, the second says what for. */
export const LOCKS = { space: 0x484f56, write: 1, leader: 2 } as const

/** How often a process that does not lead tries to, and one that leads makes sure that it still does. */
const BEAT_MS = 500
const ANSWER_MS = 5_000
const RESIGNED_MS = 10_000

export interface ChannelOptions {
    readonly url: string
    /** Names this process in notifications. */
    readonly id: string
    /** Another process has committed events, or some may have been missed. */
    readonly onNews: () => void
    readonly onLeads: (leads: boolean) => void
    readonly onError: (error: unknown) => void
}

export class PostgresChannel {
    readonly #options: ChannelOptions
    #client: pg.Client | undefined
    #leads = false
    #closed = false
    #timer: NodeJS.Timeout | undefined
    #resignedUntilMs = 0
    #beating: Promise<void> | undefined

    private constructor(options: ChannelOptions) {
        this.#options = options
    }

    /** Listens when the promise resolves; who leads is settled already when nobody else is there. */
    static async open(options: ChannelOptions): Promise<PostgresChannel> {
        const channel = new PostgresChannel(options)
        await channel.#connect()
        await channel.#compete()
        channel.#timer = setInterval(() => {
            channel.#beating ??= channel.#beat().finally(() => {
                channel.#beating = undefined
            })
        }, BEAT_MS)
        return channel
    }

    /** The statement that tells the others, for the transaction of the events. */
    static notification(id: string): { channel: string; payload: string } {
        return { channel: CHANNEL, payload: id }
    }

    get leads(): boolean {
        return this.#leads
    }

    /** The database's process at the other end of the connection that has the lead; undefined while there is none. */
    get backend(): number | undefined {
        return this.#leads ? (this.#client as { processID?: number } | undefined)?.processID : undefined
    }

    get isConnected(): boolean {
        return this.#client !== undefined
    }

    /** Gives the lead to another process; should there be none, this one takes it again later. */
    async resign(): Promise<void> {
        this.#resignedUntilMs = performance.now() + RESIGNED_MS
        await this.#beating
        if (!this.#leads) return
        await this.#client?.query("select pg_advisory_unlock($1, $2)", [LOCKS.space, LOCKS.leader])
        this.#setLeads(false)
    }

    /** Gives the lead up and hangs up. */
    async close(): Promise<void> {
        this.#closed = true
        clearInterval(this.#timer)
        await this.#beating
        this.#setLeads(false)
        await this.#client?.end().catch(() => {})
    }

    async #connect(): Promise<void> {
        const client = new pg.Client({ ...clientConfig(this.#options.url), query_timeout: ANSWER_MS })
        client.on("notification", ({ payload }) => {
            if (payload !== this.#options.id) this.#options.onNews()
        })
        const lost = (error?: unknown): void => {
            if (this.#client !== client) return
            this.#client = undefined
            this.#setLeads(false)
            if (error !== undefined && !this.#closed) this.#options.onError(error)
            client.end().catch(() => {})
        }
        client.on("error", lost)
        client.on("end", () => lost())
        try {
            await client.connect()
            await client.query(`listen ${CHANNEL}`)
        } catch (error) {
            client.end().catch(() => {})
            throw error
        }
        this.#client = client
    }

    async #beat(): Promise<void> {
        try {
            if (this.#client === undefined) {
                await this.#connect()
                // What was said while nobody listened is in the store.
                this.#options.onNews()
            }
            await this.#compete()
        } catch (error) {
            if (this.#closed) return
            this.#setLeads(false)
            const client = this.#client
            this.#client = undefined
            client?.end().catch(() => {})
            this.#options.onError(error)
        }
    }

    async #compete(): Promise<void> {
        const client = this.#client
        if (client === undefined) return
        if (this.#leads) {
            await client.query("select 1")
            return
        }
        if (performance.now() < this.#resignedUntilMs) return
        const { rows } = await client.query("select pg_try_advisory_lock($1, $2) as leads", [LOCKS.space, LOCKS.leader])
        if (rows[0].leads && !this.#closed && client === this.#client) this.#setLeads(true)
    }

    #setLeads(leads: boolean): void {
        if (this.#leads === leads) return
        this.#leads = leads
        this.#options.onLeads(leads)
    }
}
