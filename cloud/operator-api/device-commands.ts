/** What is wanted of one device, and what is told it at once. */
import { newId } from "../ids.ts"
import { Problem } from "../problems.ts"
import type { DeviceRow, ReleaseRow } from "../store/schema.ts"
import type { Repos } from "../store/store.ts"
import { allowsDowngrade } from "../store/views.ts"
import type { Principal } from "../tokens.ts"
import type { OperatorContext, TypedApp } from "./context.ts"
import { audit, route, writeOfDevice } from "./context.ts"
import { commandDocument, deviceDocument, syncDocument } from "./device-document.ts"
import { findDevice } from "./devices.ts"
import { findRelease } from "./find-release.ts"
import { DeviceId, ReleaseRef, strict } from "./schemas.ts"

const Params = strict({ device: DeviceId })

export async function deviceCommandRoutes(app: TypedApp, context: OperatorContext): Promise<void> {
    const { controller, policy, now } = context

    const want = route(context, "operate", "devices", "Say what a device should run; asking again offers it again")
    app.put("/devices/:device/desired", {
        onRequest: want.onRequest,
        schema: { ...want.doc, params: Params, body: strict({ release: ReleaseRef }) },
        handler: async request => {
            const nowMs = now()
            return writeOfDevice(context, request, async repos => {
                const device = await findDevice(repos, request.params.device)
                const release = await findRelease(repos, request.body.release, device.app)
                await ask(repos, device, release, request.principal, nowMs)
                await controller.reconcile(repos, [device.id])
                return deviceDocument(repos, device, policy, nowMs)
            })
        },
    })

    const unwant = route(context, "operate", "devices", "Stop managing a device: nothing is desired of it")
    app.delete("/devices/:device/desired", {
        onRequest: unwant.onRequest,
        schema: { ...unwant.doc, params: Params },
        handler: async (request, reply) => {
            const nowMs = now()
            await writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                await repos.desired.remove(id)
                await audit(repos, request.principal, nowMs, "device.unmanage", id)
                await controller.reconcile(repos, [id])
                repos.events.note("device.desired", id, nowMs, { release: null })
            })
            reply.code(204)
        },
    })

    const update = route(context, "operate", "devices", "Update a device now")
    app.post("/devices/:device/update", {
        onRequest: update.onRequest,
        schema: { ...update.doc, params: Params, body: strict({ version: ReleaseRef }) },
        handler: async (request, reply) => {
            const nowMs = now()
            const answer = await writeOfDevice(context, request, async repos => {
                const device = await findDevice(repos, request.params.device)
                const release = await findRelease(repos, request.body.version, device.app)
                await requireArtifact(repos, device, release)
                await ask(repos, device, release, request.principal, nowMs)
                await controller.reconcile(repos, [device.id])
                const [command] = await repos.commands.open([device.id])
                const [view] = await repos.views.devices([device.id])
                return {
                    command: command === undefined ? null : commandDocument(command),
                    sync: syncDocument(view, policy, nowMs),
                }
            })
            reply.code(202)
            return answer
        },
    })

    const check = route(context, "operate", "devices", "Ask a device to report")
    app.post("/devices/:device/check", {
        onRequest: check.onRequest,
        schema: { ...check.doc, params: Params },
        handler: async (request, reply) => {
            const nowMs = now()
            const command = await writeOfDevice(context, request, async repos => {
                const { id: deviceId } = await findDevice(repos, request.params.device)
                const [open] = await repos.commands.open([deviceId])
                if (open !== undefined) throw new Problem("HOV_API_COMMAND_ACTIVE", `command ${open.id} is ${open.state}`)
                const id = newId("k", nowMs)
                await repos.commands.insert({
                    id,
                    deviceId,
                    kind: "check",
                    generation: 0,
                    attempt: 1,
                    state: "queued",
                    queuedAtMs: nowMs,
                    deliveries: 0,
                })
                await audit(repos, request.principal, nowMs, "device.check", deviceId, { command: id })
                repos.events.note("command.queued", deviceId, nowMs, { command: id })
                const [made] = await repos.commands.open([deviceId])
                return commandDocument(made)
            })
            reply.code(202)
            return { command }
        },
    })

    const cancel = route(context, "operate", "devices", "Cancel what is under way; nothing is desired of the device then")
    app.post("/devices/:device/cancel", {
        onRequest: cancel.onRequest,
        schema: { ...cancel.doc, params: Params },
        handler: async (request, reply) => {
            const nowMs = now()
            const answer = await writeOfDevice(context, request, async repos => {
                const { id } = await findDevice(repos, request.params.device)
                const [open] = await repos.commands.open([id])
                if (open === undefined) throw new Problem("HOV_API_NOT_ACTIVE", `device ${id} has no command`)
                await audit(repos, request.principal, nowMs, "device.cancel", id, { command: open.id })
                if (open.kind === "check") {
                    // There is nothing for the device to give up: it was asked a question.
                    await repos.commands.patch(open.id, { state: "cancelled", finishedAtMs: nowMs, deadlineAtMs: null })
                    repos.events.note("command.finished", id, nowMs, { command: open.id, release: null, state: "cancelled", code: null })
                } else {
                    await repos.desired.remove(id)
                    repos.events.note("device.desired", id, nowMs, { release: null })
                }
                await controller.reconcile(repos, [id])
                const command = await repos.commands.get(open.id)
                return { command: command === undefined ? null : commandDocument(command) }
            })
            reply.code(202)
            return answer
        },
    })
}

/** A person asks: what the device failed with before may be offered once more. */
export async function ask(
    repos: Repos,
    device: DeviceRow,
    release: ReleaseRow,
    who: Principal,
    nowMs: number,
): Promise<void> {
    await repos.desired.unblock(device.id, release.id)
    await repos.desired.set({
        deviceId: device.id,
        releaseId: release.id,
        rolloutId: null,
        setBy: who.name,
        setAtMs: nowMs,
    })
    await audit(repos, who, nowMs, "device.desire", device.id, { release: release.id })
    repos.events.note("device.desired", device.id, nowMs, { release: release.id })
}

async function requireArtifact(repos: Repos, device: DeviceRow, release: ReleaseRow): Promise<void> {
    const actual = await repos.devices.getActual(device.id)
    // A device that never reported has no base yet: its command waits for the first poll.
    if (actual === undefined || actual.version === release.version || release.kind === "base") return
    if ((await repos.releases.base(actual.baseId))?.releaseId === release.id) return
    const artifact = await repos.releases.artifact(release.id, actual.baseId)
    if (artifact !== undefined && Number(artifact.sequence) < Number(actual.sequence)) {
        const permitted = allowsDowngrade(artifact.manifest) || (await repos.releases.permission(release.id, actual.baseId)) !== undefined
        if (!permitted)
            throw new Problem("HOV_API_NO_PERMISSION", `device ${device.id} runs sequence ${actual.sequence}, release ${release.id} has ${artifact.sequence}`)
    }
    if (artifact === undefined)
        throw new Problem(
            "HOV_API_NO_ARTIFACT",
            `release ${release.id} has no artifact for base ${actual.baseId} of device ${device.id}`,
        )
}
