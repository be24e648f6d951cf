import type { FastifyRequest } from "fastify"
import type { Principals } from "../principals.ts"
import { Problem } from "../problems.ts"
import type { Permission, Principal } from "../tokens.ts"
import { bearerToken, may, rolesWith } from "../tokens.ts"

declare module "fastify" {
    interface FastifyRequest {
        principal: Principal
    }
}

/** Lets a request pass when its token's role has the permission. */
export function operatorGate(principals: Principals, permission: Permission) {
    return async (request: FastifyRequest): Promise<void> => {
        principals.guesses.check(request.ip)
        const token = bearerToken(request.headers.authorization)
        if (token === undefined)
            throw new Problem("HOV_API_TOKEN_MISSING", "the Authorization header has no bearer token")
        const principal = await principals.find(token)
        if (principal === undefined) {
            principals.guesses.failed(request.ip)
            throw new Problem("HOV_API_TOKEN_WRONG", "the token is not known, was revoked, or is over")
        }
        principals.rates.check(principal.tokenId)
        if (!may(principal.role, permission))
            throw new Problem(
                "HOV_API_ROLE",
                `this needs one of the roles ${rolesWith(permission).join(", ")}; the token's is ${principal.role}`,
            )
        request.principal = principal
    }
}
