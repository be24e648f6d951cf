/** What the API answers: the server's own types, by the names that the console has for them. */
export type {
    ArtifactDocument,
    CommandDocument,
    DeviceDocument,
    DeviceSummary,
    DiagnosticsDocument as Diagnostics,
    Fault,
    HandoverProgress,
    ImageDocument as ImageContents,
    Ledger,
    LogLine,
    OldCall,
    Page,
    RefusalReason as Refusal,
    ReleaseContents,
    ReleaseDocument,
    StatusDocument,
} from "../../cloud/operator-api/documents.ts"
export type {
    GroupDocument as Group,
    PhaseDocument as PhasePlan,
    PreviewDocument as Preview,
    RolloutDocument,
    RolloutPlaceDocument as RolloutPlace,
    RolloutSummary,
} from "../../cloud/operator-api/rollout-documents.ts"
export type {
    AuditDocument as AuditEntry,
    FleetCountDocument as Count,
    FleetDocument as FleetFigures,
    FleetHistoryDocument as FleetHistory,
    MeDocument as Me,
    Permission,
} from "../../cloud/operator-api/server-documents.ts"

/** One live event; `data` is what it carries besides. */
export interface LiveEvent {
    readonly type: string
    readonly device: string | null
    readonly at: string
    readonly [field: string]: unknown
}
