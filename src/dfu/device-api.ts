import { Config } from "./config"
import { exchange, parseUrl, Response, Server } from "./http"

/* The device API of the update server, `/v1/dfu/{device}`. */

export interface SignedStatement {
    m: string
    sig: string
    sigLen: number
}

/** What the server may ask for. Fields it does not know the board passes over. */
export interface Command {
    cmd: "update" | "cancel" | "check"
    id: string
    /** update: the version, the manifest in hex, digests and sizes of the two blobs. */
    v?: string
    m?: string
    sig?: string
    sigLen?: number
    img?: string
    len?: number
    /** Statements of the signer: see `trust.ts`. */
    fresh?: SignedStatement
    revoke?: SignedStatement
    /** From now on, ask this server. */
    move?: string
    /** Wait this long before the next poll. */
    pollMs?: number
}

const REPLY_MAX_BYTES = 2048
const REPLY_MS = 10000

let server: Server
let base = ""
let auth = ""

/** False when the url makes no sense. */
export function useServer(config: Config, url: string) {
    const parsed = parseUrl(url)
    if (!parsed) return false
    server = parsed
    base = `${parsed.prefix}/v1/dfu/${config.id}/`
    auth = ` HTTP/1.1\r\nAuthorization: Bearer ${config.token}\r\n`
    return true
}

/** Throws `HOV_HTTP_<status>` for what is not a success. */
async function ask(head: string, body: string, timeoutMs: number, maxBytes: number) {
    const r: Response = await exchange(server, head, body, timeoutMs, maxBytes)
    if (r.status >= 300) {
        const e: any = new Error(`HOV_HTTP_${r.status}`)
        e.retryAfterS = r.retryAfterS
        throw e
    }
    return r
}

/** Sends the actual state up; a command, or undefined when there is none for `holdS`. */
export async function poll(actual: any, holdS: number): Promise<Command | undefined> {
    const head = `POST ${base}poll?ct=${holdS}${auth}`
    const r = await ask(head, JSON.stringify(actual), holdS * 1000 + REPLY_MS, REPLY_MAX_BYTES)
    if (r.status !== 200 || !r.body.length) return undefined
    return JSON.parse(r.body.toString())
}

export async function postStatus(status: any) {
    await ask(`POST ${base}status${auth}`, JSON.stringify(status), REPLY_MS, REPLY_MAX_BYTES)
}

/** A piece of a blob, exactly `length` bytes. */
export async function fetchBlob(digest: string, offset: number, length: number) {
    const head = `GET ${server.prefix}/v1/blobs/${digest}?offset=${offset}&length=${length}${auth}`
    const r = await ask(head, "", REPLY_MS, length)
    if (r.body.length !== length) throw new Error("HOV_HTTP_LENGTH")
    return r.body
}
