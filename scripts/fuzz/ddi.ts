/** hawkBit's device interface over real HTTP: no answer is a failure of the server, no tenant touches another's devices. */
import fc from "fast-check"
import { EXECUTIONS, RESULTS } from "../../cloud/ddi/feedback.ts"
import { call, upload } from "../../test/support/cloud.ts"
import { mapped } from "./device-api.ts"
import { httpFuzz } from "./http.ts"
import { samplesOf } from "./mutate.ts"
import type { FuzzTarget } from "./target.ts"

const DEVICES = 16
/** After so many inputs every device gets a deployment again: a `closed` among them ends one. */
const INPUTS_PER_DEPLOYMENT = 1000
const GATEWAY = "gateway-token-of-the-linux-tenant"
const OTHER = "gateway-token-of-another-tenant"
const FILE = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7) & 255))

interface DdiInput {
    readonly method: string
    readonly path: string
    readonly device: number
    readonly authorization: string
    readonly range: string | undefined
    readonly body: string
}

const odd = fc.oneof(fc.string({ maxLength: 40 }), fc.integer(), fc.double(), fc.constantFrom(null, true, [], {}, "", -1, 0x100000000, "__proto__"))
const mostly = <T>(good: fc.Arbitrary<T>) => fc.oneof({ weight: 5, arbitrary: good as fc.Arbitrary<unknown> }, odd)
const number = fc.nat(5000)
// Most executions leave the action open, or there would soon be none to talk about.
const feedback = fc
    .record({
        id: mostly(fc.constant("1")),
        time: mostly(fc.constant("20260101T000000")),
        status: mostly(
            fc.record(
                {
                    execution: mostly(fc.constantFrom(...EXECUTIONS, "proceeding", "download", "downloaded", "scheduled", "resumed", "proceeding", "download")),
                    result: mostly(fc.record({ finished: mostly(fc.constantFrom(...RESULTS)), progress: mostly(fc.record({ cnt: mostly(number), of: mostly(number) }, { requiredKeys: [] })) }, { requiredKeys: [] })),
                    code: mostly(number),
                    details: mostly(fc.array(fc.string({ maxLength: 300 }), { maxLength: 12 })),
                },
                { requiredKeys: ["execution"] },
            ),
        ),
    }, { requiredKeys: ["status"] })
    .map(value => JSON.stringify(value))
const key = fc.oneof(fc.constantFrom("serial", "ddiTenant", "__proto__", "constructor", "ddi.x", "a b", ""), fc.string({ maxLength: 80 }))
const configData = fc.record({ mode: mostly(fc.constantFrom("merge", "replace", "remove")), data: mostly(fc.dictionary(key, odd, { maxKeys: 6 })) }).map(value => JSON.stringify(value))
const body = fc.oneof({ weight: 8, arbitrary: feedback }, { weight: 3, arbitrary: configData }, fc.json({ maxDepth: 4 }), fc.string({ maxLength: 300 }), fc.constant("[".repeat(3000)), fc.constant(""))

const action = fc.oneof({ weight: 10, arbitrary: fc.constant("ACTION") }, fc.integer().map(String), fc.string({ maxLength: 8 }).map(encodeURIComponent), fc.constantFrom("0", "2147483647", "2147483648", "1e3", "-1"))
const filename = fc.oneof({ weight: 4, arbitrary: fc.constantFrom("a.swu", "a.swu.MD5SUM") }, fc.constantFrom("..%2f..%2fadmin.token", "%00", "a.swu.MD5SUM.MD5SUM", "%", "x".repeat(200)), fc.string({ maxLength: 12 }).map(encodeURIComponent))
const rest = fc.oneof(
    fc.constant(["GET", ""]),
    { weight: 6, arbitrary: action.map(n => ["POST", `/deploymentBase/${n}/feedback`]) },
    action.map(n => ["GET", `/deploymentBase/${n}`]),
    action.map(n => ["GET", `/installedBase/${n}`]),
    action.map(n => ["GET", `/cancelAction/${n}`]),
    { weight: 2, arbitrary: action.map(n => ["POST", `/cancelAction/${n}/feedback`]) },
    { weight: 2, arbitrary: fc.constant(["PUT", "/configData"]) },
    action.map(n => ["GET", `/softwaremodules/${n}/artifacts`]),
    { weight: 3, arbitrary: fc.tuple(action, filename).map(([n, name]) => ["GET", `/softwaremodules/${n}/artifacts/${name}`]) },
    fc.string({ maxLength: 20 }).map(text => ["GET", `/${encodeURIComponent(text)}`]),
)
const tenant = fc.oneof({ weight: 12, arbitrary: fc.constant("linux") }, fc.constantFrom("other", "default", "..", "%00", "LINUX"), fc.string({ maxLength: 10 }).map(encodeURIComponent))
const device = fc.oneof({ weight: 14, arbitrary: fc.constant("DEV") }, fc.constantFrom("untouched", "..", "%2e%2e", "d0%2f", "x".repeat(80)), fc.string({ maxLength: 10 }).map(encodeURIComponent))
const range = fc.oneof(fc.constant(undefined), fc.tuple(fc.oneof(number.map(String), fc.constant("")), fc.oneof(number.map(String), fc.constant(""))).map(([from, to]) => `bytes=${from}-${to}`), fc.string({ maxLength: 30, unit: fc.constantFrom(..."bytes=0123456789-, ") }).map(text => text.trim()))

