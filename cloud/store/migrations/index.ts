/**
 * Migrations in order. One that has been released is never edited; a change is a new
 * one. The database notes which have run, so a newer server brings an older file up.
 */
import type { Kysely, Migration, MigrationProvider } from "kysely"
import { Migrator } from "kysely"
import { WrongOption } from "../../wrong-option.ts"
import type { DialectName } from "../dialect-name.ts"
import * as first from "./0001-first.ts"
import * as groupsRollouts from "./0002-groups-rollouts.ts"
import * as webhooks from "./0003-webhooks.ts"
import * as wideCounters from "./0004-wide-counters.ts"
import * as security from "./0005-security.ts"
import * as wayBack from "./0006-way-back.ts"
import * as watching from "./0007-watching.ts"
import * as byDevice from "./0008-by-device.ts"
import * as ledger from "./0009-ledger.ts"

type Up = (db: Kysely<unknown>, dialect: DialectName) => Promise<void>

const MIGRATIONS: Readonly<Record<string, { up: Up }>> = {
    "0001-first": first,
    "0002-groups-rollouts": groupsRollouts,
    "0003-webhooks": webhooks,
    "0004-wide-counters": wideCounters,
    "0005-security": security,
    "0006-way-back": wayBack,
    "0007-watching": watching,
    "0008-by-device": byDevice,
    "0009-ledger": ledger,
}

/** @throws Error of the migration that failed; the ones before it stay. WrongOption HOV_CLOUD_SCHEMA for a database that is newer than this. */
export async function migrateToLatest<T>(db: Kysely<T>, dialect: DialectName): Promise<void> {
    const provider: MigrationProvider = {
        getMigrations: async () =>
            Object.fromEntries(
                Object.entries(MIGRATIONS).map(([name, { up }]): [string, Migration] => [
                    name,
                    { up: inner => up(inner, dialect) },
                ]),
            ),
    }
    const { error } = await new Migrator({ db, provider }).migrateToLatest()
    const newer = /^corrupted migrations: .* (\S+) is missing/.exec((error as Error | undefined)?.message ?? "")?.[1]
    if (newer !== undefined) throw new WrongOption(`a newer server has brought the database up (${newer}): start that version, or restore a backup from before`, "HOV_CLOUD_SCHEMA")
    if (error !== undefined) throw error
}
