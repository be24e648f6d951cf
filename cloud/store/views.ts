import type { Kysely } from "kysely"
import { padded } from "./id-list.ts"
import { prepared } from "./prepared.ts"
import type { Schema } from "./schema.ts"

/** One device as the controller sees it: what is wanted, what is, and what is under way. */
export interface DeviceView {
    readonly deviceId: string
    readonly releaseId: string | null
    readonly version: string | null
    /** The base's own code is wanted: as such, or by the name of the release that the base is. */
    readonly wantsBase: boolean
    readonly generation: number | null
    readonly rolloutId: string | null
    readonly retryAtMs: number | null
    readonly actualVersion: string | null
    readonly actualSequence: number | null
    readonly actualBaseId: string | null
    readonly actualBank: string | null
    readonly actualState: string | null
    readonly commandId: string | null
    readonly commandKind: string | null
    readonly commandReleaseId: string | null
    readonly commandVersion: string | null
    readonly commandBaseId: string | null
    /** It brings a whole base, which has another id. */
    readonly commandIsCold: boolean
    readonly commandState: string | null
    readonly commandAckedAtMs: number | null
    readonly commandDeadlineAtMs: number | null
    readonly commandCancelAtMs: number | null
    /** The artifact's own base, when the wanted release has one for the device's base. */
    readonly artifactBaseId: string | null
    readonly artifactSequence: number | null
    /** The signer allows the way from a later sequence: by the artifact itself, or by a permission beside it. */
    readonly mayDowngrade: boolean
    /** Why the release is not offered to this device again. */
    readonly blockReason: string | null
    /** Attempts made for this generation. */
    readonly attempts: number
    /** The attempt of this generation that ended well. */
    readonly succeededCommandId: string | null
}

const numberOrNull = (value: number | null): number | null => (value === null ? null : Number(value))

const FLAGS_AT = 5
const DOWNGRADE_ALLOWED = 1

/** The flag in a manifest's hex digits. */
export const allowsDowngrade = (manifest: string): boolean =>
    (Number.parseInt(manifest.slice(FLAGS_AT * 2, FLAGS_AT * 2 + 2), 16) & DOWNGRADE_ALLOWED) !== 0

export class ViewRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    async devices(deviceIds: readonly string[]): Promise<DeviceView[]> {
        if (deviceIds.length === 0) return []
        const rows = await prepared(this.#db, "views.devices", padded(deviceIds), (...ids: string[]) => this.#views(ids))
        return rows.map(({ releaseKind, ownBaseId, artifactManifest, permissionBaseId, brought, ...row }) => ({
            ...row,
            commandIsCold: brought === 1,
            attempts: Number(row.attempts ?? 0),
            wantsBase: releaseKind === "base" || ownBaseId !== null,
            actualSequence: numberOrNull(row.actualSequence),
            artifactSequence: numberOrNull(row.artifactSequence),
            mayDowngrade: permissionBaseId !== null || (artifactManifest !== null && allowsDowngrade(artifactManifest)),
        }))
    }

