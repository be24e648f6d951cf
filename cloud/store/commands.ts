import type { Insertable, Kysely, Updateable } from "kysely"
import { padded } from "./id-list.ts"
import { prepared } from "./prepared.ts"
import type { CommandRow, CommandsTable, Schema } from "./schema.ts"

/** A command with what the board needs to fetch its image. */
export interface OpenCommand extends CommandRow {
    readonly version: string | null
    readonly manifest: string | null
    readonly imageDigest: string | null
    readonly imageSizeBytes: number | null
    readonly signatureDigest: string | null
    readonly signatureSizeBytes: number | null
    /** 1 = the image is a whole base. */
    readonly cold: number | null
}

export class CommandRepo {
    readonly #db: Kysely<Schema>

    constructor(db: Kysely<Schema>) {
        this.#db = db
    }

    /** @throws when the device has an open command: that law is an index of the database. */
    async insert(row: Insertable<CommandsTable>): Promise<void> {
        await this.#db.insertInto("commands").values(row).execute()
    }

    async get(id: string): Promise<CommandRow | undefined> {
        return (await prepared(this.#db, "commands.get", [id], (id: string) => this.#db.selectFrom("commands").selectAll().where("id", "=", id)))[0]
    }

    async patch(id: string, patch: Updateable<CommandsTable>): Promise<void> {
        await this.#db.updateTable("commands").set(patch).where("id", "=", id).execute()
    }

    /** Notes a delivery; the state goes from queued to delivered only, whatever came in between. */
    async noteDelivery(id: string, deliveries: number, atMs: number, deadlineAtMs: number): Promise<void> {
        await this.#db.updateTable("commands").set({ deliveries }).where("id", "=", id).execute()
        await this.#db
            .updateTable("commands")
            .set({ state: "delivered", deliveredAtMs: atMs, deadlineAtMs })
            .where("id", "=", id)
            .where("state", "=", "queued")
            .execute()
    }

    /** The open command of each of the devices that has one. */
    async open(deviceIds: readonly string[]): Promise<OpenCommand[]> {
        const rows = await prepared(this.#db, "commands.open", padded(deviceIds), (...ids: string[]) => this.#open(ids))
        return rows.map(({ permission, permissionDigest, permissionSizeBytes, ...row }) =>
            row.downgrade === 1 && permission !== null
                ? { ...row, manifest: permission, signatureDigest: permissionDigest, signatureSizeBytes: permissionSizeBytes }
                : row,
        )
    }

    #open(deviceIds: readonly string[]) {
        return this.#db
            .selectFrom("commands")
            .leftJoin("releases", "releases.id", "commands.releaseId")
            .leftJoin("artifacts", join =>
                join
                    .onRef("artifacts.releaseId", "=", "commands.releaseId")
                    .onRef("artifacts.baseId", "=", "commands.baseId"),
            )
            .leftJoin("permissions", join =>
                join
                    .onRef("permissions.releaseId", "=", "commands.releaseId")
                    .onRef("permissions.baseId", "=", "commands.baseId"),
            )
            .selectAll("commands")
            .select([
                "permissions.manifest as permission",
                "permissions.signatureDigest as permissionDigest",
                "permissions.signatureSizeBytes as permissionSizeBytes",
                "releases.version",
                "artifacts.manifest",
                "artifacts.imageDigest",
                "artifacts.imageSizeBytes",
                "artifacts.signatureDigest",
                "artifacts.signatureSizeBytes",
                "artifacts.cold",
            ])
            .where("commands.deviceId", "in", deviceIds)
            .where("commands.finishedAtMs", "is", null)
    }

    /** All commands in the order of their ids (which is that of their making). */
    async page(after: string | null, limit: number): Promise<CommandRow[]> {
        let query = this.#db.selectFrom("commands").selectAll().orderBy("id").limit(limit)
        if (after !== null) query = query.where("id", ">", after)
        return query.execute()
    }

    async last(deviceId: string): Promise<CommandRow | undefined> {
        return (await this.list(deviceId, 1))[0]
    }

    /** Newest first. */
    async list(deviceId: string, limit: number): Promise<CommandRow[]> {
        return prepared(this.#db, "commands.list", [deviceId, limit], (deviceId: string, limit: number) =>
            this.#db.selectFrom("commands").selectAll().where("deviceId", "=", deviceId).orderBy("queuedAtMs", "desc").orderBy("id", "desc").limit(limit),
        )
    }
}
