/** The device API over real HTTP: no answer is a failure of the server, and nobody's state changes without a token. */
import { mkdtemp, rm } from "node:fs/promises"
import { Agent } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import fc from "fast-check"
import { startCloud } from "../../cloud/index.ts"
import { call, operator } from "../../test/support/cloud.ts"
import { samplesOf } from "./mutate.ts"
import { Outcomes, type FuzzTarget } from "./target.ts"

const DEVICES = 64
const PARALLEL = 16

interface FuzzRequest {
    readonly method: string
    readonly path: string
    readonly authorization: "right" | "wrong" | "none" | "odd"
    readonly oddText: string
    readonly body: string
    readonly device: number
}

const field = fc.oneof(fc.string({ maxLength: 40 }), fc.integer(), fc.double(), fc.constantFrom(null, true, [], {}, "idle", "R", "1.0.0", 0xffffffff, -1))
const goodState = { v: "1.0.0", seq: 1, base: "00112233445566aa", bank: "R", state: "idle", boot: 1, ch: "stable", up: 10, fr: 0, rv: "" }
const jsonBody = fc
    .dictionary(fc.oneof(fc.constantFrom("v", "seq", "base", "bank", "state", "boot", "ch", "up", "fr", "rv", "id", "done", "of", "code", "diag", "n", "claim", "__proto__", "constructor"), fc.string({ maxLength: 12 })), field, { maxKeys: 5 })
    .map(changes => JSON.stringify({ ...goodState, ...changes }))
const body = fc.oneof({ weight: 6, arbitrary: jsonBody }, fc.json({ maxDepth: 4 }), fc.string({ maxLength: 300 }), fc.constant(JSON.stringify(goodState)), fc.constant("[".repeat(1500)), fc.string({ minLength: 1, maxLength: 3000, unit: fc.constantFrom("0", "f", "a9") }))
const segment = fc.oneof(fc.constantFrom("d0", "d1", "..", "%2e%2e", "%00", "d0%2f", "-", "a".repeat(300), "%", "\u00e9"), fc.string({ maxLength: 10 }).map(encodeURIComponent))
const request: fc.Arbitrary<FuzzRequest> = fc.record({
    method: fc.constantFrom(...Array<string>(20).fill("POST"), "GET", "GET", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"),
    path: fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom("/v1/dfu/DEV/poll?ct=0", "/v1/dfu/DEV/status", "/v1/dfu/DEV/hello", "/v1/enrol", `/v1/blobs/${"0".repeat(64)}?offset=0&length=5`) },
        segment.map(text => `/v1/dfu/${text}/poll?ct=0`),
        fc.tuple(fc.constantFrom("ct", "offset", "length", "x"), fc.oneof(fc.double().map(String), fc.string({ maxLength: 10 }).map(encodeURIComponent))).map(([key, value]) => `/v1/blobs/${"a".repeat(64)}?${key}=${value}`),
        segment.map(text => `/v1/${text}`),
    ),
    authorization: fc.constantFrom("right", "right", "right", "wrong", "none", "odd"),
    oddText: fc.oneof(
        fc.tuple(fc.string({ maxLength: 50, unit: fc.constantFrom(..."0123456789abcdef. Seal") }), fc.nat()).map(([text]) => text.trim()),
        fc.tuple(fc.bigInt(0n, 2n ** 128n - 1n), fc.bigInt(0n, 2n ** 176n - 1n), fc.nat(1e10)).map(([a, b, count]) => `Seal ${a.toString(16).padStart(32, "0")}.${b.toString(16).padStart(44, "0")}.${count}`),
    ),
    body,
    device: fc.nat(DEVICES - 1),
})

export const deviceApiFuzz: FuzzTarget = {
    name: "device API over HTTP",
    share: 1,
    async run(seed, count) {
        const dataDir = await mkdtemp(path.join(tmpdir(), "handover-fuzz-"))
        // A clock of its own: neither a board's rate limit nor the lock-out is what is looked for here.
        let ms = Date.UTC(2026, 0, 1)
        const cloud = await startCloud({ dataDir, logLevel: "silent", now: () => (ms += 40) })
        const outcomes = new Outcomes()
        const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL })
        try {
            const { must } = operator(cloud.url, cloud.adminToken)
            const devices = Array.from({ length: DEVICES }, (_, i) => ({ id: `d${i}`, token: `token-of-the-device-${i}` }))
            await must(201, "POST", "/devices/batch", { devices })
            await must(201, "POST", "/devices", { id: "untouched" })
            await must(200, "PUT", "/devices/d0/key", {})
            const inputs = samplesOf(request, seed, count)
            const worker = async () => {
                for (const one of inputs) await send(one)
            }
            const send = async (one: FuzzRequest) => {
                const device = devices[one.device]
                const headers: Record<string, string> = {}
                if (one.authorization === "right") headers.authorization = `Bearer ${device.token}`
                else if (one.authorization === "wrong") headers.authorization = "Bearer of-a-wrong-token-here"
                else if (one.authorization === "odd") headers.authorization = one.oddText
                const hasBody = one.method !== "GET" && one.method !== "HEAD"
                try {
                    const answer = await call(cloud.url + one.path.replace("DEV", device.id), { method: one.method, headers, agent, ...(hasBody ? { raw: one.body } : {}) })
                    outcomes.saw(String(answer.status))
                    if (answer.status >= 500) outcomes.found(`${answer.status}: ${JSON.stringify(one)}`)
                    if (answer.status >= 400 && answer.bytes.length > 2048) outcomes.found(`a refusal of ${answer.bytes.length} bytes: ${JSON.stringify(one)}`)
                } catch (e) {
                    const { code, name } = e as { code?: string; name: string }
                    // What Node's own client will not send is no input of the server's.
                    outcomes.saw(code ?? name)
                    if (code !== "ERR_UNESCAPED_CHARACTERS" && code !== "ERR_INVALID_CHAR" && code !== "ERR_INVALID_URL") outcomes.found(`${code ?? name}: ${JSON.stringify(one)}`)
                }
            }
            await Promise.all(Array.from({ length: PARALLEL }, worker))
            for (const raw of samplesOf(rawBytes, seed, Math.min(2000, Math.ceil(count / 50)))) outcomes.saw(await sendRaw(cloud.url, raw))
            const untouched = await must(200, "GET", "/devices/untouched")
            if (untouched.actual !== null || untouched.history.length > 0) outcomes.found("a device that nobody had the token of has a state")
            const health = await call(`${cloud.url}/healthz`)
            if (health.status !== 200) outcomes.found(`the server is not well afterwards: ${health.status}`)
        } finally {
            agent.destroy()
            await cloud.close()
            await rm(dataDir, { recursive: true, force: true })
        }
        return outcomes.result
    },
}

/** Not HTTP, or nearly. */
const rawBytes = fc.oneof(
    fc.string({ maxLength: 200, unit: "binary" }),
    fc.tuple(fc.constantFrom("POST", "GET", "\0", "post"), fc.string({ maxLength: 60 }), fc.array(fc.string({ maxLength: 40 }), { maxLength: 6 })).map(([method, target, headers]) => `${method} ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`),
    fc.integer({ min: -5, max: 99_999 }).map(length => `POST /v1/dfu/d1/poll HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{}`),
)

function sendRaw(url: string, text: string): Promise<string> {
    return new Promise(resolve => {
        let answer = ""
        const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.end(text, "latin1"))
        socket.on("data", bytes => (answer += bytes))
        socket.on("error", () => undefined)
        socket.on("close", () => resolve(`raw ${answer.slice(9, 12) || "closed"}`))
    })
}
