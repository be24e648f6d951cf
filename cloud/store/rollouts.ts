import type { Insertable, Kysely, Updateable } from "kysely"
import type { ArmFigures } from "../experiments/outcome.ts"
import type { PhaseFigures } from "../rollouts/engine.ts"
import type { GateCounts } from "../rollouts/gate.ts"
import { padded } from "./id-list.ts"
import type { RolloutDeviceRow, RolloutDevicesTable, RolloutRow, RolloutsTable, Schema } from "./schema.ts"

const ROWS_PER_INSERT = 100
const BAD = ["failed", "rolledBack"]
/** Reasons to pass a device over that may end. */
const LATER = ["unknown", "noArtifact", "noPermission", "busy"]

export class RolloutRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async insert(row: Insertable<RolloutsTable>): Promise<void> {
        await this.#db.insertInto("rollouts").values(row).execute()
    }

    async get(id: string): Promise<RolloutRow | undefined> {
        return this.#db.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirst()
    }

    /** Newest first. */
    async list(before: string | null, limit: number): Promise<RolloutRow[]> {
        let query = this.#db.selectFrom("rollouts").selectAll().orderBy("id", "desc").limit(limit)
        if (before !== null) query = query.where("id", "<", before)
        return query.execute()
    }

    async inStates(states: readonly string[]): Promise<RolloutRow[]> {
        return this.#db.selectFrom("rollouts").selectAll().where("state", "in", states).orderBy("id").execute()
    }

    async patch(id: string, patch: Updateable<RolloutsTable>): Promise<void> {
        await this.#db.updateTable("rollouts").set(patch).where("id", "=", id).execute()
    }

    /** Puts devices into the queue; one that is in it keeps its place. */
    async enrol(rolloutId: string, devices: readonly { deviceId: string; bucket: number }[]): Promise<void> {
        for (let from = 0; from < devices.length; from += ROWS_PER_INSERT)
            await this.#db
                .insertInto("rolloutDevices")
                .values(devices.slice(from, from + ROWS_PER_INSERT).map(device => ({ rolloutId, ...device, state: "waiting" })))
                .onConflict(conflict => conflict.doNothing())
                .execute()
    }

    /**
     * Those that could not be served the last time get another chance, when the reason is gone: of a fleet that
     * is silent nobody is asked for twice.
     */
    async retrySkipped(rolloutId: string, releaseId: string): Promise<void> {
        await this.#db
            .updateTable("rolloutDevices")
            .set({ state: "waiting", why: null })
            .where("rolloutId", "=", rolloutId)
            .where("state", "=", "skipped")
            .where(({ and, eb, exists, not, or, selectFrom }) => {
                const reported = () => selectFrom("actual").select("actual.deviceId").whereRef("actual.deviceId", "=", "rolloutDevices.deviceId")
                const served = () => reported().innerJoin("artifacts", "artifacts.baseId", "actual.baseId").where("artifacts.releaseId", "=", releaseId)
                return or([
                    and([eb("why", "=", "unknown"), exists(reported())]),
                    and([
                        eb("why", "=", "noArtifact"),
                        or([exists(served()), exists(reported().innerJoin("bases", "bases.baseId", "actual.baseId").where("bases.releaseId", "=", releaseId))]),
                    ]),
                    and([
                        eb("why", "=", "noPermission"),
                        or([
                            exists(served().whereRef("artifacts.sequence", ">=", "actual.sequence")),
                            exists(reported().innerJoin("permissions", "permissions.baseId", "actual.baseId").where("permissions.releaseId", "=", releaseId)),
                        ]),
                    ]),
                    and([
                        eb("why", "=", "busy"),
                        not(exists(selectFrom("commands").select("commands.id").whereRef("commands.deviceId", "=", "rolloutDevices.deviceId").where("commands.finishedAtMs", "is", null))),
                    ]),
                ])
            })
            .execute()
    }

    /** The bucket that closes off the first `count` devices. */
    async bucketAfter(rolloutId: string, count: number): Promise<number> {
        const row = await this.#db
            .selectFrom("rolloutDevices")
            .select("bucket")
            .where("rolloutId", "=", rolloutId)
            .where("state", "!=", "skipped")
            .orderBy("bucket")
            .offset(count)
            .limit(1)
            .executeTakeFirst()
        return row === undefined ? Number.MAX_SAFE_INTEGER : Number(row.bucket)
    }

    async phaseFigures(rolloutId: string, bucketLimit: number): Promise<PhaseFigures> {
        const rows = await this.#db
            .selectFrom("rolloutDevices")
            .select(({ fn }) => ["state", fn.countAll().as("count")])
            .where("rolloutId", "=", rolloutId)
            .where("bucket", "<", bucketLimit)
            .groupBy("state")
            .execute()
        const count = (state: string): number => Number(rows.find(row => row.state === state)?.count ?? 0)
        return {
            waiting: count("waiting"),
            granted: count("granted"),
            succeeded: count("succeeded"),
            bad: count("failed") + count("rolledBack"),
            later: count("skipped") === 0 ? 0 : await this.#later(rolloutId, bucketLimit),
        }
    }

    async #later(rolloutId: string, bucketLimit: number): Promise<number> {
        const row = await this.#db
            .selectFrom("rolloutDevices")
            .select(({ fn }) => fn.countAll().as("count"))
            .where("rolloutId", "=", rolloutId)
            .where("state", "=", "skipped")
            .where("bucket", "<", bucketLimit)
            .where("why", "in", LATER)
            .executeTakeFirst()
        return Number(row?.count ?? 0)
    }

    async countsByState(rolloutId: string): Promise<Record<string, number>> {
        const rows = await this.#db
            .selectFrom("rolloutDevices")
            .select(({ fn }) => ["state", fn.countAll().as("count")])
            .where("rolloutId", "=", rolloutId)
            .groupBy("state")
            .execute()
        return Object.fromEntries(rows.map(row => [row.state, Number(row.count)]))
    }

    async grantedSince(rolloutId: string, sinceMs: number): Promise<number> {
        const row = await this.#db
            .selectFrom("rolloutDevices")
            .select(({ fn }) => fn.countAll().as("count"))
            .where("rolloutId", "=", rolloutId)
            .where("grantedAtMs", ">", sinceMs)
            .executeTakeFirst()
        return Number(row?.count ?? 0)
    }

    /**
     * Figures for the gate. A control device counts when it was enrolled and observed long
     * enough; it is bad when it reported a failure or a rollback meanwhile.
     */
    async gateCounts(rolloutId: string, control: { start: number; sinceMs: number; ripe: boolean }): Promise<GateCounts> {
        const controlRows = control.ripe
            ? await this.#db
                  .selectFrom("rolloutDevices")
                  .select(({ fn, exists, selectFrom }) => [
                      fn.countAll().as("total"),
                      exists(
                          selectFrom("statuses")
                              .select("statuses.seq")
                              .whereRef("statuses.deviceId", "=", "rolloutDevices.deviceId")
                              .where("statuses.atMs", ">=", control.sinceMs)
                              .where("statuses.state", "in", BAD),
                      ).as("bad"),
                  ])
                  .where("rolloutId", "=", rolloutId)
                  .where("bucket", ">=", control.start)
                  .where("grantedAtMs", "is", null)
                  .groupBy("bad")
                  .execute()
            : []
        const sum = (bad: boolean): number =>
            controlRows.filter(row => Boolean(Number(row.bad)) === bad).reduce((total, row) => total + Number(row.total), 0)
        const controlBad = sum(true)
        const controls = sum(false) + controlBad
        const total = await this.#granted(rolloutId, null)
        const paired = Math.min(total.total, controls)
        const first = paired === 0 ? { total: 0, bad: 0 } : await this.#granted(rolloutId, paired)
        return {
            paired,
            pairedBad: first.bad,
            // As many partners as there are pairs; which ones does not matter, so their share does.
            controlBad: controls === 0 ? 0 : Math.round((controlBad * paired) / controls),
            unpaired: total.total - paired,
            unpairedBad: total.bad - first.bad,
        }
    }

    /** What has become of the devices of one arm of an experiment. */
    async outcome(rolloutId: string): Promise<ArmFigures> {
        const counts = await this.countsByState(rolloutId)
        const count = (state: string): number => counts[state] ?? 0
        const devices = Object.values(counts).reduce((sum, value) => sum + value, 0)
        const [succeeded, failed, rolledBack] = [count("succeeded"), count("failed"), count("rolledBack")]
        const ended = this.#db
            .selectFrom("rolloutDevices")
            .where("rolloutId", "=", rolloutId)
            .where("state", "=", "succeeded")
            .where("grantedAtMs", "is not", null)
            .where("finishedAtMs", "is not", null)
        const middle = await ended
            .select(({ eb, ref }) => eb(ref("finishedAtMs"), "-", ref("grantedAtMs")).as("tookMs"))
            .orderBy("tookMs")
            .offset(Math.floor(succeeded / 2))
            .limit(1)
            .executeTakeFirst()
        return {
            devices: devices - count("skipped"),
            granted: succeeded + failed + rolledBack + count("granted"),
            succeeded,
            failed,
            rolledBack,
            medianMs: middle === undefined ? null : Number(middle.tookMs),
        }
    }

    /** The bad ones of the first granted. */
    async badOfFirst(rolloutId: string, first: number): Promise<number> {
        return first === 0 ? 0 : (await this.#granted(rolloutId, first)).bad
    }

    async #granted(rolloutId: string, first: number | null): Promise<{ total: number; bad: number }> {
        let inner = this.#db
            .selectFrom("rolloutDevices")
            .select("state")
            .where("rolloutId", "=", rolloutId)
            .where("grantedAtMs", "is not", null)
            .where("state", "in", ["granted", "succeeded", ...BAD])
        if (first !== null) inner = inner.orderBy("grantedAtMs").orderBy("bucket").limit(first)
        const rows = await this.#db
            .selectFrom(inner.as("granted"))
            .select(({ fn }) => ["state", fn.countAll().as("count")])
            .groupBy("state")
            .execute()
        const sum = (states: readonly string[]): number =>
            rows.filter(row => states.includes(row.state)).reduce((count, row) => count + Number(row.count), 0)
        return { total: sum(["granted", "succeeded", ...BAD]), bad: sum(BAD) }
    }

    /** The next in the queue. */
    async waiting(rolloutId: string, bucketLimit: number, limit: number): Promise<RolloutDeviceRow[]> {
        return this.#db
            .selectFrom("rolloutDevices")
            .selectAll()
            .where("rolloutId", "=", rolloutId)
            .where("state", "=", "waiting")
            .where("bucket", "<", bucketLimit)
            .orderBy("bucket")
            .limit(limit)
            .execute()
    }

    async withState(rolloutId: string, states: readonly string[], limit: number): Promise<RolloutDeviceRow[]> {
        return this.#db
            .selectFrom("rolloutDevices")
            .selectAll()
            .where("rolloutId", "=", rolloutId)
            .where("state", "in", states)
            .orderBy("bucket")
            .limit(limit)
            .execute()
    }

    /** Ids in order, after the given one. */
    async idsInState(rolloutId: string, state: string, after: string | null, limit: number): Promise<string[]> {
        let query = this.#db
            .selectFrom("rolloutDevices")
            .select("deviceId")
            .where("rolloutId", "=", rolloutId)
            .where("state", "=", state)
            .orderBy("deviceId")
            .limit(limit)
        if (after !== null) query = query.where("deviceId", ">", after)
        return (await query.execute()).map(row => row.deviceId)
    }

    async places(rolloutId: string, deviceIds: readonly string[]): Promise<RolloutDeviceRow[]> {
        return this.#db
            .selectFrom("rolloutDevices")
            .selectAll()
            .where("rolloutId", "=", rolloutId)
            .where("deviceId", "in", padded(deviceIds))
            .execute()
    }

    async page(rolloutId: string, after: string | null, limit: number, state?: string): Promise<RolloutDeviceRow[]> {
        let query = this.#db
            .selectFrom("rolloutDevices")
            .selectAll()
            .where("rolloutId", "=", rolloutId)
            .orderBy("deviceId")
            .limit(limit)
        if (after !== null) query = query.where("deviceId", ">", after)
        if (state !== undefined) query = query.where("state", "=", state)
        return query.execute()
    }

    async patchDevices(rolloutId: string, deviceIds: readonly string[], patch: Updateable<RolloutDevicesTable>): Promise<void> {
        if (deviceIds.length === 0) return
        await this.#db
            .updateTable("rolloutDevices")
            .set(patch)
            .where("rolloutId", "=", rolloutId)
            .where("deviceId", "in", padded(deviceIds))
            .execute()
    }

    /** Devices whose command has ended, or has got worse, since it was last looked at. */
    async ended(rolloutId: string, maxAttempts: number, limit: number): Promise<{ deviceId: string; state: string; attempt: number; finishedAtMs: number }[]> {
        const rows = await this.#db
            .selectFrom("rolloutDevices as place")
            .innerJoin("commands", join =>
                join.onRef("commands.rolloutId", "=", "place.rolloutId").onRef("commands.deviceId", "=", "place.deviceId"),
            )
            .leftJoin("desired", "desired.deviceId", "place.deviceId")
            .select(["place.deviceId", "commands.state", "commands.attempt", "commands.finishedAtMs"])
            .where("place.rolloutId", "=", rolloutId)
            .where("commands.finishedAtMs", "is not", null)
            .where("commands.queuedAtMs", ">=", eb => eb.ref("place.grantedAtMs"))
            .where(eb =>
                eb.or([
                    eb("place.state", "=", "granted"),
                    eb.and([eb("place.state", "=", "succeeded"), eb("commands.state", "=", "rolledBack")]),
                ]),
            )
            // A time-out is tried again, and so is a command that was replaced, while the rollout is wanted.
            .where(eb => eb.or([eb("commands.state", "!=", "expired"), eb("commands.attempt", ">=", maxAttempts)]))
            .where(eb =>
                eb.or([
                    eb("commands.state", "not in", ["superseded", "cancelled"]),
                    eb("desired.rolloutId", "is", null),
                    eb("desired.rolloutId", "!=", rolloutId),
                ]),
            )
            .orderBy("commands.finishedAtMs")
            .limit(limit)
            .execute()
        return rows.map(row => ({ ...row, finishedAtMs: Number(row.finishedAtMs) }))
    }

    /** Granted devices whose command has not left the server. */
    async undelivered(rolloutId: string, limit: number): Promise<string[]> {
        const rows = await this.#db
            .selectFrom("rolloutDevices as place")
            .innerJoin("commands", join =>
                join.onRef("commands.rolloutId", "=", "place.rolloutId").onRef("commands.deviceId", "=", "place.deviceId"),
            )
            .select("place.deviceId")
            .where("place.rolloutId", "=", rolloutId)
            .where("place.state", "=", "granted")
            .where("commands.state", "=", "queued")
            .where("commands.finishedAtMs", "is", null)
            .limit(limit)
            .execute()
        return rows.map(row => row.deviceId)
    }
}
