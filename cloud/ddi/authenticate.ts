/** Lets a DDI request pass with the device's own token, or with its tenant's gateway token. */
import type { FastifyRequest } from "fastify"
import type { Session, Sessions } from "../device-api/sessions.ts"
import { lockedOut } from "../guess-limiter.ts"
import { isDeviceId } from "../ids.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { DeviceRow } from "../store/schema.ts"
import type { Store } from "../store/store.ts"
import { kindId, kindOf, TENANT_ATTRIBUTE } from "./device-kind.ts"
import type { Tenants } from "./tenants.ts"

export interface DdiDevice {
    readonly session: Session
    readonly kind: string
    readonly attributes: Readonly<Record<string, string>>
}

declare module "fastify" {
    interface FastifyRequest {
        ddi: DdiDevice
    }
}

export interface DdiGateOptions {
    readonly store: Store
    readonly sessions: Sessions
    readonly principals: Principals
    readonly tenants: Tenants
    readonly now: () => number
}

const AUTHORIZATION = /^(TargetToken|GatewayToken) +([^ ]{16,128})$/i

export function ddiGate({ store, sessions, principals, tenants, now }: DdiGateOptions) {
    return async (request: FastifyRequest): Promise<void> => {
        const { tenant, device: id } = request.params as { tenant: string; device: string }
        if (!tenants.has(tenant)) throw new Problem("HOV_DDI_TENANT_UNKNOWN", `there is no tenant ${tenant}`)
        if (!isDeviceId(id)) throw new Problem("HOV_API_BAD_ID", "this is not a device id")
        const guesser = `${request.ip} ${id}`
        const lockedS = principals.guesses.waitS(guesser)
        if (lockedS > 0) throw lockedOut(lockedS)
        const match = AUTHORIZATION.exec(request.headers.authorization ?? "")
        if (match === null) throw new Problem("HOV_API_TOKEN_MISSING", "the Authorization header has no 'TargetToken …' and no 'GatewayToken …'")
        const byGateway = match[1].toLowerCase() === "gatewaytoken"
        const wrong = (): Problem => {
            principals.guesses.failed(guesser)
            return new Problem("HOV_API_TOKEN_WRONG", `the token is not that of device ${id} or its tenant`)
        }
        if (byGateway ? !tenants.admits(tenant, match[2]) : (await principals.find(match[2]))?.deviceId !== id) throw wrong()

        const device = (await store.read.devices.get(id)) ?? (byGateway ? await addDevice(id, tenant) : undefined)
        if (device === undefined) throw wrong()
        const attributes = JSON.parse(device.attributes) as Record<string, string>
        const owner = attributes[TENANT_ATTRIBUTE]
        if (byGateway ? owner !== tenant : owner !== undefined && owner !== tenant) throw wrong()

        const session = await sessions.find(id)
        if (session === undefined) throw wrong()
        const kind = kindOf(attributes)
        if (session.sealKey !== null || (owner === undefined && session.actual !== null && session.actual.baseId !== kindId(kind)))
            throw new Problem("HOV_DDI_NOT_DDI", `device ${id} speaks the device API`)
        const waitS = sessions.throttle(session)
        if (waitS > 0) throw new Problem("HOV_API_RATE", "the device asks more often than it may", waitS)
        session.since = request.since ?? null
        request.ddi = { session, kind, attributes }
    }

    /** As hawkBit does: who has the gateway token brings its devices along. */
    function addDevice(id: string, tenant: string): Promise<DeviceRow | undefined> {
        const nowMs = now()
        return store.write(async repos => {
            // Two first polls at once are one device.
            const there = await repos.devices.get(id)
            if (there !== undefined) return there
            const attributes = JSON.stringify({ [TENANT_ATTRIBUTE]: tenant })
            await repos.devices.insert({ id, app: null, attributes, createdAtMs: nowMs, createdBy: `ddi ${tenant}` })
            await repos.audit.append({ atMs: nowMs, actor: `ddi ${tenant}`, role: "device", action: "device.enrol", subject: id, detail: { tenant } })
            repos.events.note("device.created", id, nowMs, {})
            return repos.devices.get(id)
        })
    }
}
