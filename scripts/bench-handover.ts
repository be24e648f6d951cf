/**
 * One server replaced by another while devices talk to it.
 *
 *   npm run bench:handover -- [--devices 2000] [--pace 200] [--json]
 *
 * Two server processes with an embedded database each. Devices hold polls, some post
 * statuses all the time, some download in pieces, an operator sends commands. The same
 * load is measured for some seconds before (baseline) and during the handover.
 */
import { fork, type ChildProcess } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { call, operator, publish } from "../test/support/cloud.ts"
import { Fleet } from "./handover-bench/fleet.ts"
import { percentile } from "./bench-cloud-client.ts"

const { values } = parseArgs({
    options: {
        devices: { type: "string", default: "2000" },
        pace: { type: "string", default: "200" },
        baseline: { type: "string", default: "10" },
        json: { type: "boolean", default: false },
    },
})
const devices = Number(values.devices)
const say = (text: string): void => void (values.json || console.log(text))

interface ServerProcess {
    readonly url: string
    readonly adminToken: string
    readonly child: ChildProcess
    readonly dataDir: string
}
async function startServer(): Promise<ServerProcess> {
    const dataDir = await mkdtemp(path.join(tmpdir(), "handover-bench-"))
    const child = fork(fileURLToPath(new URL("./bench-cloud-server.ts", import.meta.url)), [dataDir], { execArgv: ["--import", "tsx"] })
    child.once("exit", (code, signal) => say(`a server ended: ${code} ${signal}`))
    const told = await new Promise<{ url: string; adminToken: string }>(resolve => child.once("message", message => resolve(message as never)))
    return { ...told, child, dataDir }
}

const [current, next] = [await startServer(), await startServer()]
const admin = operator(current.url, current.adminToken)
say(`adding ${devices} devices`)
const seats: { id: string; token: string }[] = []
for (let from = 0; from < devices; from += 1000)
    seats.push(...(await admin.must(201, "POST", "/devices/batch", { devices: Array.from({ length: Math.min(1000, devices - from) }, (_, n) => ({ id: `board-${from + n}` })) })).items)
const { image } = { image: await publish(current, "1.1.0", { sizeBytes: 8192 }) }
const fleet = new Fleet(seats, current.url, String(image.image?.sha256 ?? image.imageDigest ?? image.image))
await fleet.start()

/** Commands to waiting devices, one after the other; from the request to the device having it. */
async function commandsFor(ms: number, first: number, stop: () => boolean): Promise<number[]> {
    const tookMs: number[] = []
    const end = performance.now() + ms
    for (let n = first; performance.now() < end && !stop() && n < devices; n += 7) {
        const sentMs = performance.now()
        const heard = fleet.nextCommand(n)
        await admin.must(202, "POST", `/devices/${seats[n].id}/check`)
        tookMs.push((await heard) - sentMs)
        await new Promise(resolve => setTimeout(resolve, 20))
    }
    return tookMs
}

say("baseline")
const baselineMs = Number(values.baseline) * 1000
fleet.resetFigures()
const beforeStartMs = performance.now()
const baseline = await commandsFor(baselineMs, 0, () => false)
const before = fleet.figures(performance.now() - beforeStartMs)

say("handover")
fleet.resetFigures()
const startMs = performance.now()
await admin.must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: Number(values.pace) })
let progress: any
let over = false
const watching = (async () => {
    for (;;) {
        progress = (await call(`${current.url}/api/v1/server/handover`, { token: current.adminToken })).body
        if (progress.phase === "done") break
        await new Promise(resolve => setTimeout(resolve, 100))
    }
    over = true
})()
const during = await commandsFor(600_000, 3, () => over)
await watching
const handoverMs = performance.now() - startMs
const after = fleet.figures(handoverMs)
await fleet.stop()
const atNext = (await operator(next.url, current.adminToken).must(200, "GET", "/devices?limit=1")).items.length

const round = (value: number): number => Number(value.toFixed(2))
const at = (list: number[], share: number): number => round(percentile(Float64Array.from(list).sort(), share))
const result = {
    devices,
    pacePerS: Number(values.pace),
    handoverS: round(handoverMs / 1000),
    moved: fleet.moved,
    failedRequests: after.failed,
    extraRequestsPerDevice: round(fleet.extraRequests / devices),
    freezes: progress.freeze.count,
    freezeP50Ms: progress.freeze.p50Ms,
    freezeP99Ms: progress.freeze.p99Ms,
    freezeMaxMs: progress.freeze.maxMs,
    commands: during.length,
    commandP99Ms: at(during, 0.99),
    commandP50Ms: at(during, 0.5),
    baselineCommandP99Ms: at(baseline, 0.99),
    baselineCommandP50Ms: at(baseline, 0.5),
    statuses: after.statuses,
    chunksPerS: round(after.chunksPerS),
    baselineChunksPerS: round(before.chunksPerS),
    chunkDropPercent: round((1 - after.chunksPerS / before.chunksPerS) * 100),
    operatorAtNext: atNext === 1,
}
const ok =
    result.failedRequests === 0 && result.moved === devices && result.extraRequestsPerDevice <= 1 && result.freezeP50Ms <= 10 && result.freezeP99Ms <= 50 && result.commandP99Ms <= result.baselineCommandP99Ms + 50 && result.chunkDropPercent <= 5 && result.operatorAtNext
if (values.json) console.log(JSON.stringify({ ok, ...result }))
else {
    for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(24)} ${value}`)
    console.log(ok ? "all within the limits" : "NOT within the limits")
    if (fleet.failures.length > 0) console.log(fleet.failures.slice(0, 10))
}
for (const server of [current, next]) {
    server.child.kill("SIGKILL")
    await rm(server.dataDir, { recursive: true, force: true })
}
process.exit(ok ? 0 : 1)