const input: fc.Arbitrary<DdiInput> = fc
    .record({
        rest,
        otherMethod: fc.oneof({ weight: 15, arbitrary: fc.constant(undefined) }, fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")),
        tenant,
        device,
        number: fc.nat(DEVICES - 1),
        authorization: fc.oneof({ weight: 12, arbitrary: fc.constant(`GatewayToken ${GATEWAY}`) }, fc.constantFrom(`GatewayToken ${OTHER}`, "TargetToken of-a-device-that-is-none", "gatewaytoken x", ""), fc.string({ maxLength: 60, unit: fc.constantFrom(..."TargetTokenGateway 0123") }).map(text => text.trim())),
        range,
        body,
    })
    .map(one => ({ ...one, method: one.otherMethod ?? one.rest[0], path: `/${one.tenant}/controller/v1/${one.device}${one.rest[1]}`, device: one.number }))

export const ddiFuzz: FuzzTarget = {
    name: "DDI over HTTP",
    share: 1,
    run: (seed, count) =>
        httpFuzz({ ddi: { tenants: [{ name: "linux", gatewayToken: GATEWAY }, { name: "other", gatewayToken: OTHER }] } }, async server => {
            const { must, outcomes, send, url } = server
            const poll = (name: string, id: string, token: string) => call(`${url}/${name}/controller/v1/${id}`, { headers: { authorization: `GatewayToken ${token}` } })
            const ids = Array.from({ length: DEVICES }, (_, i) => `d${i}`)
            for (const id of ids) await poll("linux", id, GATEWAY)
            await poll("other", "untouched", OTHER)
            const before = JSON.stringify(await must(200, "GET", "/devices/untouched"))

            const actions = new Map<string, string>()
            const deploy = async (part: number) => {
                actions.clear()
                const version = `${part + 1}.0.0`
                await must(201, "POST", "/releases", { app: "os", version })
                const sent = await upload(server, `os@${version}/files?filename=a.swu`, FILE)
                if (sent.status !== 201) throw new Error(`upload: ${sent.status} ${sent.bytes}`)
                for (const [i, id] of ids.entries()) {
                    await must(200, "PUT", `/devices/${id}/desired`, { release: `os@${version}` })
                    let answer = await poll("linux", id, GATEWAY)
                    const cancelled = answer.body?._links?.cancelAction?.href as string | undefined
                    if (cancelled !== undefined) {
                        await call(`${cancelled}/feedback`, { headers: { authorization: `GatewayToken ${GATEWAY}` }, json: { status: { execution: "closed", result: { finished: "success" } } } })
                        answer = await poll("linux", id, GATEWAY)
                    }
                    const href = answer.body?._links?.deploymentBase?.href as string | undefined
                    if (href !== undefined) actions.set(id, href.split("/").at(-1) as string)
                    if (i % 4 === 0) await must(202, "POST", `/devices/${id}/cancel`)
                }
                if (actions.size < DEVICES) outcomes.found(`a device has no deployment of ${version}`)
            }
            const inputs = samplesOf(input, seed, count)
            for (let part = 0; part * INPUTS_PER_DEPLOYMENT < count; part++) {
                await deploy(part)
                const some = mapped(first(inputs, Math.min(INPUTS_PER_DEPLOYMENT, count - part * INPUTS_PER_DEPLOYMENT)), one => {
                    const id = ids[one.device]
                    const headers: Record<string, string> = { "content-type": "application/json" }
                    if (one.authorization !== "") headers.authorization = one.authorization
                    if (one.range !== undefined) headers.range = one.range
                    return { method: one.method, path: one.path.replace("DEV", id).replace("ACTION", actions.get(id) ?? "1"), headers, body: one.body }
                })
                await send(some)
            }
            if (JSON.stringify(await must(200, "GET", "/devices/untouched")) !== before) outcomes.found("another tenant's device has changed")
            for (const id of ids) {
                const { attributes } = await must(200, "GET", `/devices/${id}`)
                const own = Object.keys(attributes).filter(name => !name.startsWith("ddi."))
                if (own.join() !== "ddiTenant" || attributes.ddiTenant !== "linux") outcomes.found(`${id} has set attributes that are not its own: ${own}`)
            }
        }),
}

/** The next `count` of them; the rest stay for later. */
function* first<T>(items: Iterator<T>, count: number): Generator<T> {
    for (let i = 0; i < count; i++) {
        const { value, done } = items.next()
        if (done) return
        yield value
    }
}
