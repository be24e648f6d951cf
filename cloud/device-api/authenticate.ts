import type { FastifyReply, FastifyRequest } from "fastify"
import { isDeviceId } from "../ids.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { Principal } from "../tokens.ts"
import { bearerToken } from "../tokens.ts"
import type { Session, Sessions } from "./sessions.ts"

declare module "fastify" {
    interface FastifyRequest {
        session: Session
    }
}

type Done = (error?: Error) => void

/**
 * Lets a request pass when its token is that of the device in its path: before the
 * body is read, and without a query for a device that was here before.
 */
export function deviceGate(sessions: Sessions, principals: Principals) {
    return (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
        const { device } = request.params as { device: string }
        const token = bearerToken(request.headers.authorization)
        const isId = isDeviceId(device)
        if (!isId || token === undefined) {
            done(isId ? missing() : new Problem("HOV_API_BAD_ID", "this is not a device id"))
            return
        }
        const session = sessions.find(device)
        const principal = principals.find(token)
        if (session instanceof Promise || principal instanceof Promise || session === undefined) {
            Promise.all([session, principal]).then(([found, who]) => done(admit(request, device, found, who)), done)
            return
        }
        done(admit(request, device, session, principal))
    }

    function admit(
        request: FastifyRequest,
        device: string,
        session: Session | undefined,
        principal: Principal | undefined,
    ): Problem | undefined {
        if (session === undefined) return new Problem("HOV_API_DEVICE_UNKNOWN", `there is no device ${device}`)
        if (principal?.deviceId !== device)
            return new Problem("HOV_API_TOKEN_WRONG", `the token is not that of device ${device}`)
        const waitS = sessions.throttle(session)
        if (waitS > 0) return new Problem("HOV_API_RATE", "the device asks more often than it may", waitS)
        request.session = session
        return undefined
    }
}

/** Blobs are for every device and for people who may read; they are named by their content. */
export function blobGate(principals: Principals) {
    return async (request: FastifyRequest): Promise<void> => {
        const token = bearerToken(request.headers.authorization)
        if (token === undefined) throw missing()
        if ((await principals.find(token)) === undefined)
            throw new Problem("HOV_API_TOKEN_WRONG", "the token is not known, or was revoked")
    }
}

const missing = (): Problem => new Problem("HOV_API_TOKEN_MISSING", "the Authorization header has no bearer token")
