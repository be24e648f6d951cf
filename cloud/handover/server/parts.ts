/** The parts of a server that a handover moves, stops or starts. */
import type { Logger } from "pino"
import type { Clock } from "../../clock.ts"
import type { Controller } from "../../controller/controller.ts"
import type { ActualWriter } from "../../device-api/actual-writer.ts"
import type { Sessions } from "../../device-api/sessions.ts"
import type { EventHub } from "../../events/hub.ts"
import type { HeldPolls } from "../../held-polls.ts"
import type { Principals } from "../../principals.ts"
import type { RolloutRunner } from "../../rollouts/runner.ts"
import type { ServerSecret } from "../../server-secret.ts"
import type { Tenure } from "../../tenure.ts"
import type { BlobStore } from "../../store/blobs.ts"
import type { Store } from "../../store/store.ts"
import type { WebhookSender } from "../../webhooks/sender.ts"

export interface ServerParts {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly held: HeldPolls
    readonly writer: ActualWriter
    readonly controller: Controller
    readonly runner: RolloutRunner
    readonly sender: WebhookSender
    readonly hub: EventHub
    readonly secret: ServerSecret
    readonly principals: Principals
    readonly tenure: Tenure
    readonly log: Logger
    /** Where devices and the other server reach this one; known once it listens. */
    url(): string
    readonly now: Clock
}
