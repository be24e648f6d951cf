/** Puts the rooms of the cloud together and opens the door. */
import { mkdir } from "node:fs/promises"
import type { AddressInfo } from "node:net"
import path from "node:path"
import { adminTokenOf, installAdminToken } from "./admin-token.ts"
import { Controller } from "./controller/controller.ts"
import { ActualWriter } from "./device-api/actual-writer.ts"
import { Extras } from "./device-api/extras.ts"
import { Diagnostics } from "./diagnostics.ts"
import { ddiApi } from "./ddi/index.ts"
import { deviceApi } from "./device-api/index.ts"
import { Seals } from "./device-api/seal.ts"
import { Sessions } from "./device-api/sessions.ts"
import { EventHub } from "./events/hub.ts"
import { addGate } from "./handover/server/gate.ts"
import { LinkEndpoint } from "./handover/server/link-endpoint.ts"
import { handoverRoutes } from "./handover/server/routes.ts"
import { ServerHandover } from "./handover/server/server-handover.ts"
import { Hawkbit } from "./hawkbit/index.ts"
import { HeldPolls } from "./held-polls.ts"
import { LIMITS } from "./limits.ts"
import { consoleRoutes } from "./console-files.ts"
import { FleetSampler } from "./fleet/sampler.ts"
import { createLog } from "./log.ts"
import { createMetrics } from "./metrics.ts"
import { operatorGate } from "./operator-api/authorize.ts"
import { operatorApi } from "./operator-api/index.ts"
import { closeGently } from "./takeover/close-gently.ts"
import type { Cloud, CloudOptions } from "./options.ts"
import { DEFAULT_TIMINGS } from "./options.ts"
import { Principals } from "./principals.ts"
import { Tenure } from "./tenure.ts"
import { ServerSecret } from "./server-secret.ts"
import { RolloutRunner } from "./rollouts/runner.ts"
import { createServer } from "./server.ts"
import { isDatabaseAway } from "./store/database-away.ts"
import { CachedBlobs } from "./store/blobs.ts"
import { DiskBlobs } from "./store/disk-blobs.ts"
import { openPostgresStore } from "./store/postgres-store.ts"
import { S3Blobs } from "./store/s3-blobs.ts"
import { openSqliteStore } from "./store/sqlite-store.ts"
import type { Store } from "./store/store.ts"
import { WebhookSender } from "./webhooks/sender.ts"
import { WsskEndpoint } from "./wssk/endpoint.ts"

const DATABASE_FILE = "handover.db"

