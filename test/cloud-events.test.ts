import { createHash } from "node:crypto"
import { get } from "node:http"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import type { TestCloud } from "./support/cloud.ts"
import { call, openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: live events")
test.before(async context => {
    context.cloud = await openCloud()
})
test.after(context => context.cloud.done())

interface SseEvent {
    readonly id: number
    readonly type: string
    readonly data: any
}

/** Listens until `enough` says so, then hangs up. */
function listen(cloud: TestCloud, query: string, headers: Record<string, string>, enough: (events: SseEvent[]) => boolean, onOpen?: () => void): Promise<SseEvent[]> {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no event came")), 5_000)
        const request = get(
            `${cloud.url}/api/v1/events${query}`,
            { headers: { authorization: `Bearer ${cloud.adminToken}`, ...headers } },
            response => {
                let text = ""
                response.setEncoding("utf8")
                response.once("data", () => onOpen?.())
                response.on("data", part => {
                    text += part
                    const events = parse(text)
                    if (!enough(events)) return
                    clearTimeout(timer)
                    request.destroy()
                    resolve(events)
                })
                response.on("error", () => {})
            },
        )
        request.on("error", () => {})
    })
}

function parse(text: string): SseEvent[] {
    return text
        .split("\n\n")
        .slice(0, -1)
        .map(block => Object.fromEntries(block.split("\n").map(line => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)])))
        .filter(fields => fields.id !== undefined)
        .map(fields => ({ id: Number(fields.id), type: fields.event, data: JSON.parse(fields.data) }))
}

test("a listener hears what happens to a device, and one that comes back misses nothing", async ({ cloud }) => {
    await publish(cloud, "1.1.0")
    let device: TestDevice | undefined
    const heard = await listen(cloud, "", {}, events => events.some(event => event.type === "device.created"), () => {
        void TestDevice.add(cloud, "watched").then(added => (device = added))
    })
    const lastSeen = heard[heard.length - 1].id
    await new Promise<void>(resolve => {
        const wait = (): void => (device === undefined ? void setImmediate(wait) : resolve())
        wait()
    })
    // Nobody listens while the whole update happens.
    await device!.poll()
    await cloud.must(202, "POST", "/devices/watched/update", { version: "1.1.0" })
    await device!.install((await device!.poll(5)).body)
    const rest = await listen(cloud, "?device=watched", { "last-event-id": String(lastSeen) }, events => events.some(event => event.type === "command.finished"))
    const types = rest.map(event => event.type)
    for (const type of ["device.actual", "device.desired", "command.queued", "device.status", "command.finished"]) assert.ok(types.includes(type), type)
    assert.is(rest.filter(event => event.type === "command.queued").length, 1)
    assert.equal(rest.map(event => event.id), [...rest.map(event => event.id)].sort((a, b) => a - b))
    assert.is(rest.find(event => event.type === "command.finished")?.data.state, "succeeded")

    const only = await listen(cloud, "?types=release.", { "last-event-id": "0" }, events => events.length > 0)
    assert.is(only[0].type, "release.created")
    device!.close()
})

test("nobody hears a token's hash, and whose token is revoked hears no more", async ({ cloud }) => {
    const { id, token } = await cloud.must(201, "POST", "/tokens", { name: "reader", role: "viewer" })
    const hash = createHash("sha256").update(token).digest("hex")
    let text = ""
    const ended = new Promise<void>((resolve, reject) => {
        get(`${cloud.url}/api/v1/events`, { headers: { authorization: `Bearer ${token}` } }, response => {
            response.setEncoding("utf8")
            response.on("data", part => {
                if (text === "") void cloud.must(204, "DELETE", `/tokens/${id}`)
                text += part
            })
            response.on("end", resolve)
        }).on("error", reject)
    })
    await ended
    const heard = await listen(cloud, "?types=token.&after=0", {}, events => events.some(event => event.type === "token.revoked"))
    const revoked = heard.find(event => event.type === "token.revoked")
    assert.equal(Object.keys(revoked?.data).sort(), ["at", "device", "type"])
    assert.not.match(text + JSON.stringify(heard), new RegExp(hash, "i"))
})

test("a listener that was away for too long is told that it has missed something", async () => {
    const cloud = await openCloud({ eventsKept: 5, timings: { eventBeatMs: 20 } })
    for (let n = 0; n < 20; n++) await cloud.must(201, "POST", "/devices", { id: `n${n}` })
    const gap = async (after: number): Promise<any> => {
        const text = await firstText(cloud, `?after=${after}`)
        return JSON.parse(/event: events\.gap\ndata: (.*)\n/.exec(text)?.[1] ?? "null")
    }
    const told = await until("old events to be removed", () => gap(2), value => value !== null && value.next > 10)
    assert.is(told.after, 2)
    // more may be removed between the two questions
    const upToDate = async () => gap((await gap(2)).next)
    assert.is(await until("who is up to date to be told nothing", upToDate, value => value === null), null)
    await cloud.done()
})

test("a listener whose number was never given, as after a restored backup, is told so and hears what happens from now on", async ({ cloud }) => {
    const { lastEvent } = await cloud.must(200, "GET", "/fleet")
    const text = await firstText(cloud, `?after=${lastEvent + 1_000_000}`)
    assert.equal(JSON.parse(/event: events\.gap\ndata: (.*)\n/.exec(text)?.[1] ?? "null"), { type: "events.gap", after: lastEvent + 1_000_000, next: lastEvent + 1 })
    const heard = await listen(cloud, "", { "last-event-id": String(lastEvent + 1_000_000) }, events => events.length > 0, () => void cloud.must(201, "POST", "/devices", { id: "after-the-backup" }))
    assert.is(heard[0].data.device, "after-the-backup")
})

/** What a listener hears at once. */
function firstText(cloud: TestCloud, query: string): Promise<string> {
    return new Promise((resolve, reject) => {
        const request = get(`${cloud.url}/api/v1/events${query}`, { headers: { authorization: `Bearer ${cloud.adminToken}` } }, response => {
            let text = ""
            response.setEncoding("utf8")
            response.on("error", () => {})
            response.on("data", part => {
                text += part
                if (!text.includes("data: ")) return
                request.destroy()
                resolve(text)
            })
        })
        request.on("error", error => (error.message === "socket hang up" ? undefined : reject(error)))
    })
}

test("the description, the docs page and the problem catalogue are served from here", async ({ cloud }) => {
    const description = await call(`${cloud.url}/openapi.json`)
    assert.is(description.body.openapi, "3.1.0")
    assert.ok(description.body.paths["/v1/dfu/{device}/poll"].post)
    assert.ok(description.body.paths["/api/v1/devices/{device}/update"].post)
    const page = await call(`${cloud.url}/docs`)
    const landing = page.status === 302 ? await call(new URL(String(page.headers.location), cloud.url).href) : page
    assert.is(landing.status, 200)
    assert.not.match(landing.bytes.toString(), /(src|href)="https?:/)
    assert.is((await call(`${cloud.url}/problems/HOV_API_RANGE`)).body.status, 416)
})

test.run()
