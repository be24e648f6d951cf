/** `POST /v1/enrol`: a board shows a claim code and becomes a device, with a token of its own. */
import { randomBytes } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import { newId } from "../ids.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import { SEAL_KEY_BYTES, type ServerSecret } from "../server-secret.ts"
import type { Store } from "../store/store.ts"
import type { Tenure } from "../tenure.ts"
import { hashToken, newToken } from "../tokens.ts"

export interface EnrolDependencies {
    readonly store: Store
    readonly principals: Principals
    readonly secret: ServerSecret
    readonly tenure: Tenure
    readonly now: () => number
}

export function enrolHandler({ store, principals, secret, tenure, now }: EnrolDependencies) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<object> => {
        principals.guesses.check(request.ip)
        const { id, claim } = request.body as { id: string; claim: string }
        const nowMs = now()
        const token = newToken()
        const enrolled = await store.write(async repos => {
            // The code stays good for when this server hands the request on, or has the device again.
            await tenure.mustNotBeElsewhere(repos, id)
            const row = await repos.claims.use(hashToken(claim), id, nowMs)
            // The code is not used up by a device that it was not made for: nothing is committed.
            if (row === undefined || (row.deviceId !== null && row.deviceId !== id)) throw wrong()
            const known = (await repos.devices.get(id)) !== undefined
            // A code for any device must not take over one that there is.
            if (known && row.deviceId === null)
                throw new Problem("HOV_API_DEVICE_EXISTS", `device ${id} exists already; it needs a code made for it`)
            const key = row.seal === 1 ? randomBytes(SEAL_KEY_BYTES) : undefined
            const sealKey = key === undefined ? null : secret.wrap(id, key)
            const hashes = known ? await repos.tokens.revoke({ deviceId: id }, nowMs) : []
            if (known) await repos.devices.update(id, { sealKey })
            else await repos.devices.insert({ id, app: row.app, attributes: "{}", sealKey, createdAtMs: nowMs, createdBy: row.createdBy })
            await repos.tokens.insert({ id: newId("t", nowMs), hash: hashToken(token), role: "device", name: id, deviceId: id, createdAtMs: nowMs, createdBy: row.createdBy })
            await repos.audit.append({ atMs: nowMs, actor: id, role: "device", action: "device.enrol", subject: id, detail: { claim: row.id } })
            if (hashes.length > 0) repos.events.note("token.revoked", id, nowMs, { hashes })
            repos.events.note(known ? "device.key" : "device.created", id, nowMs, {})
            return { id, token, ...(key === undefined ? {} : { key: key.toString("hex") }) }
        }).catch((error: unknown) => {
            if (error instanceof Problem && error.code === "HOV_API_CLAIM") principals.guesses.failed(request.ip)
            throw error
        })
        reply.code(201).header("cache-control", "no-store")
        return enrolled
    }
}

const wrong = (): Problem => new Problem("HOV_API_CLAIM", "the claim code is not known for this device, was used, or is too old")
