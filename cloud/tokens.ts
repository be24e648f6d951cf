/**
 * Bearer tokens. The store has only their SHA-256: a token has 192 random bits, so
 * a slow password hash would add nothing but time to every poll.
 */
import { hash, randomBytes } from "node:crypto"

export const ROLES = ["admin", "publisher", "operator", "viewer", "device"] as const
export type Role = (typeof ROLES)[number]

/** What a request needs; each role may do what is listed for it. */
export const PERMISSIONS = ["read", "publish", "operate", "administer"] as const
export type Permission = (typeof PERMISSIONS)[number]

const ALLOWED: Readonly<Record<Role, readonly Permission[]>> = {
    admin: ["read", "publish", "operate", "administer"],
    publisher: ["read", "publish"],
    operator: ["read", "operate"],
    viewer: ["read"],
    device: [],
}

export const may = (role: Role, permission: Permission): boolean => ALLOWED[role].includes(permission)

/** Roles that may do it, for the problem's detail. */
export const rolesWith = (permission: Permission): Role[] => ROLES.filter(role => may(role, permission))

export const TOKEN_MIN_CHARS = 16
export const TOKEN_MAX_CHARS = 128
/** RFC 6750 b68token, without what a header would need escaped. */
export const TOKEN_PATTERN = `^[A-Za-z0-9._~+/=-]{${TOKEN_MIN_CHARS},${TOKEN_MAX_CHARS}}$`

export const newToken = (): string => `hov_${randomBytes(24).toString("base64url")}`

export const hashToken = (token: string): string => hash("sha256", token, "hex")

/** The token of an `Authorization` header, or undefined when there is none of a sane size. */
export function bearerToken(header: string | undefined): string | undefined {
    if (header === undefined || header.length < 8 || header.length > 7 + TOKEN_MAX_CHARS) return undefined
    // The scheme is case-insensitive (RFC 9110 §11.1); nearly everyone sends "Bearer ".
    if (!header.startsWith("Bearer ") && header.slice(0, 7).toLowerCase() !== "bearer ") return undefined
    return header.slice(7)
}

/** Who sent a request. */
export interface Principal {
    readonly tokenId: string
    readonly role: Role
    readonly name: string
    readonly deviceId: string | null
    /** null = it does not end by itself. */
    readonly expiresAtMs: number | null
}
