import type { Kysely } from "kysely"
import { AuditRepo } from "./audit.ts"
import { ClaimRepo } from "./claims.ts"
import { CommandRepo } from "./commands.ts"
import { DesiredRepo } from "./desired.ts"
import { DeviceRepo } from "./devices.ts"
import type { DialectName } from "./dialect-name.ts"
import type { NewEvent } from "./events.ts"
import { EventRepo } from "./events.ts"
import { ExperimentRepo } from "./experiments.ts"
import { FleetRepo } from "./fleet.ts"
import { GroupRepo } from "./groups.ts"
import { HandoverLogRepo } from "./handover-logs.ts"
import { HandoverRepo } from "./handover.ts"
import { HawkbitRepo } from "./hawkbit.ts"
import { LogLineRepo } from "./log-lines.ts"
import { ReleaseRepo } from "./releases.ts"
import { RolloutRepo } from "./rollouts.ts"
import type { Schema } from "./schema.ts"
import type { Repos } from "./store.ts"
import { StatementRepo } from "./statements.ts"
import { TokenRepo } from "./tokens.ts"
import { ViewRepo } from "./views.ts"
import { WebhookRepo } from "./webhooks.ts"

export interface KnownTables {
    readonly columns: Map<string, readonly string[]>
    readonly texts: Map<string, string>
}

export const newKnownTables = (): KnownTables => ({ columns: new Map(), texts: new Map() })

/** All repositories over one connection or transaction; events that they note gather in `noted`; `known` remembers what a handover has asked. */
export function reposOver(db: Kysely<Schema>, dialect: DialectName, noted: NewEvent[], known: KnownTables = newKnownTables()): Repos {
    return {
        devices: new DeviceRepo(db, dialect),
        desired: new DesiredRepo(db),
        releases: new ReleaseRepo(db),
        commands: new CommandRepo(db),
        tokens: new TokenRepo(db),
        events: new EventRepo(db, noted),
        audit: new AuditRepo(db),
        views: new ViewRepo(db),
        groups: new GroupRepo(db),
        rollouts: new RolloutRepo(db),
        experiments: new ExperimentRepo(db),
        webhooks: new WebhookRepo(db),
        claims: new ClaimRepo(db),
        handover: new HandoverRepo(db, dialect, known.columns, known.texts),
        handoverLogs: new HandoverLogRepo(db, known.columns),
        hawkbit: new HawkbitRepo(db, dialect),
        statements: new StatementRepo(db),
        fleet: new FleetRepo(db),
        logLines: new LogLineRepo(db),
    }
}
