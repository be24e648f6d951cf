/** The device API: what boards talk to. */
import type { FastifyInstance } from "fastify"
import type { HeldPolls } from "../held-polls.ts"
import { LIMITS } from "../limits.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { ServerSecret } from "../server-secret.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { Store } from "../store/store.ts"
import type { Tenure } from "../tenure.ts"
import { validators } from "../validators.ts"
import type { ActualWriter } from "./actual-writer.ts"
import { blobGate, deviceGate, unsealer } from "./authenticate.ts"
import { blobHandler } from "./blobs.ts"
import { enrolHandler } from "./enrol.ts"
import { logHandler } from "./log.ts"
import { pollHandler } from "./poll.ts"
import { BlobParams, BlobQuery, DeviceParams, EnrolBody, HelloBody, LogBody, PollBody, PollQuery, StatusBody } from "./schemas.ts"
import type { Seals } from "./seal.ts"
import type { Sessions } from "./sessions.ts"
import { statusHandler } from "./status.ts"

export interface DeviceApiOptions {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly principals: Principals
    readonly secret: ServerSecret
    readonly seals: Seals
    readonly held: HeldPolls
    readonly tenure: Tenure
    readonly writer: ActualWriter
    readonly counters: { polls: number; statuses: number; delivered: number }
    readonly commandTimeoutMs: number
    readonly retryDelayMs: number
    readonly now: () => number
    readonly moveOf?: (deviceId: string) => string | null
}

const HELLO_BODY_BYTES = 512
const TAGS = { tags: ["device"], security: [{ device: [] }] }

export async function deviceApi(app: FastifyInstance, options: DeviceApiOptions): Promise<void> {
    app.setValidatorCompiler(validators)
    // A board may leave the content type out; what it sends is JSON.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser("*", { parseAs: "string" }, (request, body, done) => {
        // A sealed body is hex digits, opened by `unsealer`.
        if (request.sealHeader !== undefined) {
            done(null, body)
            return
        }
        try {
            done(null, JSON.parse(body as string))
        } catch {
            done(new Problem("HOV_API_BAD_JSON", "the body is not JSON"))
        }
    })
    app.decorateRequest("session", null as never)
    app.decorateRequest("seal", null)
    app.decorateRequest("sealHeader", undefined)
    // What is answered to a sealed request is sealed, refusals included; polls seal their own.
    app.addHook("onSend", async (request, reply, payload) => {
        if (request.seal === null) return payload
        const sealed = request.seal.close(reply.statusCode, payload as string | Buffer)
        reply.code(200).header("content-type", "application/octet-stream").header("content-length", sealed.length)
        return sealed
    })
    const { sessions, principals, seals } = options
    const gate = deviceGate(sessions, principals)

    app.post("/v1/dfu/:device/poll", {
        bodyLimit: LIMITS.pollBodyBytes,
        onRequest: gate,
        preValidation: unsealer(sessions, principals, seals, "P"),
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
        preValidation: unsealer(sessions, principals, seals, "S"),
        schema: { ...TAGS, summary: "Report a step of an update", params: DeviceParams, body: StatusBody },
        handler: (request, reply) => {
            options.counters.statuses++
            return status(request, reply)
        },
    })
    app.post("/v1/dfu/:device/log", {
        bodyLimit: LIMITS.logBodyBytes,
        onRequest: gate,
        preValidation: unsealer(sessions, principals, seals, "S"),
        schema: { ...TAGS, summary: "Send lines of the device's log", params: DeviceParams, body: LogBody },
        handler: logHandler(options),
    })
    app.get("/v1/blobs/:digest", {
        onRequest: blobGate(principals, seals),
        schema: { ...TAGS, summary: "Fetch bytes by their SHA-256", params: BlobParams, querystring: BlobQuery },
        handler: blobHandler(options.blobs),
    })
    app.post("/v1/dfu/:device/hello", {
        bodyLimit: HELLO_BODY_BYTES,
        schema: { tags: ["device"], summary: "Begin a session of sealed requests", params: DeviceParams, body: HelloBody },
        handler: async request => {
            const { device } = request.params as { device: string }
            return { s: seals.hello(device, (request.body as { n: string }).n) }
        },
    })
    app.post("/v1/enrol", {
        bodyLimit: HELLO_BODY_BYTES,
        schema: { tags: ["device"], summary: "Become a device with a one-time claim code", body: EnrolBody },
        handler: enrolHandler(options),
    })
}
