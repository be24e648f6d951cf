import { digest } from "@devicescript/crypto"
import { runningVersion } from "../bootloader/boot"
import { baseId } from "../hotswap"
import { Config } from "./config"
import { exchange, parseUrl, receiveInto, Response, Server } from "./http"
import {
    beginSession,
    blobBearer,
    endSession,
    hasSession,
    hello,
    isSealed,
    nextCredentials,
    openAnswer,
    sealBody,
    setSealKey,
} from "./seal"

/* The device API of the update server, `/v1/dfu/{device}`. */

export interface SignedStatement {
    m: string
    sig: string
    sigLen: number
}

/** What the server may ask for. Fields it does not know the board passes over. */
export interface Command {
    cmd: "update" | "revert" | "cancel" | "check"
    id: string
    /** update: the version, the manifest in hex, digests and sizes of the two blobs. */
    v?: string
    m?: string
    sig?: string
    sigLen?: number
    img?: string
    len?: number
    /** update: a whole base; the key for the native cloud adapter. */
    cold?: string
    /** Statements of the signer: see `trust.ts`. */
    fresh?: SignedStatement
    revoke?: SignedStatement
    /** The device's next token; the old one ends with its first use. */
    token?: string
    /** From now on, ask this server. */
    move?: string
    /** Wait this long before the next poll. */
    pollMs?: number
}

const REPLY_MAX_BYTES = 2048
const REPLY_MS = 10000

let server: Server
let base = ""
let token = ""
let client = ""
let clientState = "idle"

/** What a request without a body says of its sender: the server can decide the same for it each time. */
export function setClientState(state: string) {
    clientState = state
}

/** False when the url makes no sense. */
export function useServer(config: Config, url: string) {
    const parsed = parseUrl(url)
    if (!parsed) return false
    server = parsed
    base = `${parsed.prefix}/v1/dfu/${config.id}/`
    token = config.token
    client = config.id
    setSealKey(config.key)
    return true
}

/** Throws `HOV_HTTP_<status>` for what is not a success. */
async function ask(line: string, auth: string, body: string, timeoutMs: number, maxBytes: number) {
    const head = `${line} HTTP/1.1\r\n${auth ? `Authorization: ${auth}\r\n` : ""}`
    const r: Response = await exchange(server, head, body, timeoutMs, maxBytes)
    check(r)
    return r
}

function check(r: Response) {
    if (r.status < 300) return
    // a server that has forgotten the session, or never had it, gets a new one with the next try
    if (r.status === 401) endSession()
    const e: any = new Error(`HOV_HTTP_${r.status}`)
    e.retryAfterS = r.retryAfterS
    throw e
}

/** A session of sealed requests, when they are sealed and there is none. */
async function needSession() {
    if (!isSealed() || hasSession()) return
    const r = await ask(`POST ${base}hello`, "", hello(), REPLY_MS, REPLY_MAX_BYTES)
    beginSession((JSON.parse(r.body.toString()) as any).s)
    if (!hasSession()) throw new Error("HOV_SEAL")
}

/** Sends JSON to one of the device's own addresses; `kind` binds what is sealed to it. */
async function tell(path: string, kind: string, json: string, timeoutMs: number) {
    const line = `POST ${base}${path}`
    await needSession()
    if (!isSealed()) return await ask(line, `Bearer ${token}`, json, timeoutMs, REPLY_MAX_BYTES)
    const credentials = nextCredentials()
    const r = await ask(line, credentials, sealBody(`${kind}${token}\n${json}`), timeoutMs, REPLY_MAX_BYTES)
    const answer = openAnswer(r.body)
    r.status = +answer.slice(0, 3).toString()
    r.body = answer.slice(3)
    check(r)
    return r
}

/** Sends the actual state up; a command, or undefined when there is none for `holdS`. */
export async function poll(actual: any, holdS: number): Promise<Command | undefined> {
    const r = await tell(`poll?ct=${holdS}`, "P", JSON.stringify(actual), holdS * 1000 + REPLY_MS)
    if (r.status !== 200 || !r.body.length) return undefined
    return JSON.parse(r.body.toString())
}

export async function postStatus(status: any) {
    await tell("status", "S", JSON.stringify(status), REPLY_MS)
}

/** A piece of a blob, exactly `length` bytes; with `into`, put there, at `at`. */
export async function fetchBlob(name: string, offset: number, length: number, into?: Buffer, at?: number) {
    const line = `GET ${server.prefix}/v1/blobs/${name}?offset=${offset}&length=${length}`
    await needSession()
    receiveInto(into, at)
    try {
        const who = `${client} ${baseId()} ${runningVersion()} ${clientState}`
        // what is sealed is nobody else's business: there the session says who it is
        const auth = isSealed() ? blobBearer() : `Bearer ${token}\r\nHandover-Client: ${who}`
        const r = await ask(line, auth, "", REPLY_MS, length)
        if (r.sizeBytes !== length) throw new Error("HOV_HTTP_LENGTH")
        const bytes = !into ? r.body : into.length === length ? into : into.slice(at, at + length)
        if (r.digest && r.digest !== digest("sha256", bytes).slice(0, 8).toString("hex")) throw new Error("HOV_HTTP_DIGEST")
        return r.body
    } finally {
        receiveInto(undefined, 0)
    }
}
