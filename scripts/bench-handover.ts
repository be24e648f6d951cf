/**
 * One server replaced by another while devices talk to it.
 *
 *   npm run bench:handover -- [--devices 2000] [--pace 200] [--rounds 2] [--json]
 *                              [--profile NAME]   V8 profiles of both servers: NAME-current.cpuprofile, NAME-next.cpuprofile
 *
 * Two server processes with an embedded database each, and a handover from one to the other and back (`--rounds`): the first
 * round's next has just been started, the second one's has served before. Each round has a baseline of its own, on the
 * server that hands over then. The drop of the chunks is the mean of the rounds, which `each` tells one by one; of all else
 * the worst round counts. Devices hold polls, some post
 * statuses all the time, some download in pieces, an operator sends commands. The same
 * load is measured for some seconds before (baseline) and during the handover. Devices
 * are in two processes of their own, those whose work is timed apart from the others;
 * what every process took of the machine is told: the devices and the operator together
 * take about a fifth of one core of the two that they share with the servers.
 */
import { fork, type ChildProcess } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { call, operator, publish } from "../test/support/cloud.ts"
import { isTimed } from "./handover-bench/fleet.ts"
import { type Figures, wallMs } from "./handover-bench/messages.ts"
import { RemoteFleet } from "./handover-bench/remote-fleet.ts"
import { percentile } from "./bench-cloud-client.ts"

