import type { Kysely } from "kysely"
import { prepared } from "./prepared.ts"
import type { EventRow, Schema } from "./schema.ts"

/** Something that happened, in the order of the commits. `seq` is what SSE's Last-Event-ID names. */
export interface StoredEvent {
    readonly seq: number
    readonly type: EventType
    readonly deviceId: string | null
    readonly atMs: number
    readonly data: Readonly<Record<string, unknown>>
}

export type EventType =
    | "device.created"
    | "device.removed"
    | "device.changed"
    | "device.actual"
    | "device.desired"
    | "device.status"
    | "device.blocked"
    | "device.log"
    | "command.queued"
    | "command.changed"
    | "command.finished"
    | "release.created"
    | "artifact.added"
    | "token.revoked"
    | "token.pending"
    | "device.key"
    | "statement.added"
    | "group.changed"
    | "rollout.changed"
    | "rollout.gate"

export type NewEvent = Omit<StoredEvent, "seq">

const ROWS_PER_INSERT = 100

export class EventRepo {
    readonly #db: Kysely<Schema>
    readonly #noted: NewEvent[]

    constructor(db: Kysely<Schema>, noted: NewEvent[]) {
        this.#db = db
        this.#noted = noted
    }

    /** Notes an event; it is written and announced with the transaction around. */
    note(type: EventType, deviceId: string | null, atMs: number, data: Readonly<Record<string, unknown>>): void {
        this.#noted.push({ type, deviceId, atMs, data })
    }

    async store(noted: readonly NewEvent[]): Promise<StoredEvent[]> {
        const stored: StoredEvent[] = []
        for (let from = 0; from < noted.length; from += ROWS_PER_INSERT) {
            const part = noted.slice(from, from + ROWS_PER_INSERT)
            const values = part.flatMap(({ type, deviceId, atMs, data }) => [type, deviceId, atMs, JSON.stringify(data)])
            const rows = await prepared(this.#db, "events.store", values, (...values) =>
                this.#db.insertInto("events").values(Array.from({ length: part.length }, (_, n) => ({ type: values[4 * n], deviceId: values[4 * n + 1], atMs: values[4 * n + 2], data: values[4 * n + 3] }))).returning("seq"),
            )
            // RETURNING promises no order; the numbers of one insert are given in the order of its rows.
            const numbers = rows.map(row => Number(row.seq)).sort((a, b) => a - b)
            part.forEach((event, index) => stored.push({ seq: numbers[index], ...event }))
        }
        return stored
    }

    async after(seq: number, limit: number): Promise<StoredEvent[]> {
        const rows = await this.#db
            .selectFrom("events")
            .selectAll()
            .where("seq", ">", seq)
            .orderBy("seq")
            .limit(limit)
            .execute()
        return rows.map(toEvent)
    }

    async lastSeq(): Promise<number> {
        const row = await this.#db
            .selectFrom("events")
            .select(({ fn }) => fn.max("seq").as("seq"))
            .executeTakeFirst()
        return Number(row?.seq ?? 0)
    }

    /** The oldest that is kept; 0 = there is none. */
    async firstSeq(): Promise<number> {
        const row = await this.#db
            .selectFrom("events")
            .select(({ fn }) => fn.min("seq").as("seq"))
            .executeTakeFirst()
        return Number(row?.seq ?? 0)
    }

    /** Removes the oldest events up to the given one, at most `limit` of them. Returns how many. */
    async removeUpTo(seq: number, limit: number): Promise<number> {
        const { numDeletedRows } = await this.#db
            .deleteFrom("events")
            .where("seq", "in", query => query.selectFrom("events").select("seq").where("seq", "<=", seq).orderBy("seq").limit(limit))
            .executeTakeFirst()
        return Number(numDeletedRows)
    }
}

function toEvent(row: EventRow): StoredEvent {
    return {
        seq: Number(row.seq),
        type: row.type as EventType,
        deviceId: row.deviceId,
        atMs: Number(row.atMs),
        data: JSON.parse(row.data),
    }
}
