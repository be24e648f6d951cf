/**
 * The tables. Columns are named like the fields of the code, so that a row needs no
 * translation. Times are milliseconds since 1970, JSON is text, and 0/1 is a boolean:
 * what SQLite and PostgreSQL both have.
 *
 * `desired` is written by operators and rollouts only, `actual` by what a device
 * reported only. No statement writes both.
 */
import type { Generated, Selectable } from "kysely"

export interface DevicesTable {
    id: string
    app: string | null
    /** JSON object of strings: what groups filter by. */
    attributes: string
    /** The key of sealed requests, encrypted with the server's secret; null = the device has none. */
    sealKey: string | null
    createdAtMs: number
    createdBy: string
}

export interface TokensTable {
    id: string
    hash: string
    role: string
    name: string
    deviceId: string | null
    createdAtMs: number
    createdBy: string
    revokedAtMs: number | null
    expiresAtMs: number | null
    /** 1 = not used yet: the device's older tokens end with its first use. */
    pending: Generated<number>
}

export interface ClaimsTable {
    id: string
    hash: string
    /** Null = any device that there is not yet. */
    deviceId: string | null
    app: string | null
    seal: number
    expiresAtMs: number
    usedAtMs: number | null
    usedBy: string | null
    createdAtMs: number
    createdBy: string
}

export interface StatementsTable {
    id: string
    /** revoke, fresh */
    kind: string
    /** Digest of the revoked key, or the base's id. */
    subject: string
    issuedAtUnixS: number
    manifest: string
    signatureDigest: string
    signatureSizeBytes: number
    createdAtMs: number
    createdBy: string
}

export interface ActualTable {
    deviceId: string
    version: string
    sequence: number
    baseId: string
    bank: string
    state: string
    bootCount: number | null
    channel: string | null
    uptimeMs: number | null
    ledger: string | null
    reportedAtMs: number
    /** When anything but the uptime last changed. */
    changedAtMs: number
}

export interface DesiredTable {
    deviceId: string
    releaseId: string
    /** Raised each time somebody asks: one ask is granted once (plus retries after time-outs). */
    generation: number
    rolloutId: string | null
    setBy: string
    setAtMs: number
    /** When the controller should look again; null = not by itself. */
    retryAtMs: number | null
}

export interface ReleasesTable {
    id: string
    app: string
    version: string
    notes: string
    createdAtMs: number
    createdBy: string
    /** "app", or "base" for the one release that means the board's own code. */
    kind: Generated<string>
}

export interface ArtifactsTable {
    releaseId: string
    baseId: string
    sequence: number
    productId: number
    cold: number
    manifest: string
    imageDigest: string
    imageSizeBytes: number
    signatureDigest: string
    signatureSizeBytes: number
    createdAtMs: number
    createdBy: string
}

/** The signer's word that a board may go to this image though it has run a later one. */
export interface PermissionsTable {
    releaseId: string
    baseId: string
    manifest: string
    signatureDigest: string
    signatureSizeBytes: number
    createdAtMs: number
    createdBy: string
}

/** Bases in the field: what later images are built against. */
export interface BasesTable {
    baseId: string
    releaseId: string
    toolchain: string
    bundleDigest: string
    bundleSizeBytes: number
    linkedDigest: string
    createdAtMs: number
    createdBy: string
}

/** What turns the places in an image back into source lines. */
export interface MapsTable {
    imageDigest: string
    releaseId: string
    baseId: string
    blobDigest: string
    sizeBytes: number
    createdAtMs: number
    createdBy: string
}

/** Two releases side by side: a rollout for each arm. */
export interface ExperimentsTable {
    id: string
    name: string
    /** What the arms are made of, with the device's id. */
    seed: string
    splitPercent: number
    rolloutA: string
    rolloutB: string
    /** running, ended */
    state: string
    winner: string | null
    createdAtMs: number
    createdBy: string
    endedAtMs: number | null
}

export interface CommandsTable {
    id: string
    deviceId: string
    kind: string
    releaseId: string | null
    baseId: string | null
    generation: number
    attempt: number
    state: string
    rolloutId: string | null
    queuedAtMs: number
    deliveredAtMs: number | null
    deliveries: number
    ackedAtMs: number | null
    deadlineAtMs: number | null
    cancelAtMs: number | null
    finishedAtMs: number | null
    doneBytes: number | null
    ofBytes: number | null
    code: string | null
    diagnostics: string | null
    /** Told with the permission to go to an earlier sequence. */
    downgrade: Generated<number>
}

export interface StatusesTable {
    seq: Generated<number>
    deviceId: string
    commandId: string | null
    atMs: number
    state: string
    version: string | null
    sequence: number | null
    bank: string | null
    doneBytes: number | null
    ofBytes: number | null
    code: string | null
    diagnostics: string | null
}

