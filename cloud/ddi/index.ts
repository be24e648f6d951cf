/**
 * hawkBit's Direct Device Integration (DDI) API v1 on our own store: unmodified clients
 * (swupdate's suricatta, rauc-hawkbit-updater) take part in rollouts as devices of another
 * kind. A command of ours is an action of theirs; nothing of hawkBit runs here.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { ActualWriter } from "../device-api/actual-writer.ts"
import type { Tenure } from "../tenure.ts"
import type { StatusBody } from "../device-api/schemas.ts"
import type { Sessions } from "../device-api/sessions.ts"
import { recordStatus } from "../device-api/status.ts"
import { isFinal } from "../device-state.ts"
import { LIMITS } from "../limits.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { BlobStore } from "../store/blobs.ts"
import type { CommandRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"
import { validators } from "../validators.ts"
import { actionNumber, findAction } from "./action-number.ts"
import { ddiGate } from "./authenticate.ts"
import { reported } from "./config-data.ts"
import type { FileDescriptor } from "./descriptor.ts"
import { readDescriptor } from "./descriptor.ts"
import { kindId, unknownActual } from "./device-kind.ts"
import type { Feedback, Step } from "./feedback.ts"
import { cancelStep, deploymentStep } from "./feedback.ts"
import { parseRange } from "../byte-range.ts"
import { Action, ArtifactParams, ConfigBody, FeedbackBody, Target } from "./schemas.ts"
import type { DdiOptions } from "./tenants.ts"
import { Tenants } from "./tenants.ts"

export interface DdiApiOptions extends DdiOptions {
    readonly store: Store
    readonly blobs: BlobStore
    readonly sessions: Sessions
    readonly principals: Principals
    readonly writer: ActualWriter
    readonly tenure: Tenure
    readonly publicUrl: string | null
    readonly commandTimeoutMs: number
    readonly retryDelayMs: number
    readonly now: () => number
}

const POLL_S = 60
const HAL = "application/hal+json;charset=utf-8"
const MD5 = ".MD5SUM"
const hide = { hide: true }

export async function ddiApi(app: FastifyInstance, options: DdiApiOptions): Promise<void> {
    const { store, blobs, sessions, writer, tenure, now } = options
    const sleep = new Date((options.pollS ?? POLL_S) * 1000).toISOString().slice(11, 19)
    app.setValidatorCompiler(validators)
    app.removeAllContentTypeParsers()
    app.addContentTypeParser("*", { parseAs: "string", bodyLimit: LIMITS.ddiBodyBytes }, (_request, body, done) => {
        try {
            done(null, JSON.parse(body as string))
        } catch {
            done(new Problem("HOV_API_BAD_JSON", "the body is not JSON"))
        }
    })
    app.decorateRequest("ddi", null as never)
    app.addHook("onRequest", ddiGate({ ...options, tenants: new Tenants(options.tenants) }))
    const root = "/:tenant/controller/v1/:device"

    app.get(root, { schema: { ...hide, params: Target } }, async (request, reply) => {
        const { session, kind, attributes } = request.ddi
        const actual = session.actual?.baseId === kindId(kind) ? session.actual : unknownActual(kind)
        writer.report(session, actual)
        const body = sessions.take(session)
        const told = body === null ? {} : (JSON.parse(body) as { cmd?: string; id?: string })
        // DDI has no words for these two: the poll itself answers the one, and the other cannot be done.
        if (told.cmd === "check") await record(request, told.id as string, { state: "idle" })
        if (told.cmd === "revert") await record(request, told.id as string, { state: "failed", code: "HOV_DDI_NO_BASE" })
        const { offer } = session
        const self = addressOf(request)
        const links: Record<string, { href: string }> = {}
        if (offer?.cancel) links.cancelAction = { href: `${self}/cancelAction/${actionNumber(offer.commandId)}` }
        else if (offer != null && offer.version !== null) links.deploymentBase = { href: `${self}/deploymentBase/${actionNumber(offer.commandId)}` }
        if (!Object.keys(attributes).some(name => name.startsWith("ddi."))) links.configData = { href: `${self}/configData` }
        reply.type(HAL)
        return { config: { polling: { sleep } }, _links: links }
    })

    const deployment = async (request: FastifyRequest, reply: FastifyReply): Promise<object> => {
        const { command, file } = await actionOf(request)
        if (isFinal(command.state) && request.url.includes("/deploymentBase/")) throw over(request)
        const self = `${addressOf(request)}/softwaremodules/${actionNumber(command.id)}/artifacts`
        reply.type(HAL)
        const [name, version] = nameAndVersion(command)
        return {
            id: String(actionNumber(command.id)),
            deployment: { download: "forced", update: "forced", chunks: [{ part: file.kind === "linux" ? "os" : file.kind, name, version, artifacts: [artifact(file, self)] }] },
        }
    }
    app.get(`${root}/deploymentBase/:action`, { schema: { ...hide, params: Action } }, deployment)
    app.get(`${root}/installedBase/:action`, { schema: { ...hide, params: Action } }, deployment)

    app.post(`${root}/deploymentBase/:action/feedback`, { bodyLimit: LIMITS.ddiBodyBytes, schema: { ...hide, params: Action, body: FeedbackBody } }, async (request, reply) => {
        const { command } = await actionOf(request)
        const feedback = request.body as Feedback
        const step = deploymentStep(feedback)
        const isEnd = step.state === "confirmed" || step.state === "failed"
        if (isFinal(command.state) && command.state !== "expired") {
            // An end that is said again, because the answer to it was lost, is no news and no error.
            if (!isEnd) throw over(request)
        } else {
            const version = nameAndVersion(command)[1]
            const { cnt, of } = feedback.status.result?.progress ?? {}
            await record(request, command.id, step, { ...(cnt !== undefined && of !== undefined && of >= cnt ? { done: cnt, of } : {}), ...(step.state === "confirmed" ? { v: version, base: command.baseId ?? undefined } : {}) })
        }
        return reply.code(200).send()
    })

    app.get(`${root}/cancelAction/:action`, { schema: { ...hide, params: Action } }, async (request, reply) => {
        const { command } = await actionOf(request)
        if (command.cancelAtMs === null || isFinal(command.state)) throw over(request)
        const id = String(actionNumber(command.id))
        reply.type(HAL)
        return { id, cancelAction: { stopId: id } }
    })

    app.post(`${root}/cancelAction/:action/feedback`, { bodyLimit: LIMITS.ddiBodyBytes, schema: { ...hide, params: Action, body: FeedbackBody } }, async (request, reply) => {
        const { command } = await actionOf(request)
        const step = cancelStep(request.body as Feedback)
        if (step !== null && !isFinal(command.state)) {
            if (command.cancelAtMs === null) throw over(request)
            await record(request, command.id, step)
        }
        return reply.code(200).send()
    })

    app.put(`${root}/configData`, { bodyLimit: LIMITS.ddiBodyBytes, schema: { ...hide, params: Target, body: ConfigBody } }, async (request, reply) => {
        const { device } = request.params as { device: string }
        const { data, mode } = request.body as { data: Record<string, string | number | boolean | null>; mode?: "merge" | "replace" | "remove" | null }
        await store.write(async repos => {
            await tenure.mustHold(repos, device, request.since ?? null)
            const row = await repos.devices.get(device)
            if (row === undefined) throw new Problem("HOV_API_DEVICE_UNKNOWN", `there is no device ${device}`)
            await repos.devices.update(device, { attributes: JSON.stringify(reported(JSON.parse(row.attributes), data, mode ?? "merge")) })
        })
        return reply.code(200).send()
    })

    app.get(`${root}/softwaremodules/:action/artifacts`, { schema: { ...hide, params: Action } }, async (request, reply) => {
        const { command, file } = await actionOf(request)
        reply.type(HAL)
        return [artifact(file, `${addressOf(request)}/softwaremodules/${actionNumber(command.id)}/artifacts`)]
    })

    app.route({
        method: ["GET", "HEAD"],
        url: `${root}/softwaremodules/:action/artifacts/:filename`,
        schema: { ...hide, params: ArtifactParams },
        handler: async (request, reply) => {
            const { file } = await actionOf(request)
            const { filename } = request.params as { filename: string }
            if (filename === file.filename + MD5) return reply.type("text/plain").send(`${file.md5}  ${file.filename}\n`)
            const bytes = filename === file.filename ? await blobs.get(file.sha256) : undefined
            if (bytes === undefined) throw new Problem("HOV_API_BLOB_UNKNOWN", `the action has no file ${filename}`)
            const etag = `"${file.sha256}"`
            reply.type("application/octet-stream").header("accept-ranges", "bytes").header("etag", etag)
            // A range of another file than the one that the client has begun is no use to it.
            const same = request.headers["if-range"] === undefined || request.headers["if-range"] === etag
            const range = same ? parseRange(request.headers.range, bytes.length) : null
            if (range === undefined) return reply.code(416).header("content-range", `bytes */${bytes.length}`).send()
            if (range === null) return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
            reply.code(206).header("content-range", `bytes ${range.from}-${range.end - 1}/${bytes.length}`)
            return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset + range.from, range.end - range.from))
        },
    })

    /** @throws Problem HOV_DDI_ACTION_UNKNOWN */
    async function actionOf(request: FastifyRequest): Promise<{ command: CommandRow; file: FileDescriptor }> {
        const { device, action } = request.params as { device: string; action: number }
        const command = await findAction(store.read, device, action)
        const row = command?.releaseId == null || command.baseId === null ? undefined : await store.read.releases.artifact(command.releaseId, command.baseId)
        if (command === undefined || command.kind !== "update" || row === undefined) throw new Problem("HOV_DDI_ACTION_UNKNOWN", `device ${device} has no action ${action}`)
        return { command, file: await readDescriptor(blobs, row.signatureDigest) }
    }

    function record(request: FastifyRequest, commandId: string, step: Step, more: Partial<StatusBody> = {}): Promise<void> {
        return recordStatus({ store, tenure, now, commandTimeoutMs: options.commandTimeoutMs, retryDelayMs: options.retryDelayMs }, request.ddi.session, { id: commandId, ...step, ...more })
    }

    function addressOf(request: FastifyRequest): string {
        const { tenant, device } = request.params as { tenant: string; device: string }
        return `${options.publicUrl ?? `http://${request.headers.host}`}/${tenant}/controller/v1/${device}`
    }
}

function artifact(file: FileDescriptor, folder: string): object {
    const href = `${folder}/${file.filename}`
    const secure = href.startsWith("https:")
    return {
        filename: file.filename,
        hashes: { sha1: file.sha1, md5: file.md5, sha256: file.sha256 },
        size: file.sizeBytes,
        _links: { [secure ? "download" : "download-http"]: { href }, [secure ? "md5sum" : "md5sum-http"]: { href: href + MD5 } },
    }
}

function nameAndVersion(command: CommandRow): [string, string] {
    const release = command.releaseId as string
    const at = release.lastIndexOf("@")
    return [release.slice(0, at), release.slice(at + 1)]
}

const over = (request: FastifyRequest): Problem => new Problem("HOV_DDI_ACTION_OVER", `action ${(request.params as { action: number }).action} is over`)
