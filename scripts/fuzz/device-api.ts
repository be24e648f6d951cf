/** The device API over real HTTP: no answer is a failure of the server, and nobody's state changes without a token. */
import fc from "fast-check"
import { httpFuzz } from "./http.ts"
import { samplesOf } from "./mutate.ts"
import type { FuzzTarget } from "./target.ts"

const DEVICES = 64

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
    run: (seed, count) =>
        httpFuzz({}, async ({ must, outcomes, send, sendRaw }) => {
            const devices = Array.from({ length: DEVICES }, (_, i) => ({ id: `d${i}`, token: `token-of-the-device-${i}` }))
            await must(201, "POST", "/devices/batch", { devices })
            await must(201, "POST", "/devices", { id: "untouched" })
            await must(200, "PUT", "/devices/d0/key", {})
            await send(
                mapped(samplesOf(request, seed, count), one => {
                    const device = devices[one.device]
                    const headers: Record<string, string> = {}
                    if (one.authorization === "right") headers.authorization = `Bearer ${device.token}`
                    else if (one.authorization === "wrong") headers.authorization = "Bearer of-a-wrong-token-here"
                    else if (one.authorization === "odd") headers.authorization = one.oddText
                    return { method: one.method, path: one.path.replace("DEV", device.id), headers, body: one.body }
                }),
            )
            await sendRaw(seed, Math.min(2000, Math.ceil(count / 50)))
            const untouched = await must(200, "GET", "/devices/untouched")
            if (untouched.actual !== null || untouched.history.length > 0) outcomes.found("a device that nobody had the token of has a state")
        }),
}

export function* mapped<T, U>(items: Iterable<T>, make: (item: T) => U): Generator<U> {
    for (const item of items) yield make(item)
}
