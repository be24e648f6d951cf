/** Who may speak DDI here: each tenant has a name in the address and one gateway token. */
import { timingSafeEqual } from "node:crypto"
import { hashToken, TOKEN_PATTERN } from "../tokens.ts"
import { WrongOption } from "../wrong-option.ts"

export interface DdiTenant {
    /** First part of the address: `/NAME/controller/v1/…`. */
    readonly name: string
    /** Authenticates every device of the tenant, and makes those that there are not yet. */
    readonly gatewayToken: string
}

export interface DdiOptions {
    readonly tenants: readonly DdiTenant[]
    /** What devices are told to wait between two polls; 60 when left out. */
    readonly pollS?: number
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/
const TOKEN = new RegExp(TOKEN_PATTERN)
/** First parts of addresses that are the server's own. */
const TAKEN = new Set(["api", "v1", "docs", "console", "healthz", "metrics", "problems"])

/**
 * `"linux:TOKEN,gateways:TOKEN"` → two tenants.
 *
 * @throws Error that names the part that is wrong, without its token
 */
export function parseTenants(text: string): DdiTenant[] {
    const tenants = text.split(",").map(part => {
        const colon = part.indexOf(":")
        const name = part.slice(0, Math.max(0, colon)).trim()
        const gatewayToken = part.slice(colon + 1).trim()
        if (!NAME.test(name) || TAKEN.has(name)) throw new WrongOption("HANDOVER_DDI: each part is NAME:TOKEN; a name has up to 32 letters, digits, '-' and '_', and is none of the server's own addresses")
        if (!TOKEN.test(gatewayToken)) throw new WrongOption(`HANDOVER_DDI: the token of ${name} has to have 16 to 128 characters of A-Z a-z 0-9 . _ ~ + / = -`)
        return { name, gatewayToken }
    })
    if (new Set(tenants.map(({ name }) => name)).size !== tenants.length) throw new WrongOption("HANDOVER_DDI: a tenant is named twice")
    return tenants
}

export class Tenants {
    readonly #hashes: ReadonlyMap<string, Buffer>

    constructor(tenants: readonly DdiTenant[]) {
        this.#hashes = new Map(tenants.map(({ name, gatewayToken }) => [name, Buffer.from(hashToken(gatewayToken))]))
    }

    has(name: string): boolean {
        return this.#hashes.has(name)
    }

    /** Whether this is the tenant's gateway token. */
    admits(name: string, token: string): boolean {
        const hash = this.#hashes.get(name)
        return hash !== undefined && timingSafeEqual(hash, Buffer.from(hashToken(token)))
    }
}
