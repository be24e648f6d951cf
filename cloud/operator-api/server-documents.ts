/**
 * What the operator API answers about the server itself and the fleet as a whole, typed once: the server's routes make these,
 * the command and the console read them.
 */

export type Permission = "read" | "publish" | "operate" | "administer"

/** Who a token belongs to. */
export interface MeDocument {
    readonly name: string
    readonly role: string
    readonly permissions: readonly Permission[]
    readonly expiresAt: string | null
}

export interface FleetCountDocument {
    readonly name: string
    readonly devices: number
}

export interface FleetDocument {
    readonly at: string
    /** Where live events go on. */
    readonly lastEvent: number
    readonly devices: number
    readonly reported: number
    readonly heard: number
    readonly silentAfterS: number
    readonly versions: readonly FleetCountDocument[]
    readonly states: readonly FleetCountDocument[]
    readonly channels: readonly FleetCountDocument[]
    readonly bases: readonly FleetCountDocument[]
    readonly banks: readonly FleetCountDocument[]
}

export interface FleetHistoryDocument {
    readonly from: string
    readonly to: string
    readonly versions: readonly string[]
    readonly samples: readonly { readonly at: string; readonly devices: Readonly<Record<string, number>> }[]
}

/** A token of a person or a program; never its value. */
export interface TokenDocument {
    readonly id: string
    readonly name: string
    readonly role: string
    readonly createdAt: string
    readonly createdBy: string
    readonly revokedAt: string | null
    readonly expiresAt: string | null
}

/** Told this once. */
export interface NewTokenDocument {
    readonly id: string
    readonly name: string
    readonly role: string
    readonly token: string
    readonly expiresAt: string | null
}

export interface AuditDocument {
    readonly seq: number
    readonly at: string
    readonly actor: string
    readonly role: string
    readonly action: string
    readonly subject: string
    readonly detail: Readonly<Record<string, unknown>>
}

export interface WebhookDocument {
    readonly id: string
    readonly url: string
    /** Beginnings of event types; none = all. */
    readonly types: readonly string[]
    /** Number of the last event that is done. */
    readonly delivered: number
    readonly failures: number
    readonly retryAt: string | null
    readonly lastError: string | null
    readonly createdAt: string
    readonly createdBy: string
}

/** Its secret is told this once. */
export interface NewWebhookDocument extends WebhookDocument {
    readonly secret: string
}

export interface StatementDocument {
    readonly id: string
    readonly kind: string
    readonly subject: string
    readonly issuedAt: string | null
    readonly createdAt: string
    readonly createdBy: string
}

/** What the server lacks at the moment. */
export interface HealthDocument {
    readonly degraded: "database" | "hawkbit" | null
    readonly leads: boolean
    readonly hawkbit: {
        readonly state: string
        readonly since: string
        readonly why: string | null
        readonly behind: number
        readonly refused: readonly { readonly subject: string; readonly why: string }[]
    } | null
}