/**
 * Starts the server; it answers when the promise resolves.
 *
 * Example: `const cloud = await startCloud({ dataDir: "./data", port: 8070 })`
 * then `cloud.url` is `http://127.0.0.1:8070`.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
    const timings = { ...DEFAULT_TIMINGS, ...options.timings }
    const now = options.now ?? Date.now
    const log = createLog(options.logLevel ?? "info")
    await mkdir(options.dataDir, { recursive: true })
    const adminToken = await adminTokenOf(options.dataDir, options.adminToken)
    let awayAtMs = Number.NEGATIVE_INFINITY
    const onError = (error: unknown): void => {
        if (!isDatabaseAway(error)) return log.error({ err: error }, "background work failed")
        // Every connection and every piece of work says so: once a second is enough.
        if (now() < awayAtMs + 1_000) return
        awayAtMs = now()
        log.warn({ reason: (error as Error).message }, "the database is away")
    }
    const copies = options.s3 === undefined ? await DiskBlobs.open(path.join(options.dataDir, "blobs")) : new S3Blobs(options.s3)
    const database = await openStore(options, onError)
    const hawkbit = options.hawkbit === undefined ? undefined : await Hawkbit.open(options.hawkbit, database, copies, log, now)
    const store = hawkbit?.store ?? database
    const blobs = new CachedBlobs(hawkbit?.place ?? copies, LIMITS.blobCacheBytes)
    await installAdminToken(store, adminToken, now())

    const secret = await ServerSecret.open(options.dataDir, options.secretKey)
    const tenure = new Tenure()
    const principals = new Principals(store, tenure, now)
    const seals = new Seals(now)
    const extras = await Extras.open(store, secret, options.pollMs ?? null, onError)
    const held: HeldPolls = new HeldPolls(deviceId => sessions.takeFor(deviceId))
    const writer = new ActualWriter({
        store,
        tenure,
        lazyMs: timings.lazyWriteMs,
        commandTimeoutMs: timings.commandTimeoutMs,
        now,
        onError,
    })
    const counters = { polls: 0, statuses: 0, delivered: 0 }
    const sessions = new Sessions({
        store,
        held,
        tenure,
        now,
        extras,
        secret,
        seals,
        onMoved: session => writer.forget(session),
        onDelivered: (session, offer, atMs) => {
            counters.delivered++
            writer.noteDelivery({ session, commandId: offer.commandId, deliveries: offer.deliveries, atMs })
        },
        onError,
    })
    const controller = new Controller({ store, tenure, policy: timings, sweepMs: timings.sweepMs, now, log })
    const runner = new RolloutRunner({
        store,
        controller,
        now,
        log,
        tickMs: timings.rolloutTickMs,
        enrolMs: timings.enrolMs,
        policy: timings,
    })
    const sync = hawkbit?.connect({ controller, runner, policy: timings })
    const hub = await EventHub.open(store, { eventsKept: options.eventsKept ?? LIMITS.eventsKept, beatMs: timings.eventBeatMs })

    const metrics = createMetrics({
        store,
        counters,
        heldPolls: () => held.size,
        sessions: () => sessions.size,
        listeners: () => hub.listeners,
        blobReads: () => blobs.reads,
        ...(hawkbit === undefined ? {} : { hawkbit }),
    })
    const sender = new WebhookSender({
        store,
        hub,
        now,
        log,
        source: "/handover",
        retryMs: timings.webhookRetryMs,
        timeoutMs: timings.webhookTimeoutMs,
        tickMs: timings.sweepMs,
    })

    let url = ""
    const handover = await ServerHandover.open({ store, blobs, sessions, held, writer, controller, runner, sender, hub, secret, principals, tenure, log, now, url: () => options.publicUrl ?? url })
    const app = await createServer(log, timings)
    addGate(app, handover, principals)
    await handoverRoutes(app as never, { handover, principals, store, blobs, publicUrl: options.publicUrl ?? null })
    await consoleRoutes(app, options.consoleDir)
    app.get("/metrics", { onRequest: operatorGate(principals, "read"), schema: { hide: true } }, async (_request, reply) => {
        reply.type(metrics.contentType)
        return metrics.metrics()
    })
    // A server without its database lives, and goes on holding polls; a balancer may look at the status.
    // Without hawkBit it has all that it needs for the devices that it knows.
    app.get("/healthz", { schema: { hide: true } }, async (_request, reply) => {
        const isAway = hawkbit?.health.state === "degraded"
        const degraded = store.reachable ? (isAway ? "hawkbit" : null) : "database"
        reply.code(store.reachable ? 200 : 503)
        return {
            ok: store.reachable,
            degraded,
            devices: sessions.size,
            heldPolls: held.size,
            listeners: hub.listeners,
            leads: store.leads,
            ...(hawkbit === undefined ? {} : { hawkbit: healthDocument(hawkbit) }),
        }
    })
    await app.register(deviceApi, {
        store,
        blobs,
        sessions,
        principals,
        secret,
        seals,
        held,
        tenure,
        writer,
        counters,
        commandTimeoutMs: timings.commandTimeoutMs,
        retryDelayMs: timings.retryDelayMs,
        now,
        moveOf: deviceId => handover.directions.moveOf(deviceId),
    })
    if (options.ddi !== undefined)
        await app.register(ddiApi, {
            ...options.ddi,
            store,
            blobs,
            sessions,
            principals,
            writer,
            tenure,
            publicUrl: options.publicUrl ?? null,
            commandTimeoutMs: timings.commandTimeoutMs,
            retryDelayMs: timings.retryDelayMs,
            now,
        })
    await app.register(operatorApi, {
        prefix: "/api/v1",
        store,
        blobs,
        principals,
        secret,
        controller,
        policy: timings,
        hub,
        runner,
        tenure,
        diagnostics: new Diagnostics(store, blobs),
        ...(hawkbit === undefined ? {} : { hawkbit }),
        now,
    })
    let graceMs = 0
    app.addHook("preClose", async () => {
        held.close()
        hub.close()
        if (graceMs > 0) await closeGently(app.server, graceMs)
    })
    const wssk = new WsskEndpoint({
        store,
        blobs,
        sessions,
        secret,
        principals,
        tenure,
        log,
        now,
        commandTimeoutMs: timings.commandTimeoutMs,
        retryDelayMs: timings.retryDelayMs,
        confirmMs: timings.coldConfirmMs,
    })
    wssk.listen(app.server)
    const link = new LinkEndpoint<Parameters<ServerHandover["receive"]>[0][number]>({
        mayConnect: authorization => handover.directions.isPeer(authorization),
        receive: messages => handover.receive(messages),
        onError: error => log.warn({ err: error }, "handover: a message of the other server"),
    })
    link.listen(app.server)
    if (options.door === undefined) await app.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0, backlog: LIMITS.backlog })
    else {
        await app.ready()
        const door = await options.door()
        // The server before us may have written until now.
        await Promise.all([hub.reload(), extras.reload()])
        await new Promise<void>(resolve => app.server.listen(door, resolve))
    }
    // What happens by itself is done by one process of those on a database.
    const sampler = new FleetSampler({ store, now, log, sampleMs: timings.sampleMs, isWhole: () => handover.isWhole })
    const byItself = [controller, runner, sender, sampler, ...(sync === undefined ? [] : [sync])]
    store.onLeadership(leads => {
        log.info({ leads }, leads ? "this process leads" : "another process leads")
        for (const work of byItself) leads ? work.start() : work.stop()
    })
    handover.settleRoles()
    const { address, port, family } = app.server.address() as AddressInfo
    url = `http://${family === "IPv6" ? `[${address}]` : address}:${port}`
    log.info({ url }, "the cloud listens")

    let closing: Promise<void> | undefined
    async function closeAll(): Promise<void> {
        await handover.close()
        link.close()
        wssk.close()
        await app.close()
        await sampler.close()
        await sender.close()
        await hawkbit?.close()
        await runner.close()
        await controller.close()
        await writer.close()
        await store.close()
    }
    const close = (how?: { readonly graceMs: number }): Promise<void> => {
        graceMs = how?.graceMs ?? 0
        closing ??= closeAll()
        return closing
    }
    return { url, adminToken, server: app.server, close }
}

const openStore = (options: CloudOptions, onError: (error: unknown) => void): Promise<Store> =>
    options.databaseUrl === undefined
        ? openSqliteStore(path.join(options.dataDir, DATABASE_FILE))
        : openPostgresStore({ url: options.databaseUrl, onError })

/** For anybody who asks: what hawkBit has refused, and why it is away, is in the log and the operator's metrics. */
function healthDocument({ health }: Hawkbit): Record<string, unknown> {
    return { state: health.state, since: new Date(health.sinceMs).toISOString(), behind: health.behind, refused: Object.keys(health.refused).length }
}
