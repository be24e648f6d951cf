import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { connect, createServer, type AddressInfo } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import { tmpdir } from "node:os"
import path from "node:path"
import { promisify } from "node:util"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { startHawkbit } from "../scripts/hawkbit-server/start.ts"
import type { TestCloud } from "./support/cloud.ts"
import { openCloud, PATIENCE, publish, TestDevice, until } from "./support/cloud.ts"
import type { Fault } from "./support/faulty-proxy.ts"
import { openFaultyProxy } from "./support/faulty-proxy.ts"
import { hawkbitUrl, healthOf, metric, Operator, options, SKIPPED, told } from "./support/hawkbit.ts"
import { hawkbitOf } from "./support/cloud-database.ts"
import { startProcess } from "./support/server-process.ts"

const test = suite("a hawkBit in trouble behind the server")
const run = promisify(execFile)

/** Numbers out of a seed, so that a run can be repeated. */
function random(seed: number): () => number {
    let state = seed >>> 0
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return state / 2 ** 32
    }
}

async function boards(cloud: TestCloud, count: number): Promise<TestDevice[]> {
    const devices = await Promise.all(Array.from({ length: count }, (_, n) => TestDevice.add(cloud, `b-${n}`, { app: "app", attributes: { n: String(n) } })))
    for (const device of devices) await device.poll()
    return devices
}

async function updateAll(cloud: TestCloud, devices: readonly TestDevice[], version: string): Promise<void> {
    for (const device of devices) {
        await cloud.must(202, "POST", `/devices/${device.id}/update`, { version })
        const answer = await until(`${device.id} to be told`, () => device.poll(1), found => found.status === 200)
        await device.install(answer.body)
    }
}

/** Nothing is there twice, and everything is there. */
async function assertWhole(remote: Operator, devices: readonly TestDevice[], versions: readonly string[]): Promise<void> {
    const last = versions[versions.length - 1]
    assert.equal((await remote.all("softwaremodules")).map(found => found.version).sort(), [...versions].sort())
    assert.equal((await remote.all("distributionsets")).map(found => found.version).sort(), [...versions].sort())
    assert.is((await remote.all("targets")).length, devices.length)
    for (const { id } of devices) {
        assert.is(await remote.installed(id), last, `${id} has ${last} installed`)
        assert.is((await remote.target(id)).updateStatus, "in_sync")
        const open = (await remote.actions(id)).filter(action => action.status !== "finished")
        assert.equal(open, [], `${id} has nothing open`)
    }
    for (const module of await remote.all("softwaremodules")) assert.is((await remote.get(`softwaremodules/${module.id}/artifacts`)).length, 3)
}

