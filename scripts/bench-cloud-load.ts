/**
 * One server process and its load on this machine:
 *
 * 1. polls/s with every poll authenticated and every report written, over all boards;
 * 2. memory for each board on a held poll;
 * 3. from an operator's command to the board that waits;
 * 4. a rollout to all boards that wait, and how other requests fare meanwhile.
 */
import { fork } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { artifactFile, call, operator } from "../test/support/cloud.ts"
import type { BoardSeat } from "./bench-cloud-client.ts"
import { Line, percentile, pollRequest } from "./bench-cloud-client.ts"

export interface LoadOptions {
    readonly boards: number
    readonly seconds: number
    readonly commands: number
    readonly inflight: number
    readonly say: (text: string) => void
}

export async function measureLoad(options: LoadOptions) {
    const { boards, say } = options
    const dataDir = await mkdtemp(path.join(tmpdir(), "handover-bench-"))
    const child = fork(fileURLToPath(new URL("./bench-cloud-server.ts", import.meta.url)), [dataDir], {
        execArgv: ["--import", "tsx", "--expose-gc"],
    })
    const once = <T>(): Promise<T> => new Promise(resolve => child.once("message", message => resolve(message as T)))
    interface Memory {
        rss: number
        heapUsed: number
        external: number
        cpu: { user: number; system: number }
    }
    const memory = (): Promise<Memory> => {
        child.send("memory")
        return once<Memory>()
    }
    const server = await once<{ url: string; adminToken: string }>()
    const { must } = operator(server.url, server.adminToken)
    const { hostname, port } = new URL(server.url)

    say(`adding ${boards} boards`)
    const seats: BoardSeat[] = []
    for (let from = 0; from < boards; from += 1000) {
        const devices = Array.from({ length: Math.min(1000, boards - from) }, (_, n) => ({ id: `board-${from + n}` }))
        seats.push(...(await must(201, "POST", "/devices/batch", { devices })).items)
    }
    const bare = await memory()
    const lines: Line[] = []
    for (let from = 0; from < boards; from += 200)
        lines.push(...(await Promise.all(seats.slice(from, from + 200).map(() => Line.open(hostname, Number(port))))))

    say("first poll of each board")
    await overAll(async n => {
        const answer = await lines[n].ask(pollRequest(seats[n], 0, 1))
        if (answer.status !== 202) throw new Error(`poll: ${answer.status} ${answer.body}`)
    })
    const connected = await memory()

    const seconds = options.seconds
    say(`polls for ${seconds} s`)
    const latencies: number[] = []
    const cpuBefore = (await memory()).cpu
    const startMs = performance.now()
    const endMs = startMs + seconds * 1000
    // Each lane has boards of its own: a board has one connection, with one request at a time.
    const lanes = Math.min(options.inflight, boards)
    await Promise.all(
        Array.from({ length: lanes }, async (_, lane) => {
            for (let n = lane; performance.now() < endMs; n = n + lanes < boards ? n + lanes : lane) {
                const sentMs = performance.now()
                const answer = await lines[n].ask(pollRequest(seats[n], 0, Math.round(sentMs)))
                latencies.push(performance.now() - sentMs)
                if (answer.status !== 202) throw new Error(`poll: ${answer.status} ${answer.body}`)
            }
        }),
    )
    const tookS = (performance.now() - startMs) / 1000
    const cpuAfter = (await memory()).cpu
    const pollMs = Float64Array.from(latencies).sort()
    const pollsPerS = latencies.length / tookS

    say("all boards on held polls")
    const beforeHeld = await memory()
    const answers: Promise<{ status: number; body: string; atMs: number }>[] = []
    for (let n = 0; n < boards; n++)
        answers.push(lines[n].ask(pollRequest(seats[n], 60, n)).then(answer => ({ ...answer, atMs: performance.now() })))
    for (;;) {
        const { body } = await call(`${server.url}/healthz`)
        if (body.heldPolls >= boards) break
        await new Promise(resolve => setTimeout(resolve, 50))
    }
    // What polls reported is written behind; let it settle, so that memory and commands are measured at rest.
    await new Promise(resolve => setTimeout(resolve, 2_000))
    const held = await memory()

    say("commands to waiting boards")
    await must(201, "POST", "/releases", { app: "bench", version: "1.1.0" })
    const upload = await call(`${server.url}/api/v1/releases/bench@1.1.0/artifacts`, {
        token: server.adminToken,
        raw: artifactFile("1.1.0"),
        headers: { "content-type": "application/octet-stream" },
    })
    if (upload.status !== 201) throw new Error(`upload: ${upload.status} ${upload.bytes}`)
    const commandMs: number[] = []
    const commands = Math.min(options.commands, boards)
    for (let k = 0; k < commands; k++) {
        const n = Math.floor((k * boards) / commands)
        const sentMs = performance.now()
        await must(202, "POST", `/devices/${seats[n].id}/update`, { version: "1.1.0" })
        const answer = await answers[n]
        if (answer.status !== 200) throw new Error(`command: ${answer.status}`)
        commandMs.push(answer.atMs - sentMs)
    }
    const sortedCommandMs = Float64Array.from(commandMs).sort()

    say("a rollout to all boards that wait")
    await must(201, "POST", "/releases", { app: "bench", version: "1.2.0" })
    const second = await call(`${server.url}/api/v1/releases/bench@1.2.0/artifacts`, {
        token: server.adminToken,
        raw: artifactFile("1.2.0"),
        headers: { "content-type": "application/octet-stream" },
    })
    if (second.status !== 201) throw new Error(`upload: ${second.status} ${second.bytes}`)
    const toldSoFar = new Set(Array.from({ length: commands }, (_, k) => Math.floor((k * boards) / commands)))
    const healthMs: number[] = []
    let rolling = true
    const watching = (async () => {
        while (rolling) {
            const sentMs = performance.now()
            await call(`${server.url}/healthz`)
            healthMs.push(performance.now() - sentMs)
            await new Promise(resolve => setTimeout(resolve, 20))
        }
    })()
    const rolloutMs = performance.now()
    const { id: rolloutId } = await must(201, "POST", "/rollouts", { release: "1.2.0", phases: [{ percent: 100 }] })
    const others = await Promise.all(answers.filter((_, n) => !toldSoFar.has(n)))
    const rolloutS = (performance.now() - rolloutMs) / 1000
    if (others.some(answer => answer.status !== 200)) throw new Error("a held poll ended without the rollout's command")
    const stopMs = performance.now()
    await must(202, "POST", `/rollouts/${rolloutId}/abort`)
    const abortMs = performance.now() - stopMs
    rolling = false
    await watching
    const sortedHealthMs = Float64Array.from(healthMs).sort()

    const round = (value: number, digits = 2): number => Number(value.toFixed(digits))
    const heldBytes = held.rss - bare.rss
    const result = {
        boards,
        pollsPerS: Math.round(pollsPerS),
        pollP50Ms: round(percentile(pollMs, 0.5)),
        pollP99Ms: round(percentile(pollMs, 0.99)),
        pollMaxMs: round(pollMs[pollMs.length - 1]),
        serverCpuShare: round((cpuAfter.user + cpuAfter.system - cpuBefore.user - cpuBefore.system) / 1e6 / tookS),
        heldPolls: boards,
        bytesPerHeldBoard: Math.round(heldBytes / boards),
        heapBytesPerHeldBoard: Math.round((held.heapUsed - bare.heapUsed) / boards),
        bytesPerConnectedBoard: Math.round((connected.rss - bare.rss) / boards),
        rssBeforeHeldMiB: round(beforeHeld.rss / 2 ** 20, 1),
        rssHeldMiB: round(held.rss / 2 ** 20, 1),
        commands,
        commandP50Ms: round(percentile(sortedCommandMs, 0.5)),
        commandP99Ms: round(percentile(sortedCommandMs, 0.99)),
        commandMaxMs: round(sortedCommandMs[sortedCommandMs.length - 1]),
        rolloutBoards: others.length,
        rolloutAllToldS: round(rolloutS),
        rolloutOtherRequestP99Ms: round(percentile(sortedHealthMs, 0.99)),
        rolloutAbortMs: round(abortMs),
    }
    for (const line of lines) line.close()
    child.kill("SIGKILL")
    await rm(dataDir, { recursive: true, force: true })
    return result

    async function overAll(work: (n: number) => Promise<void>): Promise<void> {
        let at = 0
        await Promise.all(
            Array.from({ length: 64 }, async () => {
                while (at < boards) await work(at++)
            }),
        )
    }
}
