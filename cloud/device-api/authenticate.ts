import type { FastifyReply, FastifyRequest } from "fastify"
import { isDeviceId } from "../ids.ts"
import { lockedOut } from "../guess-limiter.ts"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { Principal } from "../tokens.ts"
import { bearerToken } from "../tokens.ts"
import type { Seal, SealedKind, SealHeader, Seals } from "./seal.ts"
import { sealHeader } from "./seal.ts"
import type { Session, Sessions } from "./sessions.ts"

declare module "fastify" {
    interface FastifyRequest {
        session: Session
        /** Set when the request came sealed: its answer has to be, too. */
        seal: Seal | null
        sealHeader: SealHeader | undefined
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
        const isId = isDeviceId(device)
        const waitS = isId ? principals.guesses.waitS(`${request.ip} ${device}`) : 0
        if (waitS > 0) {
            done(lockedOut(waitS))
            return
        }
        const header = sealHeader(request.headers.authorization)
        if (isId && header !== undefined) {
            // Who it is from is in the body: `unsealer` goes on when that is here.
            request.sealHeader = header
            done()
            return
        }
        const token = bearerToken(request.headers.authorization)
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
        if (principal?.deviceId !== device) {
            principals.guesses.failed(`${request.ip} ${device}`)
            return new Problem("HOV_API_TOKEN_WRONG", `the token is not that of device ${device}`)
        }
        // Somebody without the key, or a board that has lost it: not to be told what only the device may know.
        if (session.sealKey !== null) return new Problem("HOV_API_SEAL_REQUIRED", `device ${device} has a key`)
        const waitS = sessions.throttle(session)
        if (waitS > 0) return new Problem("HOV_API_RATE", "the device asks more often than it may", waitS)
        session.since = request.since ?? null
        request.session = session
        return undefined
    }
}

/** Opens a sealed request once its body is here; a request that is not sealed passes. */
export function unsealer(sessions: Sessions, principals: Principals, seals: Seals, kind: SealedKind) {
    return async (request: FastifyRequest): Promise<void> => {
        const header = request.sealHeader
        if (header === undefined) return
        const { device } = request.params as { device: string }
        const session = await sessions.find(device)
        if (session === undefined) throw new Problem("HOV_API_DEVICE_UNKNOWN", `there is no device ${device}`)
        if (session.sealKey === null) throw new Problem("HOV_API_SEAL", "the device has no key")
        const waitS = sessions.throttle(session)
        if (waitS > 0) throw new Problem("HOV_API_RATE", "the device asks more often than it may", waitS)
        const { token, json, seal } = seals.open(device, session.sealKey, header, kind, String(request.body))
        request.seal = seal
        const principal = await principals.find(token)
        if (principal?.deviceId !== device) {
            principals.guesses.failed(`${request.ip} ${device}`)
            throw new Problem("HOV_API_TOKEN_WRONG", `the token is not that of device ${device}`)
        }
        try {
            request.body = JSON.parse(json)
        } catch {
            throw new Problem("HOV_API_BAD_JSON", "the sealed body is not JSON")
        }
        session.since = request.since ?? null
        request.session = session
    }
}

/** Blobs are for every device and for people who may read; they are named by their content. */
export function blobGate(principals: Principals, seals: Seals) {
    return async (request: FastifyRequest): Promise<void> => {
        const token = bearerToken(request.headers.authorization)
        if (token === undefined) throw missing()
        if (token.startsWith("hovb_") && seals.blobDevice(token) !== undefined) return
        principals.guesses.check(request.ip)
        const principal = await principals.find(token)
        if (principal === undefined) {
            principals.guesses.failed(request.ip)
            throw new Problem("HOV_API_TOKEN_WRONG", "the token is not known, or was revoked")
        }
        principals.rates.check(principal.tokenId)
    }
}

const missing = (): Problem => new Problem("HOV_API_TOKEN_MISSING", "the Authorization header has no bearer token")
