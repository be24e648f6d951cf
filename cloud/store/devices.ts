import type { Insertable, Kysely } from "kysely"
import { CompiledQuery } from "kysely"
import type { DialectName } from "./dialect-name.ts"
import { padded } from "./id-list.ts"
import { prepared } from "./prepared.ts"
import type { ActualRow, DeviceRow, DevicesTable, Schema, StatusesTable, StatusRow } from "./schema.ts"

export class DeviceRepo {
    readonly #db: Kysely<Schema>
    readonly #dialect: DialectName

    constructor(db: Kysely<Schema>, dialect: DialectName) {
        this.#db = db
        this.#dialect = dialect
    }

    async insert(row: Insertable<DevicesTable>): Promise<void> {
        await this.#db.insertInto("devices").values(row).execute()
    }

    async get(id: string): Promise<DeviceRow | undefined> {
        return (await prepared(this.#db, "devices.get", [id], (id: string) => this.#db.selectFrom("devices").selectAll().where("id", "=", id)))[0]
    }

    async remove(id: string): Promise<boolean> {
        const result = await this.#db.deleteFrom("devices").where("id", "=", id).executeTakeFirst()
        return result.numDeletedRows > 0n
    }

    async update(id: string, patch: { app?: string | null; attributes?: string; sealKey?: string | null }): Promise<void> {
        await this.#db.updateTable("devices").set(patch).where("id", "=", id).execute()
    }

    /** In the order of ids, after the given one. */
    async list(options: { after: string | null; limit: number }): Promise<DeviceRow[]> {
        let query = this.#db.selectFrom("devices").selectAll().orderBy("id").limit(options.limit)
        if (options.after !== null) query = query.where("id", ">", options.after)
        return query.execute()
    }

    /** When each was last heard of, and what it says its channel is. */
    async lastReports(ids: readonly string[]): Promise<Map<string, { channel: string | null; reportedAtMs: number }>> {
        if (ids.length === 0) return new Map()
        const rows = await this.#db.selectFrom("actual").select(["deviceId", "channel", "reportedAtMs"]).where("deviceId", "in", padded(ids)).execute()
        return new Map(rows.map(row => [row.deviceId, { channel: row.channel, reportedAtMs: Number(row.reportedAtMs) }]))
    }

    async getActual(id: string): Promise<ActualRow | undefined> {
        return (await prepared(this.#db, "devices.actual", [id], (id: string) => this.#db.selectFrom("actual").selectAll().where("deviceId", "=", id)))[0]
    }

    /**
     * Takes over what devices reported, all rows in one statement: the rows travel as
     * one JSON parameter, which costs a third of binding each value.
     * A device that was removed meanwhile is left out, and so is a report that is older than the
     * one there is: the device may have talked to another server process since.
     */
    async putActual(rows: readonly ActualRow[]): Promise<void> {
        if (rows.length === 0) return
        await this.#db.executeQuery(CompiledQuery.raw(PUT_ACTUAL[this.#dialect], [JSON.stringify(rows.map(toTuple))]))
    }

    async appendStatus(row: Insertable<StatusesTable>): Promise<void> {
        const { deviceId, commandId, atMs, state, version, sequence, bank, doneBytes, ofBytes, code, diagnostics } = row
        const values = [deviceId, commandId, atMs, state, version, sequence, bank, doneBytes, ofBytes, code, diagnostics].map(value => value ?? null)
        await prepared(this.#db, "statuses.append", values, (deviceId, commandId, atMs, state, version, sequence, bank, doneBytes, ofBytes, code, diagnostics) =>
            this.#db.insertInto("statuses").values({ deviceId, commandId, atMs, state, version, sequence, bank, doneBytes, ofBytes, code, diagnostics }),
        )
    }

    async lastStatus(deviceId: string): Promise<StatusRow | undefined> {
        const rows = await prepared(this.#db, "statuses.last", [deviceId], (deviceId: string) =>
            this.#db.selectFrom("statuses").selectAll().where("deviceId", "=", deviceId).orderBy("seq", "desc").limit(1),
        )
        return rows[0]
    }

    /** Newest first. */
    async history(deviceId: string, before: number | null, limit: number): Promise<StatusRow[]> {
        let query = this.#db
            .selectFrom("statuses")
            .selectAll()
            .where("deviceId", "=", deviceId)
            .orderBy("seq", "desc")
            .limit(limit)
        if (before !== null) query = query.where("seq", "<", before)
        return query.execute()
    }
}

const putActualText = (source: string): string => `
    insert into "actual" ("deviceId", "version", "sequence", "baseId", "bank", "state", "bootCount", "channel",
        "uptimeMs", "reportedAtMs", "changedAtMs", "ledger")
    ${source}
    where exists (select 1 from "devices" where "id" = value->>0)
    on conflict ("deviceId") do update set
        "version" = excluded."version", "sequence" = excluded."sequence", "baseId" = excluded."baseId",
        "bank" = excluded."bank", "state" = excluded."state", "bootCount" = excluded."bootCount",
        "channel" = excluded."channel", "uptimeMs" = excluded."uptimeMs",
        "reportedAtMs" = excluded."reportedAtMs", "changedAtMs" = excluded."changedAtMs",
        "ledger" = excluded."ledger"
    where excluded."reportedAtMs" >= "actual"."reportedAtMs"`

const PUT_ACTUAL: Readonly<Record<DialectName, string>> = {
    sqlite: putActualText(`select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
        value->>8, value->>9, value->>10, value->>11
    from json_each(?)`),
    postgres: putActualText(`select value->>0, value->>1, (value->>2)::bigint, value->>3, value->>4, value->>5,
        (value->>6)::bigint, value->>7, (value->>8)::numeric::bigint, (value->>9)::bigint, (value->>10)::bigint, value->>11
    from json_array_elements($1::json)`),
}

function toTuple(row: ActualRow): unknown[] {
    return [
        row.deviceId,
        row.version,
        row.sequence,
        row.baseId,
        row.bank,
        row.state,
        row.bootCount,
        row.channel,
        row.uptimeMs,
        row.reportedAtMs,
        row.changedAtMs,
        row.ledger,
    ]
}