const { values } = parseArgs({
    options: {
        devices: { type: "string", default: "2000" },
        pace: { type: "string", default: "200" },
        baseline: { type: "string", default: "10" },
        rounds: { type: "string", default: "2" },
        json: { type: "boolean", default: false },
        profile: { type: "string" },
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
async function startServer(name: string): Promise<ServerProcess> {
    const dataDir = await mkdtemp(path.join(tmpdir(), "handover-bench-"))
    const child = fork(fileURLToPath(new URL("./handover-bench/server.ts", import.meta.url)), values.profile === undefined ? [dataDir] : [dataDir, `${values.profile}-${name}.cpuprofile`], { execArgv: ["--import", "tsx"] })
    child.once("exit", (code, signal) => say(`a server ended: ${code} ${signal}`))
    const told = await new Promise<{ url: string; adminToken: string }>(resolve => child.once("message", message => resolve(message as never)))
    return { ...told, child, dataDir }
}

const both = [await startServer("current"), await startServer("next")]
// Goes with all that is not a device's.
const { adminToken } = both[0]
const admin = operator(both[0].url, adminToken)
say(`adding ${devices} devices`)
const seats: { id: string; token: string }[] = []
for (let from = 0; from < devices; from += 1000)
    seats.push(...(await admin.must(201, "POST", "/devices/batch", { devices: Array.from({ length: Math.min(1000, devices - from) }, (_, n) => ({ id: `board-${from + n}` })) })).items)
const { image } = { image: await publish(both[0], "1.1.0", { sizeBytes: 8192 }) }
const digest = String(image.image?.sha256 ?? image.imageDigest ?? image.image)
const fleet = seats.map((seat, n) => ({ ...seat, n }))
const [quiet, timed] = await Promise.all([false, true].map(wanted => RemoteFleet.start(fleet.filter(({ n }) => isTimed(n) === wanted), both[0].url, digest)))
const fleets = [quiet, timed]
const fleetOf = (n: number): RemoteFleet => (isTimed(n) ? timed : quiet)

async function figures(ms: number) {
    const parts = await Promise.all(fleets.map(each => each.figures()))
    const sum = (of: (part: Figures) => number): number => parts.reduce((total, part) => total + of(part), 0)
    return {
        failed: sum(part => part.failed),
        moved: sum(part => part.moved),
        extraRequests: sum(part => part.extraRequests),
        statuses: sum(part => part.statuses),
        chunksPerS: sum(part => part.chunks) / (ms / 1000),
        failures: parts.flatMap(part => part.failures),
        cpuMs: parts.map(part => part.cpuMs),
    }
}
/** What the servers took since they were asked last, and how long their event loops let others wait. */
const usage = (of: readonly ServerProcess[]) => Promise.all(of.map(({ child }) => new Promise<{ cpuMs: number; lagP99Ms: number; lagMaxMs: number }>(resolve => {
    child.once("message", resolve as never)
    child.send("usage")
})))

const COMMAND_STEP = 7
/** Longer than a held poll: a device that has not heard by then does not hear at all. */
const HEARD_MAX_MS = 60_000
/** Commands to waiting devices, one after the other; from the request to the device having it. */
async function commandsFor(url: string, ms: number, first: number, stop: () => boolean): Promise<number[]> {
    const admin = operator(url, adminToken)
    const tookMs: number[] = []
    const end = performance.now() + ms
    for (let sent = 0; performance.now() < end && !stop(); sent++) {
        // Each round through the fleet begins one further: who was told something last is told again only after all others.
        const n = (first + sent * COMMAND_STEP + Math.floor((sent * COMMAND_STEP) / devices)) % devices
        const heard = fleetOf(n).heard(n)
        const sentMs = wallMs()
        await admin.must(202, "POST", `/devices/${seats[n].id}/check`)
        const heardMs = await Promise.race([heard, sleep(HEARD_MAX_MS, undefined, { ref: false })])
        if (heardMs === undefined) throw new Error(`${seats[n].id} did not hear of its command: ${JSON.stringify((await admin.must(200, "GET", `/devices/${seats[n].id}`)).commands[0])}`)
        tookMs.push(heardMs - sentMs)
        await sleep(20)
    }
    return tookMs
}

const round = (value: number): number => Number(value.toFixed(2))
const at = (list: number[], share: number): number => round(percentile(Float64Array.from(list).sort(), share))
async function measure(current: ServerProcess, next: ServerProcess) {
    say("baseline")
    const baselineMs = Number(values.baseline) * 1000
    for (const each of fleets) each.reset()
    await usage([current, next])
    const cpuBefore = (await figures(1)).cpuMs
    const beforeStartMs = performance.now()
    const baseline = await commandsFor(current.url, baselineMs, 0, () => false)
    const baselineTookMs = performance.now() - beforeStartMs
    const before = await figures(baselineTookMs)

    say("handover")
    for (const each of fleets) each.reset()
    const serversBefore = await usage([current, next])
    const ownBefore = process.cpuUsage()
    const startMs = performance.now()
    await operator(current.url, adminToken).must(202, "POST", "/server/handover", { to: next.url, token: next.adminToken, pacePerS: Number(values.pace) })
    let progress: any
    let over = false
    const watching = (async () => {
        for (;;) {
            progress = (await call(`${current.url}/api/v1/server/handover`, { token: adminToken })).body
            if (progress.phase === "done") break
            await sleep(250)
        }
        over = true
    })()
    const during = await commandsFor(current.url, 600_000, 3, () => over)
    await watching
    const handoverMs = performance.now() - startMs
    const after = await figures(handoverMs)
    const servers = await usage([current, next])
    const own = process.cpuUsage(ownBefore)
    const atNext = (await operator(next.url, adminToken).must(200, "GET", "/devices?limit=1")).items.length

    const ofBaseline = (cpuMs: number): number => Math.round((cpuMs / baselineTookMs) * 100)
    const share = (cpuMs: number): number => Math.round((cpuMs / handoverMs) * 100)
    return {
        devices,
        pacePerS: Number(values.pace),
        handoverS: round(handoverMs / 1000),
        moved: after.moved - before.moved,
        copied: progress.copied,
        fromCopies: progress.fromCopies,
        failedRequests: after.failed,
        failures: after.failures.slice(0, 10),
        extraRequestsPerDevice: round((after.extraRequests - before.extraRequests) / devices),
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
        // What a server worked for each device, all other traffic included: the figure that a busy machine changes least.
        cpuMsPerDevice: { current: round(servers[0].cpuMs / devices), next: round(servers[1].cpuMs / devices) },
        // Percent of one core, while the handover lasted.
        cpuPercent: {
            current: share(servers[0].cpuMs),
            next: share(servers[1].cpuMs),
            devices: share(after.cpuMs[0] - before.cpuMs[0]),
            timedDevices: share(after.cpuMs[1] - before.cpuMs[1]),
            operator: share((own.user + own.system) / 1000),
        },
        baselineCpuPercent: { current: ofBaseline(serversBefore[0].cpuMs), next: ofBaseline(serversBefore[1].cpuMs), devices: ofBaseline(before.cpuMs[0] - cpuBefore[0]), timedDevices: ofBaseline(before.cpuMs[1] - cpuBefore[1]) },
        lagMs: { baselineP99: round(serversBefore[0].lagP99Ms), currentP99: round(servers[0].lagP99Ms), currentMax: round(servers[0].lagMaxMs), nextP99: round(servers[1].lagP99Ms), nextMax: round(servers[1].lagMaxMs) },
    }
}
type Measured = Awaited<ReturnType<typeof measure>>

const each: Measured[] = []
for (let n = 0; n < Number(values.rounds); n++) each.push(await measure(both[n % 2], both[(n + 1) % 2]))
for (const one of fleets) one.end()

const all = (of: (one: Measured) => number): number[] => each.map(of)
const worst = (of: (one: Measured) => number): number => Math.max(...all(of))
const mean = (of: (one: Measured) => number): number => round(all(of).reduce((sum, value) => sum + value, 0) / each.length)
const result = {
    devices,
    pacePerS: Number(values.pace),
    rounds: each.length,
    moved: Math.min(...all(({ moved }) => moved)),
    fromCopies: Math.min(...all(({ fromCopies }) => fromCopies)),
    failedRequests: worst(({ failedRequests }) => failedRequests),
    extraRequestsPerDevice: worst(({ extraRequestsPerDevice }) => extraRequestsPerDevice),
    freezeP50Ms: worst(({ freezeP50Ms }) => freezeP50Ms),
    freezeP99Ms: worst(({ freezeP99Ms }) => freezeP99Ms),
    freezeMaxMs: worst(({ freezeMaxMs }) => freezeMaxMs),
    commandP99Ms: worst(({ commandP99Ms }) => commandP99Ms),
    commandP99AboveBaselineMs: round(worst(({ commandP99Ms, baselineCommandP99Ms }) => commandP99Ms - baselineCommandP99Ms)),
    chunksPerS: mean(({ chunksPerS }) => chunksPerS),
    baselineChunksPerS: mean(({ baselineChunksPerS }) => baselineChunksPerS),
    chunkDropPercent: mean(({ chunkDropPercent }) => chunkDropPercent),
    operatorAtNext: each.every(({ operatorAtNext }) => operatorAtNext),
}
const ok =
    result.failedRequests === 0 && result.moved === devices && result.extraRequestsPerDevice <= 1 && result.freezeP50Ms <= 10 && result.freezeP99Ms <= 50 && result.commandP99AboveBaselineMs <= 50 && result.chunkDropPercent <= 5 && result.operatorAtNext
if (values.json) console.log(JSON.stringify({ ok, ...result, each }))
else {
    for (const [n, one] of each.entries()) console.log(`round ${n + 1}: ${JSON.stringify(one)}`)
    for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(24)} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    console.log(ok ? "all within the limits" : "NOT within the limits")
}
for (const server of both) {
    server.child.kill("SIGKILL")
    await rm(server.dataDir, { recursive: true, force: true })
}
process.exit(ok ? 0 : 1)
