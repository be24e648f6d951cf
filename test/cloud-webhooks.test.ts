import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { isGenuine } from "../cloud/webhooks/message.ts"
import type { TestCloud } from "./support/cloud.ts"
import { call, openCloud, publish, TestDevice, until } from "./support/cloud.ts"

const test = suite<{ cloud: TestCloud }>("cloud: webhooks, metrics, export")
test.before(async context => {
    context.cloud = await openCloud({ timings: { webhookRetryMs: 20, sweepMs: 20 } })
    await publish(context.cloud, "1.1.0")
})
test.after(context => context.cloud.done())

interface Received {
    readonly headers: Record<string, string>
    readonly body: string
}

/** A receiver that refuses the first `refusals` messages. */
async function receiver(refusals: number) {
    const taken: Received[] = []
    let refused = 0
    let limit = refusals
    const server = createServer((request, response) => {
        let body = ""
        request.on("data", part => (body += part))
        request.on("end", () => {
            if (refused < limit) {
                refused++
                response.writeHead(503).end()
                return
            }
            taken.push({ headers: request.headers as Record<string, string>, body })
            response.writeHead(204).end()
        })
    })
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, taken, refusals: () => refused, recover: () => (limit = 0), close: () => server.close() }
}

test("events arrive in order, signed, and again until they are taken", async ({ cloud }) => {
    const hook = await receiver(3)
    const { id, secret } = await cloud.must(201, "POST", "/webhooks", { url: hook.url, types: ["device.", "command.finished"] })
    const device = await TestDevice.add(cloud, "hooked")
    await device.poll()
    await cloud.must(202, "POST", "/devices/hooked/update", { version: "1.1.0" })
    await device.install((await device.poll(5)).body)
    await until("the end to arrive", async () => hook.taken.map(message => JSON.parse(message.body)), events => events.some(event => event.type === "handover.command.finished"))
    assert.is(hook.refusals(), 3)
    const events = hook.taken.map(message => JSON.parse(message.body))
    const ids = events.map(event => Number(event.id))
    assert.equal(ids, [...new Set(ids)].sort((a, b) => a - b), "in order, and once")
    assert.is(events[0].type, "handover.device.created")
    assert.is(events[0].specversion, "1.0")
    assert.is(events[0].subject, "hooked")
    assert.not.ok(events.some(event => event.type.startsWith("handover.command.queued")))
    for (const { headers, body } of hook.taken) {
        assert.ok(isGenuine(headers, body, secret))
        // As any library of Standard Webhooks does it.
        const key = Buffer.from(/^whsec_([A-Za-z0-9+/]+=*)$/.exec(secret)![1], "base64")
        assert.is(key.length, 32)
        const signature = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64")
        assert.is(headers["webhook-signature"], `v1,${signature}`)
        assert.not.ok(isGenuine(headers, `${body} `, secret))
    }
    const { items } = await cloud.must(200, "GET", "/webhooks")
    assert.is(items[0].secret, undefined)
    await cloud.must(204, "DELETE", `/webhooks/${id}`)
    hook.close()
    device.close()
})

test("a webhook whose receiver is away goes on after a restart of the server where it stood", async () => {
    const first = await openCloud({ timings: { webhookRetryMs: 20, sweepMs: 20 } })
    const hook = await receiver(1_000_000)
    await first.must(201, "POST", "/webhooks", { url: hook.url })
    await first.must(201, "POST", "/devices", { id: "missed" })
    await until("a failure", () => first.must(200, "GET", "/webhooks"), page => page.items[0].failures > 1)
    await first.close()
    const second = await openCloud({ dataDir: first.dataDir, timings: { webhookRetryMs: 20, sweepMs: 20 } })
    const { items } = await second.must(200, "GET", "/webhooks")
    assert.is(items[0].lastError, "HTTP 503")
    hook.recover()
    await until("the event", async () => hook.taken.map(message => JSON.parse(message.body).subject), subjects => subjects.includes("missed"))
    hook.close()
    await second.done()
})

