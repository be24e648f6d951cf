/** Everything that the operator API can change: who may, what is refused, and that it is written down. */
import { createHash, randomBytes } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeStatementFile } from "../toolchain/format/statement.ts"
import { encodeImageMap } from "../toolchain/format/image-map.ts"
import type { TestCloud } from "./support/cloud.ts"
import { artifactFile, BASE, call, publish, sha256, TestDevice, withClouds } from "./support/cloud.ts"
import { onPostgres } from "./support/cloud-database.ts"

const test = suite("cloud: what operators change")
const ROLES = ["viewer", "publisher", "operator", "admin"] as const
type Role = (typeof ROLES)[number]

interface Change {
    /** As the description names it. */
    readonly route: string
    /** Who may, besides the admin. */
    readonly by: Role
    /** What stands in the audit log. */
    readonly action: string
    readonly json?: Readonly<Record<string, unknown>>
    readonly raw?: Uint8Array | string
    readonly query?: string
    /** What the names in the route stand for. */
    readonly names?: Readonly<Record<string, string>>
    readonly before?: () => Promise<unknown>
    readonly after?: (answer: any) => void
}

test("each change is for its role alone, takes no field that it does not know, and is in the audit log with who and when", () =>
    withClouds(onPostgres ? 1 : 2, async (cloud, next) => {
        const tokens = new Map<Role, string>()
        for (const role of ROLES) tokens.set(role, (await cloud.must(201, "POST", "/tokens", { name: `a ${role}`, role })).token)
        const described = await operations(cloud)
        const done = new Set<string>()
        for (const change of changes(cloud, next)) {
            await change.before?.()
            await checkChange(cloud, tokens, change)
            done.add(change.route)
        }
        const left = described.filter(route => !done.has(route) && !(onPostgres && route.includes("/server/handover")))
        // It only looks.
        assert.equal(left, ["POST /rollouts/preview"], "what can be changed has an example here")
    }))

/** `METHOD /route` of everything that is no GET, for operators. */
async function operations(cloud: TestCloud): Promise<string[]> {
    const { paths } = (await call(`${cloud.url}/openapi.json`)).body
    const found: string[] = []
    for (const [path, methods] of Object.entries<Record<string, any>>(paths))
        for (const [method, { security }] of Object.entries(methods))
            if (method !== "get" && security?.some((one: object) => "operator" in one)) found.push(`${method.toUpperCase()} ${path.replace("/api/v1", "")}`)
    return found
}

async function checkChange(cloud: TestCloud, tokens: ReadonlyMap<Role, string>, change: Change): Promise<void> {
    const [method, template] = change.route.split(" ")
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(change.names?.[name] ?? `no ${name}`))
    const newest = async (): Promise<any> => (await cloud.must(200, "GET", "/audit?limit=1")).items[0]
    const send = (role: Role, json = change.json) =>
        call(`${cloud.url}/api/v1${path}${change.query ?? ""}`, {
            method,
            token: tokens.get(role),
            ...(change.raw === undefined ? { json } : { raw: change.raw, headers: { "content-type": "application/octet-stream" } }),
        })
    const before = await newest()
    for (const role of ROLES) {
        if (role === change.by || role === "admin") continue
        const refused = await send(role)
        assert.equal([refused.status, refused.body.code], [403, "HOV_API_ROLE"], `${change.route} by a ${role}: ${refused.bytes}`)
    }
    if (change.json !== undefined) {
        const odd = await send(change.by, { ...change.json, frobnicate: true })
        assert.equal([odd.status, odd.body.code], [400, "HOV_API_BAD_FIELD"], `${change.route} with a field that it does not know: ${odd.bytes}`)
        assert.match(odd.body.detail, "frobnicate")
    }
    assert.equal(await newest(), before, `${change.route}: what was refused is no change`)
    const startMs = Date.now()
    const answer = await send(change.by)
    assert.ok(answer.status >= 200 && answer.status < 300, `${change.route}: ${answer.status} ${answer.bytes}`)
    const fresh = (await cloud.must(200, "GET", "/audit?limit=20")).items.filter(({ seq }: { seq: number }) => seq > before.seq)
    const entry = fresh.find(({ action }: { action: string }) => action === change.action)
    assert.ok(entry !== undefined, `${change.route} is in the audit log as ${change.action}: ${JSON.stringify(fresh)}`)
    assert.equal([entry.actor, entry.role], [`a ${change.by}`, change.by], change.route)
    const atMs = Date.parse(entry.at)
    assert.ok(atMs >= startMs - 1_000 && atMs <= Date.now() + 1_000, `${change.route}: ${entry.at}`)
    change.after?.(answer.body)
}

