/** Where hawkBit is, and as whom we speak to it. */
import { readFileSync } from "node:fs"
import { WrongOption } from "../wrong-option.ts"

export interface HawkbitOptions {
    /** Without a slash at its end. */
    readonly url: string
    readonly user: string
    readonly password: string
    /** hawkBit's tenant, as its device interface names it. */
    readonly tenant: string
    /** Goes before the name of everything that is ours, so that a hawkBit can be shared. */
    readonly prefix: string
    /** Certificates (PEM) to trust beside the system's. */
    readonly ca?: string
    /** How often hawkBit is asked for devices with something to do. */
    readonly pollMs: number
    /** An answer that takes longer is none. */
    readonly timeoutMs: number
    /** How long a rollout that our rules let go on waits for hawkBit's to do so too. */
    readonly patienceMs: number
}

export const HAWKBIT_DEFAULTS = { tenant: "default", prefix: "", pollMs: 2_000, timeoutMs: 10_000, patienceMs: 60_000 } as const

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"])
const PREFIX = /^[A-Za-z0-9._-]{0,24}$/

type Environment = Readonly<Record<string, string | undefined>>

/**
 * `HANDOVER_STORE=hawkbit` with `HAWKBIT_URL`, `HAWKBIT_USER`, `HAWKBIT_PASSWORD`, and `HAWKBIT_TENANT`,
 * `HAWKBIT_PREFIX`, `HAWKBIT_CA` (a PEM file), `HAWKBIT_POLL_MS` where they are not the usual ones.
 *
 * @throws Error that says which variable is wrong
 */
export function parseHawkbit(env: Environment): HawkbitOptions {
    const url = (env.HAWKBIT_URL ?? "").replace(/\/+$/, "")
    if (!URL.canParse(url)) throw new WrongOption("HANDOVER_STORE=hawkbit needs HAWKBIT_URL: https://HOST[:PORT]")
    const { protocol, hostname, username } = new URL(url)
    if (username !== "") throw new WrongOption("HAWKBIT_URL must not have a user: use HAWKBIT_USER and HAWKBIT_PASSWORD")
    // The password and the devices' tokens go over this connection.
    if (protocol !== "https:" && !(protocol === "http:" && LOOPBACK.has(hostname)))
        throw new WrongOption("HAWKBIT_URL must begin with https:// (http:// only on loopback)")
    if (!env.HAWKBIT_USER || !env.HAWKBIT_PASSWORD) throw new WrongOption("HANDOVER_STORE=hawkbit needs HAWKBIT_USER and HAWKBIT_PASSWORD")
    const prefix = env.HAWKBIT_PREFIX ?? HAWKBIT_DEFAULTS.prefix
    if (!PREFIX.test(prefix)) throw new WrongOption("HAWKBIT_PREFIX must be up to 24 letters, digits, '.', '_' or '-'")
    const pollMs = Number(env.HAWKBIT_POLL_MS ?? HAWKBIT_DEFAULTS.pollMs)
    if (!(pollMs >= 50 && pollMs <= 600_000)) throw new WrongOption("HAWKBIT_POLL_MS must be 50 to 600000")
    return {
        ...HAWKBIT_DEFAULTS,
        url,
        user: env.HAWKBIT_USER,
        password: env.HAWKBIT_PASSWORD,
        tenant: env.HAWKBIT_TENANT ?? HAWKBIT_DEFAULTS.tenant,
        prefix,
        pollMs,
        ...(env.HAWKBIT_CA ? { ca: readFileSync(env.HAWKBIT_CA, "utf8") } : {}),
    }
}
