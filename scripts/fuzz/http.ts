/** Requests to a server of the real kind: an answer of 500 or none is a finding, whatever was asked. */
import { mkdtemp, rm } from "node:fs/promises"
import { Agent } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import fc from "fast-check"
import type { Cloud, CloudOptions } from "../../cloud/index.ts"
import { startCloud } from "../../cloud/index.ts"
import { call, operator } from "../../test/support/cloud.ts"
import { samplesOf } from "./mutate.ts"
import { Outcomes, type FuzzResult } from "./target.ts"

const PARALLEL = 16
const REFUSAL_MAX_BYTES = 2048

export interface HttpInput {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
}

export interface HttpFuzz extends Cloud {
    readonly must: ReturnType<typeof operator>["must"]
    readonly outcomes: Outcomes
    /** Sends all of them, some at once; `seen` is told each status with what is behind it. */
    send(inputs: Iterable<HttpInput>): Promise<void>
    /** What is not HTTP, or nearly. */
    sendRaw(seed: number, count: number): Promise<void>
}

/** A server with an empty store, for as long as `work` takes. It must be well afterwards. */
export async function httpFuzz(options: Partial<CloudOptions>, work: (server: HttpFuzz) => Promise<void>): Promise<FuzzResult> {
    const dataDir = await mkdtemp(path.join(tmpdir(), "handover-fuzz-"))
    // A clock of its own: neither a device's rate limit nor the lock-out is what is looked for here.
    let ms = Date.UTC(2026, 0, 1)
    const cloud = await startCloud({ dataDir, logLevel: "silent", now: () => (ms += 40), ...options })
    const outcomes = new Outcomes()
    const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL })
    const sendOne = async ({ method, path: target, headers, body }: HttpInput) => {
        const hasBody = method !== "GET" && method !== "HEAD"
        const finding = (what: string) => outcomes.found(`${what}: ${method} ${target} ${JSON.stringify(headers)} ${hasBody ? body : ""}`)
        try {
            const answer = await call(cloud.url + target, { method, headers, agent, ...(hasBody ? { raw: body } : {}) })
            outcomes.saw(String(answer.status))
            if (answer.status >= 500) finding(String(answer.status))
            if (answer.status >= 400 && answer.bytes.length > REFUSAL_MAX_BYTES) finding(`a refusal of ${answer.bytes.length} bytes`)
        } catch (e) {
            const { code, name } = e as { code?: string; name: string }
            // What Node's own client will not send is no input of the server's.
            outcomes.saw(code ?? name)
            if (code !== "ERR_UNESCAPED_CHARACTERS" && code !== "ERR_INVALID_CHAR" && code !== "ERR_INVALID_URL") finding(code ?? name)
        }
    }
    try {
        const { must } = operator(cloud.url, cloud.adminToken)
        await work({
            ...cloud,
            must,
            outcomes,
            async send(inputs) {
                const rest = inputs[Symbol.iterator]()
                const worker = async () => {
                    for (let next = rest.next(); !next.done; next = rest.next()) await sendOne(next.value)
                }
                await Promise.all(Array.from({ length: PARALLEL }, worker))
            },
            async sendRaw(seed, count) {
                for (const text of samplesOf(rawBytes, seed, count)) outcomes.saw(await exchangeRaw(cloud.url, text))
            },
        })
        const health = await call(`${cloud.url}/healthz`)
        if (health.status !== 200) outcomes.found(`the server is not well afterwards: ${health.status}`)
    } finally {
        agent.destroy()
        await cloud.close()
        await rm(dataDir, { recursive: true, force: true })
    }
    return outcomes.result
}

const rawBytes = fc.oneof(
    fc.string({ maxLength: 200, unit: "binary" }),
    fc.tuple(fc.constantFrom("POST", "GET", "\0", "post"), fc.string({ maxLength: 60 }), fc.array(fc.string({ maxLength: 40 }), { maxLength: 6 })).map(([method, target, headers]) => `${method} ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`),
    fc.integer({ min: -5, max: 99_999 }).map(length => `POST /v1/dfu/d1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{}`),
)

function exchangeRaw(url: string, text: string): Promise<string> {
    return new Promise(resolve => {
        let answer = ""
        const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.end(text, "latin1"))
        socket.on("data", bytes => (answer += bytes))
        socket.on("error", () => undefined)
        socket.on("close", () => resolve(`raw ${answer.slice(9, 12) || "closed"}`))
    })
}