test("a receiver that answers byte by byte, redirects, or is not there holds up nobody but itself", async () => {
    const cloud = await openCloud({ timings: { webhookRetryMs: 20, webhookTimeoutMs: 200, sweepMs: 20 } })
    const good = await receiver(0)
    let asked = 0
    const slow = createServer((request, response) => {
        asked++
        request.resume()
        response.writeHead(200)
        const drip = setInterval(() => response.write("."), 20)
        response.on("close", () => clearInterval(drip))
    })
    const redirect = createServer((_request, response) => void response.writeHead(307, { location: good.url }).end())
    for (const server of [slow, redirect]) await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const urlOf = (server: typeof slow): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    for (const url of [urlOf(slow), urlOf(redirect), "http://127.0.0.1:9/", good.url]) await cloud.must(201, "POST", "/webhooks", { url, types: ["device.created"] })
    await cloud.must(201, "POST", "/devices", { id: "told" })
    const { items } = await until("three failures", () => cloud.must(200, "GET", "/webhooks"), page => page.items.slice(0, 3).every((hook: any) => hook.failures > 0))
    assert.match(items[0].lastError, /no whole answer in 200 ms/)
    assert.is(items[1].lastError, "HTTP 307")
    assert.match(items[2].lastError, /ECONNREFUSED/)
    assert.ok(items.slice(0, 3).every((hook: any) => hook.retryAt !== null))
    assert.equal(good.taken.map(({ body }) => JSON.parse(body).subject), ["told"], "a redirect is not followed")
    assert.ok(asked >= 1)
    good.close()
    for (const server of [slow, redirect]) server.closeAllConnections()
    for (const server of [slow, redirect]) server.close()
    await cloud.done()
})

test("the figures are there for Prometheus, with a token", async ({ cloud }) => {
    assert.is((await call(`${cloud.url}/metrics`)).status, 401)
    let text = ""
    const read = async (): Promise<void> => void (text = (await call(`${cloud.url}/metrics`, { token: cloud.adminToken })).bytes.toString())
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
    await read()
    // A command counts when it is told, to a poll that was held as to one that was not.
    const before = value("handover_commands_delivered_total")
    const device = await TestDevice.add(cloud, "counted")
    await device.poll()
    const waiting = device.poll(20)
    await until("the poll to be held", () => call(`${cloud.url}/healthz`), ({ body }) => body.heldPolls === 1)
    await cloud.must(202, "POST", "/devices/counted/check")
    await waiting
    device.close()
    await cloud.must(204, "DELETE", "/devices/counted")
    await read()
    assert.is(value("handover_commands_delivered_total"), before + 1)
    assert.ok(value("handover_polls_total") >= 2)
    assert.ok(value("handover_statuses_total") >= 5)
    assert.is(value('handover_commands_finished_total{state="succeeded"}'), 1)
    assert.is(value("handover_held_polls"), 0)
    assert.ok(value("process_resident_memory_bytes") > 0)
})

test("devices and commands can be exported as JSON and CSV", async ({ cloud }) => {
    await cloud.must(201, "POST", "/devices", { id: "odd-one", attributes: { note: '=1+1,"x"' } })
    const get = (path: string) => call(`${cloud.url}/api/v1/export/${path}`, { token: cloud.adminToken })
    const devices = (await get("devices")).body
    assert.equal(devices.map((device: any) => device.id), ["hooked", "odd-one"])
    assert.is(devices[0].sync, "converged")
    const csv = (await get("devices?format=csv")).bytes.toString().split("\r\n")
    assert.match(csv[0], /^id,app,attributes,desiredRelease,actualVersion/)
    assert.is(csv.length, 4)
    const empty = await openCloud()
    assert.is((await call(`${empty.url}/api/v1/export/devices?format=csv`, { token: empty.adminToken })).bytes.toString(), `${csv[0]}\r\n`, "an empty fleet has columns too")
    await empty.done()
    const commands = (await get("commands")).body
    assert.is(commands[0].device, "hooked")
    assert.is(commands[0].state, "succeeded")
    const { csvLine } = await import("../cloud/operator-api/csv.ts")
    assert.is(csvLine(["=SUM(A1)", 'a "b"', "x,y", 5, null, -1]), `'=SUM(A1),"a ""b""","x,y",5,,-1\r\n`)
})

test("an export of a fleet keeps nobody waiting until its end", async () => {
    const fleet = await openCloud()
    for (let from = 0; from < 3_000; from += 1_000) await fleet.must(201, "POST", "/devices/batch", { devices: Array.from({ length: 1_000 }, (_, n) => ({ id: `e${from + n}` })) })
    let exported = false
    const all = call(`${fleet.url}/api/v1/export/devices`, { token: fleet.adminToken }).finally(() => (exported = true))
    let answered = 0
    while (!exported) {
        await call(`${fleet.url}/healthz`)
        answered++
    }
    assert.is((await all).body.length, 3_000)
    assert.ok(answered >= 5, `${answered} requests were answered meanwhile`)
    await fleet.done()
})

test.run()