/** Releases that a device failed with; automation does not offer them to it again. */
export interface BlocksTable {
    deviceId: string
    releaseId: string
    reason: string
    commandId: string
    atMs: number
}

export interface EventsTable {
    seq: Generated<number>
    type: string
    deviceId: string | null
    atMs: number
    data: string
}

export interface AuditTable {
    seq: Generated<number>
    atMs: number
    actor: string
    role: string
    action: string
    subject: string
    detail: string
}

export interface GroupsTable {
    /** Its name. */
    id: string
    /** Null for a group that is a list. */
    filter: string | null
    createdAtMs: number
    createdBy: string
}

export interface GroupMembersTable {
    groupId: string
    deviceId: string
}

export interface RolloutsTable {
    id: string
    name: string
    releaseId: string
    /** What the buckets are made of, with the device's id. */
    seed: string
    groupId: string | null
    filter: string | null
    /** JSON of a RolloutPlan. */
    plan: string
    state: string
    why: string
    phase: number
    reachedAtMs: number | null
    released: number
    /** When the target was last compared with the devices there are. */
    enrolledAtMs: number | null
    createdAtMs: number
    createdBy: string
    changedAtMs: number
    /** The experiment that it is an arm of. */
    experimentId: string | null
    /** "a" or "b" */
    arm: string | null
}

export interface RolloutDevicesTable {
    rolloutId: string
    deviceId: string
    bucket: number
    /** waiting, granted, succeeded, failed, rolledBack, skipped; on the way back: reverting, reverted, stuck */
    state: string
    why: string | null
    phase: number | null
    /** What was desired of the device before, and what it ran: the way back. */
    previousReleaseId: string | null
    previousVersion: string | null
    /** It ran its base's own code. */
    previousBase: Generated<number>
    grantedAtMs: number | null
    finishedAtMs: number | null
}

export interface WebhooksTable {
    id: string
    url: string
    /** Beginnings of event types, comma-separated; empty = all. */
    types: string
    /** Needed in the clear to sign with; shown once, never again. */
    secret: string
    /** The last event that was delivered. */
    cursor: number
    failures: number
    /** Not before this time; null = now. */
    retryAtMs: number | null
    lastError: string | null
    createdAtMs: number
    createdBy: string
}

/** How many devices ran a version at a time; a time has a row for each version. */
export interface FleetHistoryTable {
    atMs: number
    version: string
    devices: number
}

/** Why a release has no image for a base. */
export interface RefusalsTable {
    releaseId: string
    baseId: string
    /** JSON: what the builder said. */
    reasons: string
    createdAtMs: number
    createdBy: string
}

/** A line of a device's log. */
export interface LogLinesTable {
    seq: Generated<number>
    deviceId: string
    atMs: number
    line: string
}

export interface Schema {
    devices: DevicesTable
    tokens: TokensTable
    actual: ActualTable
    desired: DesiredTable
    releases: ReleasesTable
    artifacts: ArtifactsTable
    permissions: PermissionsTable
    bases: BasesTable
    maps: MapsTable
    experiments: ExperimentsTable
    commands: CommandsTable
    statuses: StatusesTable
    blocks: BlocksTable
    events: EventsTable
    audit: AuditTable
    groups: GroupsTable
    groupMembers: GroupMembersTable
    rollouts: RolloutsTable
    rolloutDevices: RolloutDevicesTable
    webhooks: WebhooksTable
    claims: ClaimsTable
    statements: StatementsTable
    fleetHistory: FleetHistoryTable
    refusals: RefusalsTable
    logLines: LogLinesTable
}

export type DeviceRow = Selectable<DevicesTable>
export type TokenRow = Selectable<TokensTable>
export type ActualRow = Selectable<ActualTable>
export type DesiredRow = Selectable<DesiredTable>
export type ReleaseRow = Selectable<ReleasesTable>
export type ArtifactRow = Selectable<ArtifactsTable>
export type PermissionRow = Selectable<PermissionsTable>
export type BaseRow = Selectable<BasesTable>
export type MapRow = Selectable<MapsTable>
export type ExperimentRow = Selectable<ExperimentsTable>
export type CommandRow = Selectable<CommandsTable>
export type StatusRow = Selectable<StatusesTable>
export type BlockRow = Selectable<BlocksTable>
export type EventRow = Selectable<EventsTable>
export type AuditRow = Selectable<AuditTable>
export type GroupRow = Selectable<GroupsTable>
export type RolloutRow = Selectable<RolloutsTable>
export type RolloutDeviceRow = Selectable<RolloutDevicesTable>
export type WebhookRow = Selectable<WebhooksTable>
export type ClaimRow = Selectable<ClaimsTable>
export type StatementRow = Selectable<StatementsTable>
export type RefusalRow = Selectable<RefusalsTable>
export type LogLineRow = Selectable<LogLinesTable>