if (hawkbitUrl === undefined) {
    console.log(`skipped: ${SKIPPED}`)
    test.skip("all of it", () => {})
} else {
    const url = hawkbitUrl

    test("429, 500, resets, lost and cut answers: devices are served meanwhile, and hawkBit is told everything once", async () => {
        const seed = Number(process.env.SEED ?? Date.now() % 1e6)
        console.log(`seed ${seed}`)
        const next = random(seed)
        const proxy = await openFaultyProxy(url)
        const hawkbit = options(proxy.url, { timeoutMs: 1_500, pollMs: 100 })
        const remote = new Operator(url, hawkbit.prefix)
        const faults: Fault[] = [
            { kind: "status", status: 429, retryAfterS: 0 },
            { kind: "status", status: 500 },
            { kind: "lost", status: 502 },
            { kind: "lost", status: 500 },
            { kind: "reset" },
            { kind: "cut" },
            { kind: "slow", ms: 300 },
        ]
        proxy.fault = () => (next() < 0.12 ? faults[Math.floor(next() * faults.length)] : { kind: "pass" })
        const cloud = await openCloud({ hawkbit, logLevel: "fatal" })
        try {
            await publish(cloud, "1.1.0")
            await publish(cloud, "1.2.0")
            const devices = await boards(cloud, 5)
            await updateAll(cloud, devices, "1.1.0")
            await updateAll(cloud, devices, "1.2.0")
            for (const device of devices) assert.is((await cloud.must(200, "GET", `/devices/${device.id}`)).sync.state, "converged")
            // While every second or third round fails it still comes to an end.
            await until("hawkBit to be told in spite of it", () => healthOf(cloud), health => health.hawkbit.behind === 0, 20_000)
            proxy.fault = () => ({ kind: "pass" })
            await told(cloud)
            await until("all to be whole", async () => await assertWhole(remote, devices, ["1.1.0", "1.2.0"]).then(() => "", error => String(error)), why => why === "", 10_000)
            for (const device of devices) assert.ok((await remote.actions(device.id)).length <= 2, `${device.id} has more actions than updates`)
            assert.ok((await metric(cloud, "handover_hawkbit_failures_total")) > 0)
            for (const device of devices) device.close()
        } finally {
            await cloud.done()
            await proxy.close()
        }
    })

    test("a hawkBit that hangs, or asks for time, costs the devices nothing", async () => {
        const proxy = await openFaultyProxy(url)
        const hawkbit = options(proxy.url, { timeoutMs: 400, pollMs: 100 })
        const cloud = await openCloud({ hawkbit, logLevel: "fatal" })
        try {
            await publish(cloud, "1.1.0")
            const [device] = await boards(cloud, 1)
            await told(cloud)
            proxy.fault = () => ({ kind: "hang" })
            await until("degraded", () => healthOf(cloud), health => health.degraded === "hawkbit")
            const startMs = performance.now()
            await updateAll(cloud, [device], "1.1.0")
            assert.ok(performance.now() - startMs < 3_000 * PATIENCE, `an update took ${performance.now() - startMs} ms`)
            proxy.fault = () => ({ kind: "status", status: 429, retryAfterS: 2 })
            const before = proxy.requests.length
            await until("the 429 to be seen", async () => proxy.requests.length, count => count > before)
            const asked = proxy.requests.length
            await new Promise(resolve => setTimeout(resolve, 1_200))
            assert.ok(proxy.requests.length <= asked + 1, "it is not asked again before its time")
            proxy.fault = () => ({ kind: "pass" })
            await told(cloud)
            assert.is(await new Operator(url, hawkbit.prefix).installed(device.id), "1.1.0")
            device.close()
        } finally {
            await cloud.done()
            await proxy.close()
        }
    })

    test("a hawkBit that fails over one device again and again hears of the others, and the operator of that one", async () => {
        const proxy = await openFaultyProxy(url)
        const hawkbit = options(proxy.url, { pollMs: 100 })
        const remote = new Operator(url, hawkbit.prefix)
        proxy.fault = (_method, path) => (path.includes(`${hawkbit.prefix}b-0/`) ? { kind: "status", status: 500 } : { kind: "pass" })
        const cloud = await openCloud({ hawkbit, logLevel: "fatal" })
        try {
            await publish(cloud, "1.1.0")
            const devices = await boards(cloud, 3)
            await updateAll(cloud, devices, "1.1.0")
            for (const device of devices.slice(1)) await until(`${device.id} to be told of`, () => remote.installed(device.id), version => version === "1.1.0", 10_000)
            const { hawkbit: health } = await until("the one to be named", () => cloud.must(200, "GET", "/server/health"), found => found.hawkbit.refused.length > 0)
            assert.ok(health.refused.every(({ subject }: { subject: string }) => subject.includes("b-0")), JSON.stringify(health.refused))
            proxy.fault = () => ({ kind: "pass" })
            await publish(cloud, "1.2.0")
            await updateAll(cloud, devices, "1.2.0")
            await until("all to be there", () => remote.installed("b-0"), version => version === "1.2.0")
            for (const device of devices) device.close()
        } finally {
            await cloud.done()
            await proxy.close()
        }
    })

    test("a file and a rollout that hawkBit does not take are named to the operator, and hold up neither themselves nor others", async () => {
        const proxy = await openFaultyProxy(url)
        const hawkbit = options(proxy.url, { pollMs: 100, patienceMs: 1_000 })
        const remote = new Operator(url, hawkbit.prefix)
        const refused = { kind: "status", status: 400 } as const
        proxy.fault = (method, path) => (method === "POST" && (path === "/rest/v1/rollouts" || path.endsWith("/artifacts")) ? refused : { kind: "pass" })
        const cloud = await openCloud({ hawkbit, logLevel: "fatal", timings: { rolloutTickMs: 50, enrolMs: 300 } })
        try {
            await publish(cloud, "1.1.0")
            const devices = await boards(cloud, 2)
            const rollout = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 100 }] })
            await until("both to be named", async () => (await cloud.must(200, "GET", "/server/health")).hawkbit.refused.map(({ subject }: { subject: string }) => subject), found =>
                [`rollout ${rollout.id}`, "00112233445566aa.image of app@1.1.0"].every(subject => found.includes(subject)))
            for (const device of devices) {
                const command = (await until(`${device.id} to be told`, () => device.poll(1), found => found.status === 200)).body
                await device.install(command)
            }
            await until("the rollout's end", () => cloud.must(200, "GET", `/rollouts/${rollout.id}`), shown => shown.state === "completed")
            for (const device of devices) await until(`${device.id} to be told of`, () => remote.installed(device.id), version => version === "1.1.0", 10_000)
            assert.is((await healthOf(cloud)).hawkbit.state, "ok")
            proxy.fault = () => ({ kind: "pass" })
            await publish(cloud, "1.2.0")
            await cloud.must(201, "POST", "/rollouts", { release: "1.2.0", phases: [{ percent: 100 }] })
            for (const device of devices) {
                const command = (await until(`${device.id} to be told`, () => device.poll(1), found => found.status === 200)).body
                await device.install(command)
            }
            for (const device of devices) await until(`${device.id} to be told of`, () => remote.installed(device.id), version => version === "1.2.0", 10_000)
            assert.is((await remote.all("rollouts")).length, 1)
            for (const device of devices) device.close()
        } finally {
            await cloud.done()
            await proxy.close()
        }
    })

    test("our server killed in the middle goes on where it was, and nothing is there twice", async () => {
        const first = await openCloud({ logLevel: "fatal" })
        const { dataDir } = first
        await publish(first, "1.1.0")
        const devices = await boards(first, 4)
        await first.close()
        const process1 = await startProcess(dataDir)
        // Killed while it tells hawkBit of them for the first time.
        await new Promise(resolve => setTimeout(resolve, 700))
        await process1.kill()
        const cloud = await openCloud({ dataDir, logLevel: "fatal" })
        try {
            const moved = devices.map(device => device.at(cloud.url))
            for (const device of moved) await device.poll()
            await updateAll(cloud, moved, "1.1.0")
            await told(cloud)
            const remote = new Operator(url, hawkbitOf(dataDir)?.prefix ?? "")
            await until("all to be whole", async () => await assertWhole(remote, devices, ["1.1.0"]).then(() => "", error => String(error)), why => why === "")
            for (const device of [...devices, ...moved]) device.close()
        } finally {
            await cloud.done()
        }
    })

    test("a certificate that nobody has vouched for is not spoken to", async () => {
        const folder = await mkdtemp(path.join(tmpdir(), "handover-tls-"))
        const [key, certificate] = ["key.pem", "certificate.pem"].map(name => path.join(folder, name))
        await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        const ca = await readFile(certificate, "utf8")
        const { hostname, port } = new URL(url)
        let seen = ""
        const front = createTlsServer({ key: await readFile(key), cert: ca }, client => {
            const target = connect(Number(port), hostname)
            client.on("data", bytes => {
                seen += bytes.toString("latin1")
                target.write(bytes)
            })
            target.on("data", bytes => client.write(bytes))
            for (const [one, other] of [[client, target], [target, client]] as const) {
                one.on("error", () => other.destroy())
                one.on("close", () => other.destroy())
            }
        })
        front.on("tlsClientError", () => {})
        await new Promise<void>(resolve => front.listen(0, "127.0.0.1", resolve))
        const secure = `https://127.0.0.1:${(front.address() as AddressInfo).port}`
        const stranger = await openCloud({ hawkbit: options(secure), logLevel: "fatal" })
        await until("it to be refused", () => healthOf(stranger), health => health.hawkbit.state === "degraded")
        assert.not.match(seen, /Basic /)
        await stranger.done()
        const trusted = await openCloud({ hawkbit: options(secure, { ca }), logLevel: "fatal" })
        await told(trusted)
        assert.match(seen, /Basic /)
        await trusted.done()
        front.close()
        await rm(folder, { recursive: true })
    })

    test("hawkBit killed and back with its memory gone: everything is there again, once", async () => {
        const port = await freePort()
        let own = await startHawkbit({ port })
        const hawkbit = options(own.url, { timeoutMs: 3_000, pollMs: 100 })
        const remote = new Operator(own.url, hawkbit.prefix)
        const cloud = await openCloud({ hawkbit, logLevel: "fatal", timings: { rolloutTickMs: 50, enrolMs: 300 } })
        try {
            await publish(cloud, "1.1.0")
            const devices = await boards(cloud, 4)
            await updateAll(cloud, devices.slice(0, 2), "1.1.0")
            await told(cloud, 20_000)
            // One is in the middle of its update when it happens.
            await cloud.must(202, "POST", "/devices/b-2/update", { version: "1.1.0" })
            const command = (await until("b-2 to be told", () => devices[2].poll(1), found => found.status === 200)).body
            await devices[2].status({ id: command.id, state: "downloading" })
            await told(cloud)
            await own.stop()
            await until("degraded", () => healthOf(cloud), health => health.degraded === "hawkbit")
            await devices[2].install(command)
            await publish(cloud, "1.2.0")
            await updateAll(cloud, devices, "1.2.0")
            const { id } = await cloud.must(201, "POST", "/rollouts", { release: "1.1.0", phases: [{ percent: 100 }] })
            own = await startHawkbit({ port })
            await told(cloud, 30_000)
            await cloud.must(202, "POST", `/rollouts/${id}/abort`)
            await until("all to be whole", async () => await assertWhole(remote, devices, ["1.1.0", "1.2.0"]).then(() => "", error => String(error)), why => why === "")
            assert.is(await metric(cloud, "handover_hawkbit_resyncs_total"), 2)
            // And it goes on as if nothing had been.
            await publish(cloud, "1.3.0")
            await updateAll(cloud, devices, "1.3.0")
            await until("all to be whole again", async () => await assertWhole(remote, devices, ["1.1.0", "1.2.0", "1.3.0"]).then(() => "", error => String(error)), why => why === "")
            for (const device of devices) device.close()
        } finally {
            await cloud.done()
            await own.stop()
        }
    })
}

async function freePort(): Promise<number> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    return port
}

test.run()
