/** The device API: what boards talk to. */
import type { FastifyInstance } from "fastify"
import type { HeldPolls } from "../held-polls.ts"
import { LIMITS } from "../limits.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { Store } from "../store/store.ts"
import { validators } from "../validators.ts"
import type { ActualWriter } from "./actual-writer.ts"
import { blobGate, deviceGate } from "./authenticate.ts"
import { blobHandler } from "./blobs.ts"
import { pollHandler } from "./poll.ts"
import { BlobParams, BlobQuery, DeviceParams, PollBody, PollQuery, StatusBody } from "./schemas.ts"
import type { Sessions } from "./sessions.ts"
import { statusHandler } from "./status.ts"

export interface DeviceApiOptions {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly principals: Principals
    readonly held: HeldPolls
    readonly writer: ActualWriter
    readonly counters: { polls: number; statuses: number; delivered: number }
    readonly commandTimeoutMs: number
    readonly now: () => number
}

const TAGS = { tags: ["device"], security: [{ device: [] }] }

export async function deviceApi(app: FastifyInstance, options: DeviceApiOptions): Promise<void> {
    app.setValidatorCompiler(validators)
    // A board may leave the content type out; what it sends is JSON.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
        try {
            done(null, JSON.parse(body as string))
        } catch {
            done(new Problem("HOV_API_BAD_JSON", "the body is not JSON"))
        }
    })
    app.decorateRequest("session", null as never)
    const gate = deviceGate(options.sessions, options.principals)

    app.post("/v1/dfu/:device/poll", {
        bodyLimit: LIMITS.pollBodyBytes,
        onRequest: gate,
        schema: {
            ...TAGS,
            summary: "Report the actual state and wait for a command",
            params: DeviceParams,
            querystring: PollQuery,
            body: PollBody,
        },
        handler: pollHandler(options),
    })
    const status = statusHandler(options)
    app.post("/v1/dfu/:device/status", {
        bodyLimit: LIMITS.statusBodyBytes,
        onRequest: gate,
        schema: { ...TAGS, summary: "Report a step of an update", params: DeviceParams, body: StatusBody },
        handler: (request, reply) => {
            options.counters.statuses++
            return status(request, reply)
        },
    })
    app.get("/v1/blobs/:digest", {
        onRequest: blobGate(options.principals),
        schema: { ...TAGS, summary: "Fetch bytes by their SHA-256", params: BlobParams, querystring: BlobQuery },
        handler: blobHandler(options.blobs),
    })
}
