/**
 * The journal beside hawkBit: how far it has been told what happened here, and under which numbers
 * it keeps our things. It belongs to one database and one hawkBit, and may be lost: then everything
 * is looked for there by name and told again.
 */
import type { Kysely } from "kysely"
import { sql } from "kysely"
import type { DialectName } from "./dialect-name.ts"
import { padded } from "./id-list.ts"
import type { Schema } from "./schema.ts"

/** What hawkBit is to bring to a device: one action of it. */
export interface HawkbitAction {
    readonly deviceId: string
    /** Null: hawkBit has nothing to wait for; the device had this release when it was told. */
    readonly actionId: number | null
    readonly releaseId: string
    /** Our ask that it belongs to; null = hawkBit has begun it, and we have not let the device have it yet. */
    readonly generation: number | null
    /** "" or what was said last: proceeding, success, failure, none (over without a result). */
    readonly said: string
    readonly feedbacks: number
}

/** `target` and `attributes` by device, `module`, `set` by release, `blob` by digest, `rollout` by rollout, `member ID` by device. */
export type LinkKind = "target" | "attributes" | "module" | "set" | "blob" | "rollout" | `member ${string}`

export const isOver = (action: HawkbitAction): boolean => action.actionId === null || ["success", "failure", "none"].includes(action.said)

export class HawkbitRepo {
    readonly #db: Kysely<Schema>
    readonly #dialect: DialectName

    constructor(db: Kysely<Schema>, dialect: DialectName) {
        this.#db = db
        this.#dialect = dialect
    }

    /** Its tables are made where hawkBit is used, and only there. */
    async ensure(): Promise<void> {
        const bigint = this.#dialect === "sqlite" ? sql`integer` : sql`bigint`
        await sql`create table if not exists "hawkbitNotes" ("name" text primary key, "value" text not null)`.execute(this.#db)
        await sql`create table if not exists "hawkbitLinks" ("kind" text not null, "key" text not null, "value" text not null, primary key ("kind", "key"))`.execute(this.#db)
        await sql`create index if not exists "hawkbitLinksByKey" on "hawkbitLinks" ("key")`.execute(this.#db)
        await sql`create table if not exists "hawkbitActions" ("deviceId" text primary key, "actionId" ${bigint}, "releaseId" text not null,
            "generation" ${bigint}, "said" text not null, "feedbacks" integer not null)`.execute(this.#db)
    }

    async note(name: string): Promise<string | undefined> {
        const { rows } = await sql<{ value: string }>`select "value" from "hawkbitNotes" where "name" = ${name}`.execute(this.#db)
        return rows[0]?.value
    }

    async setNote(name: string, value: string): Promise<void> {
        await sql`insert into "hawkbitNotes" ("name", "value") values (${name}, ${value})
            on conflict ("name") do update set "value" = excluded."value"`.execute(this.#db)
    }

    async link(kind: LinkKind, key: string): Promise<string | undefined> {
        const { rows } = await sql<{ value: string }>`select "value" from "hawkbitLinks" where "kind" = ${kind} and "key" = ${key}`.execute(this.#db)
        return rows[0]?.value
    }

    /** Those of the keys that there are. */
    async links(kind: LinkKind, keys: readonly string[]): Promise<Map<string, string>> {
        if (keys.length === 0) return new Map()
        const { rows } = await sql<{ key: string; value: string }>`select "key", "value" from "hawkbitLinks"
            where "kind" = ${kind} and "key" in (${sql.join(padded(keys))})`.execute(this.#db)
        return new Map(rows.map(({ key, value }) => [key, value]))
    }

    async setLink(kind: LinkKind, key: string, value: string): Promise<void> {
        await sql`insert into "hawkbitLinks" ("kind", "key", "value") values (${kind}, ${key}, ${value})
            on conflict ("kind", "key") do update set "value" = excluded."value"`.execute(this.#db)
    }

    async removeLink(kind: LinkKind, key: string): Promise<void> {
        await sql`delete from "hawkbitLinks" where "kind" = ${kind} and "key" = ${key}`.execute(this.#db)
    }

    /** Ids of rollouts that hawkBit has the device in. */
    async rolloutsOf(deviceId: string): Promise<string[]> {
        const { rows } = await sql<{ kind: string }>`select "kind" from "hawkbitLinks" where "kind" like 'member %' and "key" = ${deviceId}`.execute(this.#db)
        return rows.map(({ kind }) => kind.slice("member ".length))
    }

    /** The device is not in hawkBit's rollouts any more. */
    async leaveRollouts(deviceId: string): Promise<void> {
        await sql`delete from "hawkbitLinks" where "kind" like 'member %' and "key" = ${deviceId}`.execute(this.#db)
    }

    async forgetDevice(deviceId: string): Promise<void> {
        await this.leaveRollouts(deviceId)
        await this.removeLink("target", deviceId)
        await this.removeLink("attributes", deviceId)
        await sql`delete from "hawkbitActions" where "deviceId" = ${deviceId}`.execute(this.#db)
    }

    /** hawkBit has lost its memory: none of its numbers mean anything. */
    async forgetAll(): Promise<void> {
        await sql`delete from "hawkbitLinks"`.execute(this.#db)
        await sql`delete from "hawkbitActions"`.execute(this.#db)
    }

    async actions(deviceIds: readonly string[]): Promise<Map<string, HawkbitAction>> {
        if (deviceIds.length === 0) return new Map()
        const { rows } = await sql<HawkbitAction>`select * from "hawkbitActions" where "deviceId" in (${sql.join(padded(deviceIds))})`.execute(this.#db)
        return new Map(rows.map(row => [row.deviceId, toAction(row)]))
    }

    /** Some that are not over, after the given device. */
    async open(after: string, limit: number): Promise<HawkbitAction[]> {
        const { rows } = await sql<HawkbitAction>`select * from "hawkbitActions" where "deviceId" > ${after} and "actionId" is not null
            and "said" not in ('success', 'failure', 'none') order by "deviceId" limit ${limit}`.execute(this.#db)
        return rows.map(toAction)
    }

    async putAction(action: HawkbitAction): Promise<void> {
        await sql`insert into "hawkbitActions" ("deviceId", "actionId", "releaseId", "generation", "said", "feedbacks")
            values (${action.deviceId}, ${action.actionId}, ${action.releaseId}, ${action.generation}, ${action.said}, ${action.feedbacks})
            on conflict ("deviceId") do update set "actionId" = excluded."actionId", "releaseId" = excluded."releaseId",
                "generation" = excluded."generation", "said" = excluded."said", "feedbacks" = excluded."feedbacks"`.execute(this.#db)
    }

    async removeAction(deviceId: string): Promise<void> {
        await sql`delete from "hawkbitActions" where "deviceId" = ${deviceId}`.execute(this.#db)
    }

    async maxFeedbacks(): Promise<number> {
        const { rows } = await sql<{ most: number | null }>`select max("feedbacks") as "most" from "hawkbitActions"`.execute(this.#db)
        return Number(rows[0]?.most ?? 0)
    }
}

const toAction = (row: HawkbitAction): HawkbitAction => ({
    ...row,
    actionId: row.actionId === null ? null : Number(row.actionId),
    generation: row.generation === null ? null : Number(row.generation),
    feedbacks: Number(row.feedbacks),
})
