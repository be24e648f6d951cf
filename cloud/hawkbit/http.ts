/**
 * HTTP to hawkBit: kept-alive connections, a deadline for each answer, certificates verified, and
 * two kinds of error: hawkBit is away (try again later, nothing is wrong with what was asked), or
 * it refuses this one request.
 */
import { Agent, request as httpRequest } from "node:http"
import { Agent as TlsAgent, request as httpsRequest } from "node:https"
import type { HawkbitOptions } from "./options.ts"

const CONNECTIONS = 8
const RETRY_AFTER_MAX_MS = 60_000
/** What a slow line carries at least, beside the time for an answer. */
const BYTES_PER_MS = 256
const ANSWER_MAX_BYTES = 300 * 1024 * 1024

/** It does not answer, not in time, or with 401, 403, 408, 429 or 5xx. */
export class HawkbitAway extends Error {
    /** As it has asked for. */
    readonly retryAfterMs: number | null
    /** Null when there was no answer. */
    readonly status: number | null

    constructor(message: string, retryAfterMs: number | null = null, status: number | null = null) {
        super(message)
        this.retryAfterMs = retryAfterMs
        this.status = status
    }
}

/** It answers, and does not do it. */
export class HawkbitRefused extends Error {
    readonly status: number

    constructor(what: string, status: number, body: string) {
        super(`${what}: ${status} ${/"message":"([^"]*)"/.exec(body)?.[1] ?? body.slice(0, 200)}`)
        this.status = status
    }
}

export interface Call {
    readonly body?: unknown
    /** Sent one after the other: a large file is not copied for its envelope. */
    readonly parts?: readonly Uint8Array[]
    /** Of the answer, where it is known to be large: more time is given. */
    readonly answerBytes?: number
    readonly contentType?: string
    /** In the place of the management API's user. */
    readonly authorization?: string
}

/** Outcomes, for the metrics. */
export interface HttpFigures {
    requests: number
    failures: number
}

export class HawkbitHttp {
    readonly figures: HttpFigures = { requests: 0, failures: 0 }
    readonly #options: HawkbitOptions
    readonly #agent: Agent
    readonly #authorization: string

    constructor(options: HawkbitOptions) {
        this.#options = options
        const agentOptions = { keepAlive: true, maxSockets: CONNECTIONS }
        this.#agent = options.url.startsWith("https:") ? new TlsAgent({ ...agentOptions, ca: options.ca }) : new Agent(agentOptions)
        this.#authorization = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString("base64")}`
    }

    close(): void {
        this.#agent.destroy()
    }

    async json<T>(method: string, path: string, call: Call = {}): Promise<T> {
        const bytes = await this.bytes(method, path, call)
        if (bytes.length === 0) return undefined as T
        try {
            return JSON.parse(bytes.toString()) as T
        } catch {
            throw new HawkbitAway(`${method} ${path}: the answer is not JSON`)
        }
    }

    /** @throws HawkbitAway, HawkbitRefused */
    async bytes(method: string, path: string, call: Call = {}): Promise<Buffer> {
        this.figures.requests++
        const what = `${method} ${path.split("?")[0]}`
        try {
            const { status, retryAfter, body } = await this.#exchange(method, path, call)
            if (status >= 200 && status < 300) return body
            // A target that hawkBit does not know (any more) is no stranger than another 404; our own user is.
            const isStranger = (status === 401 || status === 403) && call.authorization === undefined
            if (status >= 500 || status === 408 || status === 429 || isStranger) throw new HawkbitAway(`${what}: HTTP ${status}`, delayOf(retryAfter), status)
            throw new HawkbitRefused(what, status, body.toString())
        } catch (error) {
            if (error instanceof HawkbitRefused) throw error
            this.figures.failures++
            throw error instanceof HawkbitAway ? error : new HawkbitAway(`${what}: ${(error as Error).message || (error as NodeJS.ErrnoException).code}`)
        }
    }

    #exchange(method: string, path: string, call: Call): Promise<{ status: number; retryAfter: string | undefined; body: Buffer }> {
        const { url } = this.#options
        const payload = call.parts ?? (call.body === undefined ? [] : [Buffer.from(JSON.stringify(call.body))])
        const sizeBytes = payload.reduce((sum, part) => sum + part.length, 0)
        const timeoutMs = Math.round(this.#options.timeoutMs + (sizeBytes + (call.answerBytes ?? 0)) / BYTES_PER_MS)
        const headers: Record<string, string | number> = { authorization: call.authorization ?? this.#authorization }
        if (payload.length > 0) headers["content-type"] = call.contentType ?? "application/json"
        if (payload.length > 0 || method !== "GET") headers["content-length"] = sizeBytes
        const send = url.startsWith("https:") ? httpsRequest : httpRequest
        return new Promise((resolve, reject) => {
            const sent = send(`${url}${path}`, { method, headers, agent: this.#agent }, response => {
                const parts: Buffer[] = []
                let takenBytes = 0
                response.on("data", (part: Buffer) => {
                    parts.push(part)
                    takenBytes += part.length
                    if (takenBytes > ANSWER_MAX_BYTES) sent.destroy(new Error("the answer is too large"))
                })
                response.on("error", fail)
                response.on("aborted", () => fail(new Error("the answer was cut off")))
                response.on("end", () => {
                    clearTimeout(timer)
                    resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], body: Buffer.concat(parts) })
                })
            })
            const fail = (error: Error): void => {
                clearTimeout(timer)
                reject(error)
            }
            // Of the whole exchange: one that trickles is no better than one that hangs.
            const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
            sent.on("error", fail)
            for (const part of payload) sent.write(part)
            sent.end()
        })
    }
}

function delayOf(retryAfter: string | undefined): number | null {
    const seconds = Number(retryAfter)
    return retryAfter === undefined || !Number.isFinite(seconds) ? null : Math.min(seconds * 1000, RETRY_AFTER_MAX_MS)
}