function* changes(cloud: TestCloud, next: TestCloud | undefined): Generator<Change> {
    const names: Record<string, string> = { device: "a1", release: "app@1.1.0", group: "some" }
    const of = (name: string) => (answer: any) => void (names[name] = answer.id)
    const image = randomBytes(300)
    const artifact = artifactFile("1.1.0", { image, sequence: 1 })
    const program = Buffer.from("a program")
    const phases = [{ percent: 100 }]
    const begin = async (): Promise<void> => void (names.rollout = (await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", filter: "id = nobody", phases: [{ percent: 1, manual: true }, { percent: 50, manual: true }, { percent: 100 }] })).id)

    yield { route: "POST /devices", by: "operator", action: "device.create", json: { id: "a1" } }
    yield { route: "POST /devices/batch", by: "operator", action: "device.create", json: { devices: [{ id: "a2" }] } }
    yield { route: "PATCH /devices/{device}", by: "operator", action: "device.change", names, json: { attributes: { site: "lab" } } }
    yield { route: "POST /devices/{device}/token", by: "operator", action: "device.token", names, json: {} }
    yield { route: "PUT /devices/{device}/key", by: "operator", action: "device.key", names, json: { key: null } }
    yield { route: "POST /claims", by: "operator", action: "claim.create", json: { count: 2 } }
    yield { route: "POST /releases", by: "publisher", action: "release.create", json: { app: "app", version: "1.1.0" } }
    yield { route: "POST /releases/{release}/refusals", by: "publisher", action: "release.refused", names, json: { base: "f".repeat(16), reasons: [{ code: "HOV101", functionName: "f", detail: "d", location: "src/main.ts:1", fix: "x" }] } }
    yield { route: "POST /releases/{release}/artifacts", by: "publisher", action: "artifact.add", names, raw: artifact }
    const map = { format: "handover-image-map", formatVersion: 1, baseId: BASE, version: "1.1.0", sequence: 1, imageDigest: sha256(image), paths: [], functions: [] }
    yield { route: "POST /releases/{release}/maps", by: "publisher", action: "map.add", names, raw: encodeImageMap(map as never) }
    const bundle = { format: "handover-base", formatVersion: 1, toolchain: "0.1.0", version: "1.1.0", baseId: "ab".repeat(8), program: program.toString("base64"), programSha256: sha256(program), linkedSha256: "ab".repeat(32) }
    yield { route: "POST /releases/{release}/bases", by: "publisher", action: "base.add", names, raw: JSON.stringify(bundle) }
    yield { route: "POST /releases/{release}/files", by: "publisher", action: "file.add", names, query: "?filename=a.swu", raw: randomBytes(20) }
    const revoked = { kind: "revoke", keyDigest: createHash("sha256").update("a key").digest("hex") } as const
    yield { route: "POST /statements", by: "publisher", action: "statement.add", raw: encodeStatementFile(revoked, randomBytes(1456)) }
    yield { route: "PUT /devices/{device}/desired", by: "operator", action: "device.desire", names, json: { release: "1.1.0" } }
    yield { route: "DELETE /devices/{device}/desired", by: "operator", action: "device.unmanage", names }
    yield { route: "POST /devices/{device}/update", by: "operator", action: "device.desire", names, json: { version: "1.1.0" } }
    const report = async (): Promise<void> => {
        const device = await TestDevice.add(cloud, "a3")
        await device.poll()
        device.close()
        names.device = "a3"
        await cloud.must(202, "POST", "/devices/a3/update", { version: "1.1.0" })
    }
    yield { route: "POST /devices/{device}/cancel", by: "operator", action: "device.cancel", names, before: report }
    yield { route: "POST /devices/{device}/check", by: "operator", action: "device.check", names: { device: "a2" } }
    yield { route: "POST /groups", by: "operator", action: "group.create", json: { name: "some", filter: "id ~ a*" } }
    yield { route: "PUT /groups/{group}", by: "operator", action: "group.change", names, json: { filter: "id = nobody" } }
    yield { route: "POST /groups/{group}/update", by: "operator", action: "rollout.create", names, json: { version: "1.1.0" } }
    yield { route: "DELETE /groups/{group}", by: "operator", action: "group.remove", names }
    yield { route: "POST /rollouts", by: "operator", action: "rollout.create", json: { release: "1.1.0", filter: "id = nobody", phases, startAt: "2100-01-01T00:00:00Z" }, after: of("rollout") }
    yield { route: "POST /rollouts/{rollout}/pause", by: "operator", action: "rollout.pause", names }
    yield { route: "POST /rollouts/{rollout}/resume", by: "operator", action: "rollout.resume", names }
    yield { route: "POST /rollouts/{rollout}/advance", by: "operator", action: "rollout.advance", names, before: begin }
    yield { route: "POST /rollouts/{rollout}/abort", by: "operator", action: "rollout.abort", names }
    yield { route: "POST /rollouts/{rollout}/rollback", by: "operator", action: "rollout.rollback", names, before: begin }
    const other = (): Promise<unknown> => publish(cloud, "1.2.0")
    yield { route: "POST /experiments", by: "operator", action: "experiment.create", json: { a: "1.1.0", b: "1.2.0", filter: "id = nobody", phases: [{ percent: 100 }], startAt: "2100-01-01T00:00:00Z" }, before: other, after: of("experiment") }
    yield { route: "POST /experiments/{experiment}/end", by: "operator", action: "experiment.end", names, json: {} }
    yield { route: "POST /tokens", by: "admin", action: "token.create", json: { name: "one more", role: "viewer" }, after: of("token") }
    yield { route: "DELETE /tokens/{token}", by: "admin", action: "token.revoke", names }
    yield { route: "POST /webhooks", by: "admin", action: "webhook.create", json: { url: "http://127.0.0.1:9/" }, after: of("webhook") }
    yield { route: "DELETE /webhooks/{webhook}", by: "admin", action: "webhook.remove", names }
    yield { route: "DELETE /devices/{device}", by: "operator", action: "device.remove", names: { device: "a2" } }
    if (next === undefined) return
    yield { route: "POST /server/handover", by: "admin", action: "server.handover", json: { to: next.url, token: next.adminToken, pacePerS: 1 } }
    yield { route: "POST /server/handover/pace", by: "admin", action: "server.pace", json: { pacePerS: 2 } }
    yield { route: "POST /server/handover/abort", by: "admin", action: "server.abort" }
}

test.run()
