/**
 * The store's interface: what the rooms of the cloud may ask of a database.
 *
 * `read` sees the last commit. `write` is one transaction: everything in it is
 * durable when its promise resolves, or nothing of it happened. Events noted inside
 * are written in the same transaction and announced after it, so a listener never
 * hears of something that could still be undone.
 */
import type { AuditRepo } from "./audit.ts"
import type { CommandRepo } from "./commands.ts"
import type { DesiredRepo } from "./desired.ts"
import type { DeviceRepo } from "./devices.ts"
import type { EventRepo, StoredEvent } from "./events.ts"
import type { GroupRepo } from "./groups.ts"
import type { ReleaseRepo } from "./releases.ts"
import type { RolloutRepo } from "./rollouts.ts"
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
    readonly webhooks: WebhookRepo
}

export interface Store {
    readonly read: Repos
    write<T>(work: (repos: Repos) => Promise<T>): Promise<T>
    /** Called after each commit that noted events; returns the way to stop. */
    onEvents(listener: (events: readonly StoredEvent[]) => void): () => void
    close(): Promise<void>
}
