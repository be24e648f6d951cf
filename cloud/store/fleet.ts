/** The fleet as a whole: how many devices run what, now and over time. */
import type { Kysely } from "kysely"
import type { Schema } from "./schema.ts"

export interface FleetCount {
    readonly version: string
    readonly state: string
    readonly channel: string | null
    readonly baseId: string
    readonly bank: string
    readonly devices: number
}

/** How many devices ran each version at a time. */
export interface FleetSample {
    readonly atMs: number
    readonly versions: ReadonlyMap<string, number>
}

/** Stands for a fleet of which nobody has reported: a sample needs a row. */
const NOBODY = ""
const ROWS_PER_INSERT = 100

export class FleetRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async devices(): Promise<number> {
        const row = await this.#db.selectFrom("devices").select(({ fn }) => fn.countAll().as("count")).executeTakeFirst()
        return Number(row?.count ?? 0)
    }

    /** Devices that have reported since. */
    async heardSince(atMs: number): Promise<number> {
        const row = await this.#db
            .selectFrom("actual")
            .select(({ fn }) => fn.countAll().as("count"))
            .where("reportedAtMs", ">=", atMs)
            .executeTakeFirst()
        return Number(row?.count ?? 0)
    }

    async counts(): Promise<FleetCount[]> {
        const rows = await this.#db
            .selectFrom("actual")
            .select(({ fn }) => ["version", "state", "channel", "baseId", "bank", fn.countAll().as("devices")])
            .groupBy(["version", "state", "channel", "baseId", "bank"])
            .execute()
        return rows.map(row => ({ ...row, devices: Number(row.devices) }))
    }

    async versions(): Promise<Map<string, number>> {
        const rows = await this.#db
            .selectFrom("actual")
            .select(({ fn }) => ["version", fn.countAll().as("devices")])
            .groupBy("version")
            .orderBy("version")
            .execute()
        return new Map(rows.map(row => [row.version, Number(row.devices)]))
    }

    async addSample({ atMs, versions }: FleetSample): Promise<void> {
        const rows = [...(versions.size === 0 ? [[NOBODY, 0] as const] : versions)].map(([version, devices]) => ({ atMs, version, devices }))
        for (let from = 0; from < rows.length; from += ROWS_PER_INSERT)
            await this.#db
                .insertInto("fleetHistory")
                .values(rows.slice(from, from + ROWS_PER_INSERT))
                .onConflict(conflict => conflict.columns(["atMs", "version"]).doUpdateSet(({ ref }) => ({ devices: ref("excluded.devices") })))
                .execute()
    }

    /** The newest one that is not after the time. */
    async sampleAt(atMs: number): Promise<FleetSample | undefined> {
        const rows = await this.#db
            .selectFrom("fleetHistory")
            .selectAll()
            .where("atMs", "=", query => query.selectFrom("fleetHistory").select(({ fn }) => fn.max("atMs").as("atMs")).where("atMs", "<=", atMs))
            .execute()
        return toSamples(rows)[0]
    }

    /** Oldest first. */
    async samplesAfter(atMs: number): Promise<FleetSample[]> {
        return toSamples(await this.#db.selectFrom("fleetHistory").selectAll().where("atMs", ">", atMs).orderBy("atMs").execute())
    }

    /** Of the samples before the time, one for each step stays, the last. */
    async thin(beforeMs: number, stepMs: number): Promise<void> {
        const times = await this.#db.selectFrom("fleetHistory").select("atMs").distinct().where("atMs", "<", beforeMs).orderBy("atMs").execute()
        const removed = times.map(row => Number(row.atMs)).filter((atMs, index, all) => index + 1 < all.length && Math.floor(atMs / stepMs) === Math.floor(all[index + 1] / stepMs))
        for (let from = 0; from < removed.length; from += ROWS_PER_INSERT)
            await this.#db.deleteFrom("fleetHistory").where("atMs", "in", removed.slice(from, from + ROWS_PER_INSERT)).execute()
    }

    async forgetBefore(atMs: number): Promise<void> {
        await this.#db.deleteFrom("fleetHistory").where("atMs", "<", atMs).execute()
    }
}

function toSamples(rows: readonly { atMs: number; version: string; devices: number }[]): FleetSample[] {
    const samples: { atMs: number; versions: Map<string, number> }[] = []
    for (const { atMs, version, devices } of rows) {
        if (samples.at(-1)?.atMs !== Number(atMs)) samples.push({ atMs: Number(atMs), versions: new Map() })
        if (version !== NOBODY) samples.at(-1)?.versions.set(version, Number(devices))
    }
    return samples
}
