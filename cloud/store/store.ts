/**
 * The store's interface: what the rooms of the cloud may ask of a database.
 *
 * `read` sees the last commit. `write` is one transaction: everything in it is
 * durable when its promise resolves, or nothing of it happened. Events noted inside
 * are written in the same transaction and announced after it, so a listener never
 * hears of something that could still be undone. Writes happen one after the other,
 * over all processes that share a database.
 */
import type { AuditRepo } from "./audit.ts"
import type { ClaimRepo } from "./claims.ts"
import type { CommandRepo } from "./commands.ts"
import type { DesiredRepo } from "./desired.ts"
import type { DeviceRepo } from "./devices.ts"
import type { EventRepo, StoredEvent } from "./events.ts"
import type { ExperimentRepo } from "./experiments.ts"
import type { FleetRepo } from "./fleet.ts"
import type { GroupRepo } from "./groups.ts"
import type { HandoverLogRepo } from "./handover-logs.ts"
import type { HandoverRepo } from "./handover.ts"
import type { HawkbitRepo } from "./hawkbit.ts"
import type { LogLineRepo } from "./log-lines.ts"
import type { ReleaseRepo } from "./releases.ts"
import type { RolloutRepo } from "./rollouts.ts"
import type { RolloutDeviceRow, RolloutRow } from "./schema.ts"
import type { StatementRepo } from "./statements.ts"
import type { TokenRepo } from "./tokens.ts"
import type { ViewRepo } from "./views.ts"
import type { WebhookRepo } from "./webhooks.ts"

export interface Repos {
    readonly devices: DeviceRepo
    readonly desired: DesiredRepo
    readonly releases: ReleaseRepo
    readonly commands: CommandRepo
    readonly tokens: TokenRepo
    readonly events: EventRepo
    readonly audit: AuditRepo
    readonly views: ViewRepo
    readonly groups: GroupRepo
    readonly rollouts: RolloutRepo
    readonly experiments: ExperimentRepo
    readonly webhooks: WebhookRepo
    readonly claims: ClaimRepo
    readonly handover: HandoverRepo
    readonly hawkbit: HawkbitRepo
    readonly handoverLogs: HandoverLogRepo
    readonly statements: StatementRepo
    readonly fleet: FleetRepo
    readonly logLines: LogLineRepo
}

/** What else than our own rules says which devices of a rollout may have the release now. */
export interface RolloutPace {
    /** Those of the places, next in the queue, that may be granted. Reads the database only: it is called inside a transaction. */
    mayGrant(repos: Repos, rollout: RolloutRow, places: readonly RolloutDeviceRow[]): Promise<readonly RolloutDeviceRow[]>
}

/** `elsewhere`: committed by another server process. */
export type EventListener = (events: readonly StoredEvent[], elsewhere: boolean) => void
export type LeadershipListener = (leads: boolean) => void

export interface Store {
    readonly kind: "sqlite" | "postgres"
    readonly read: Repos
    /** Several reads of one commit: what one of them saw is still true for the next. */
    snapshot<T>(work: (repos: Repos) => Promise<T>): Promise<T>
    write<T>(work: (repos: Repos) => Promise<T>): Promise<T>
    /**
     * Called after each commit that noted events, in the order of the commits, also for those of
     * other processes; returns the way to stop.
     */
    onEvents(listener: EventListener): () => void
    /**
     * One of the processes on a database leads: it does the work that happens by itself (controller,
     * rollouts, webhooks). Called with each change, and at once when this process leads already.
     * That two lead for a moment, after a broken connection, does no harm: the database's own rules
     * refuse a second grant.
     */
    onLeadership(listener: LeadershipListener): () => void
    readonly leads: boolean
    /** As the database has it, in the transaction that writes for the one that leads. */
    holdsLead(repos: Repos): Promise<boolean>
    /** Left out where our rules alone decide. */
    readonly pace?: RolloutPace
    /** False while the database cannot be reached; the store goes on by itself when it can. */
    readonly reachable: boolean
    /** Another process on the database is to lead: this one does not try to for a while. */
    resign?(): Promise<void>
    /** An embedded store's commits do not wait for the disk more than need be, at the price of a thread; others have no such way. */
    hurry?(on: boolean): Promise<void>
    close(): Promise<void>
}