    #views(deviceIds: readonly string[]) {
        return this.#db
            .selectFrom("devices")
            .leftJoin("desired", "desired.deviceId", "devices.id")
            .leftJoin("releases", "releases.id", "desired.releaseId")
            .leftJoin("actual", "actual.deviceId", "devices.id")
            .leftJoin("commands as open", join =>
                join.onRef("open.deviceId", "=", "devices.id").on("open.finishedAtMs", "is", null),
            )
            .leftJoin("releases as openRelease", "openRelease.id", "open.releaseId")
            .leftJoin("artifacts as brought", join =>
                join
                    .onRef("brought.releaseId", "=", "open.releaseId")
                    .onRef("brought.baseId", "=", "open.baseId"),
            )
            .leftJoin("artifacts", join =>
                join
                    .onRef("artifacts.releaseId", "=", "desired.releaseId")
                    .onRef("artifacts.baseId", "=", "actual.baseId"),
            )
            .leftJoin("permissions", join =>
                join
                    .onRef("permissions.releaseId", "=", "desired.releaseId")
                    .onRef("permissions.baseId", "=", "actual.baseId"),
            )
            .leftJoin("bases", join =>
                join
                    .onRef("bases.releaseId", "=", "desired.releaseId")
                    .onRef("bases.baseId", "=", "actual.baseId"),
            )
            .leftJoin("blocks", join =>
                join
                    .onRef("blocks.deviceId", "=", "devices.id")
                    .onRef("blocks.releaseId", "=", "desired.releaseId"),
            )
            .select(eb => [
                "devices.id as deviceId",
                "desired.releaseId",
                "releases.version",
                "releases.kind as releaseKind",
                "bases.baseId as ownBaseId",
                "desired.generation",
                "desired.rolloutId",
                "desired.retryAtMs",
                "actual.version as actualVersion",
                "actual.sequence as actualSequence",
                "actual.baseId as actualBaseId",
                "actual.bank as actualBank",
                "actual.state as actualState",
                "open.id as commandId",
                "open.kind as commandKind",
                "open.releaseId as commandReleaseId",
                "openRelease.version as commandVersion",
                "open.baseId as commandBaseId",
                "brought.cold as brought",
                "open.state as commandState",
                "open.ackedAtMs as commandAckedAtMs",
                "open.deadlineAtMs as commandDeadlineAtMs",
                "open.cancelAtMs as commandCancelAtMs",
                "artifacts.baseId as artifactBaseId",
                "artifacts.sequence as artifactSequence",
                "artifacts.manifest as artifactManifest",
                "permissions.baseId as permissionBaseId",
                "blocks.reason as blockReason",
                eb
                    .selectFrom("commands as made")
                    .select(({ fn }) => fn.coalesce(fn.max("made.attempt"), eb.lit(0)).as("attempts"))
                    .whereRef("made.deviceId", "=", "devices.id")
                    .whereRef("made.generation", "=", "desired.generation")
                    .where("made.kind", "in", ["update", "revert"])
                    .as("attempts"),
                eb
                    .selectFrom("commands as done")
                    .select(({ fn }) => fn.max("done.id").as("id"))
                    .whereRef("done.deviceId", "=", "devices.id")
                    .whereRef("done.generation", "=", "desired.generation")
                    .where("done.kind", "in", ["update", "revert"])
                    .where("done.state", "=", "succeeded")
                    .as("succeededCommandId"),
            ])
            .where("devices.id", "in", deviceIds)
    }

    /** Devices that need a look because time has passed: deadlines and retries. */
    async due(nowMs: number, limit: number): Promise<string[]> {
        const late = await this.#db
            .selectFrom("commands")
            .select("deviceId")
            .where("finishedAtMs", "is", null)
            .where("deadlineAtMs", "<=", nowMs)
            .orderBy("deadlineAtMs")
            .limit(limit)
            .execute()
        const retries = await this.#db
            .selectFrom("desired")
            .select("deviceId")
            .where("retryAtMs", "<=", nowMs)
            .orderBy("retryAtMs")
            .limit(limit)
            .execute()
        return [...new Set([...late, ...retries].map(row => row.deviceId))].slice(0, limit)
    }

    /** Ids of devices that something is wanted of or under way for, in order, after the given one. */
    async managed(after: string | null, limit: number): Promise<string[]> {
        let query = this.#db
            .selectFrom("devices")
            .leftJoin("desired", "desired.deviceId", "devices.id")
            .leftJoin("commands", join =>
                join.onRef("commands.deviceId", "=", "devices.id").on("commands.finishedAtMs", "is", null),
            )
            .select("devices.id")
            .where(eb => eb.or([eb("desired.deviceId", "is not", null), eb("commands.id", "is not", null)]))
            .orderBy("devices.id")
            .limit(limit)
        if (after !== null) query = query.where("devices.id", ">", after)
        return (await query.execute()).map(row => row.id)
    }
}
