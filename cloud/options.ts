import type { Server } from "node:net"
import type { LevelWithSilent } from "pino"
import type { Clock } from "./clock.ts"
import type { DdiOptions } from "./ddi/tenants.ts"
import type { HawkbitOptions } from "./hawkbit/options.ts"
import { LIMITS } from "./limits.ts"
import type { S3Options } from "./store/s3-blobs.ts"

export interface CloudOptions {
    /** Folder for the database and the blobs; made when it is not there. */
    readonly dataDir: string
    /**
     * `postgres://user:password@host:port/database` in the place of the embedded database: for several
     * processes behind a balancer.
     */
    readonly databaseUrl?: string
    /** Where blobs are kept, in the place of the data folder: for servers that share no disk. */
    readonly s3?: S3Options
    /** Loopback unless told otherwise. */
    readonly host?: string
    /** 0 (the default) takes a free one. */
    readonly port?: number
    /** The first admin's token; without it the one in `admin.token` of the data folder, made at the first start. */
    readonly adminToken?: string
    /** 64 hex digits that devices' keys are encrypted with; without it the ones in `secret.key` of the data folder. */
    readonly secretKey?: string
    /** How devices and another server reach this one, when that is not where it listens. */
    readonly publicUrl?: string
    readonly logLevel?: LevelWithSilent
    readonly timings?: Partial<Timings>
    /** Events kept for listeners and webhooks that come back; 200,000 when left out. */
    readonly eventsKept?: number
    /** Interval that devices are told for plain polls; their own when left out. */
    readonly pollMs?: number
    /** hawkBit's device interface (DDI v1) for devices of another kind; off when left out. */
    readonly ddi?: DdiOptions
    /** hawkBit behind this server: it has our releases, devices and rollouts, and a say in them. */
    readonly hawkbit?: HawkbitOptions
    /** Where the built console is; found by itself when left out. */
    readonly consoleDir?: string
    readonly now?: Clock
    /** Asked for the listening socket when all is ready, in the place of opening one: to take over from a server on this host. */
    readonly door?: () => Promise<Server>
}

export interface Timings {
    /** From a command's delivery, or the board's last status, to giving it up. */
    readonly commandTimeoutMs: number
    readonly cancelTimeoutMs: number
    readonly maxAttempts: number
    readonly retryDelayMs: number
    /** How often deadlines and retries are looked for. */
    readonly sweepMs: number
    /** What a poll reported is on disk after this time at the latest, news much sooner. */
    readonly lazyWriteMs: number
    /** How often rollouts are looked at when nothing happens; an end of a command is looked at sooner. */
    readonly rolloutTickMs: number
    /** How often a rollout's target is compared with the devices there are. */
    readonly enrolMs: number
    /** How often listeners to live events are told that the connection lives, and old events removed. */
    readonly eventBeatMs: number
    /** After a webhook's first failure; doubles up to five minutes. */
    readonly webhookRetryMs: number
    /** A receiver has to have answered a webhook's message. */
    readonly webhookTimeoutMs: number
    /** From the deploy of a whole base to its word that it is well; then the base before is deployed again. */
    readonly coldConfirmMs: number
    /** How often it is looked whether the fleet's versions have changed, for the picture over time. */
    readonly sampleMs: number
    /** Within this a request's headers, and within `requestMs` all of it, must have come: who is slower is cut off. */
    readonly headersMs: number
    readonly requestMs: number
}

export const DEFAULT_TIMINGS: Timings = {
    commandTimeoutMs: 10 * 60_000,
    cancelTimeoutMs: 30_000,
    maxAttempts: 3,
    retryDelayMs: 30_000,
    sweepMs: 1_000,
    lazyWriteMs: 1_000,
    rolloutTickMs: 1_000,
    enrolMs: 30_000,
    eventBeatMs: 15_000,
    webhookRetryMs: 1_000,
    webhookTimeoutMs: 10_000,
    coldConfirmMs: 120_000,
    sampleMs: 15_000,
    headersMs: LIMITS.headersTimeoutMs,
    requestMs: LIMITS.requestTimeoutMs,
}

export interface Cloud {
    readonly url: string
    readonly adminToken: string
    /** What listens. */
    readonly server: Server
    /** With `graceMs` clients get that long to go by themselves, and what is under way is answered. */
    close(options?: { readonly graceMs: number }): Promise<void>
}
