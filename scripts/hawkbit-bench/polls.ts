/**
 * Polls of devices that have nothing to do, by one load generator over as many connections: hawkBit's
 * device interface, ours that speaks the same protocol, and the boards' own. The same number of
 * targets, each with a token of its own. Both servers are warmed up, and measured in turns.
 */
import { fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import type { BoardSeat } from "../bench-cloud-client.ts"
import { Line, percentile, pollRequest } from "../bench-cloud-client.ts"
import type { HawkbitServer } from "../hawkbit-server/start.ts"
import { call, operator } from "../../test/support/cloud.ts"

export interface PollOptions {
    readonly targets: number
    readonly seconds: number
    readonly warmUpSeconds: number
    readonly rounds: number
    readonly inflight: number
    readonly say: (text: string) => void
}

const WARM_UP_TURNS = 8

interface Side {
    readonly name: string
    readonly host: string
    readonly port: number
    readonly status: number
    readonly request: (n: number) => string
}

interface Measured {
    readonly pollsPerS: number
    readonly p50Ms: number
    readonly p99Ms: number
}

export async function measurePolls(hawkbit: HawkbitServer, options: PollOptions) {
    const { targets, seconds, warmUpSeconds, rounds, say } = options
    const dataDir = await mkdtemp(path.join(tmpdir(), "handover-bench-"))
    const child = fork(fileURLToPath(new URL("./server.ts", import.meta.url)), [dataDir], { execArgv: ["--import", "tsx"] })
    try {
        const server = await new Promise<{ url: string; adminToken: string }>(resolve => child.once("message", message => resolve(message as { url: string; adminToken: string })))
        const seats = Array.from({ length: targets }, (_, n): BoardSeat => ({ id: `target-${n}`, token: randomBytes(16).toString("hex") }))
        say(`${targets} targets in hawkBit`)
        const authorization = `Basic ${Buffer.from(`${hawkbit.user}:${hawkbit.password}`).toString("base64")}`
        for (let from = 0; from < targets; from += 100) {
            const json = seats.slice(from, from + 100).map(({ id, token }) => ({ controllerId: id, name: id, securityToken: token }))
            const answer = await call(`${hawkbit.url}/rest/v1/targets`, { json, headers: { authorization } })
            if (answer.status !== 201) throw new Error(`targets: ${answer.status} ${answer.bytes}`)
        }
        say(`${targets} boards and ${targets} DDI devices here`)
        const { must } = operator(server.url, server.adminToken)
        const boards: BoardSeat[] = []
        for (let from = 0; from < targets; from += 500) {
            const some = seats.slice(from, from + 500)
            boards.push(...(await must(201, "POST", "/devices/batch", { devices: some.map(({ id }) => ({ id: `board-${id}` })) })).items)
            await must(201, "POST", "/devices/batch", { devices: some.map(({ id, token }) => ({ id, token, attributes: { ddiKind: "linux" } })) })
        }
        const ddi = ({ id, token }: BoardSeat, tenant: string): string => `GET /${tenant}/controller/v1/${id} HTTP/1.1\r\nHost: bench\r\nAuthorization: TargetToken ${token}\r\nAccept: application/hal+json\r\n\r\n`
        const at = new URL(server.url)
        const sides: Side[] = [
            { name: "hawkbit", host: "127.0.0.1", port: hawkbit.port, status: 200, request: n => ddi(seats[n], "default") },
            { name: "ddi", host: at.hostname, port: Number(at.port), status: 200, request: n => ddi(seats[n], "bench") },
            { name: "device", host: at.hostname, port: Number(at.port), status: 202, request: n => pollRequest(boards[n], 0, Math.round(performance.now())) },
        ]
        for (const side of sides) {
            say(`${side.name}: warm-up`)
            // As long as it gets faster: Java compiles what it runs often.
            for (let turn = 0, before = 0; turn < WARM_UP_TURNS; turn++) {
                const { pollsPerS } = await load(side, options, warmUpSeconds / 2)
                say(`${side.name}: ${pollsPerS} polls/s while warming up`)
                if (turn > 0 && pollsPerS < before * 1.1) break
                before = pollsPerS
            }
        }
        const measured = new Map<string, Measured[]>()
        for (let round = 0; round < rounds; round++)
            for (const side of sides) {
                const result = await load(side, options, seconds)
                say(`${side.name}: ${result.pollsPerS} polls/s, p99 ${result.p99Ms} ms`)
                measured.set(side.name, [...(measured.get(side.name) ?? []), result])
            }
        const of = (name: string): Measured => {
            // The best round of each: what else the machine does only ever takes away.
            const [best] = [...(measured.get(name) ?? [])].sort((a, b) => b.pollsPerS - a.pollsPerS)
            return best
        }
        const ratio = (name: string): number => Number((of(name).pollsPerS / of("hawkbit").pollsPerS).toFixed(2))
        return { targets, connections: options.inflight, hawkbit: of("hawkbit"), handoverDdi: of("ddi"), handoverBoards: of("device"), ratioDdi: ratio("ddi"), ratioBoards: ratio("device") }
    } finally {
        child.kill("SIGKILL")
        await rm(dataDir, { recursive: true, force: true })
    }
}

async function load(side: Side, { targets, inflight }: PollOptions, seconds: number): Promise<Measured> {
    const lines = await Promise.all(Array.from({ length: inflight }, () => Line.open(side.host, side.port)))
    const latencies: number[] = []
    const startMs = performance.now()
    const endMs = startMs + seconds * 1000
    let next = 0
    await Promise.all(
        lines.map(async line => {
            while (performance.now() < endMs) {
                const n = next++ % targets
                const sentMs = performance.now()
                const answer = await line.ask(side.request(n))
                latencies.push(performance.now() - sentMs)
                if (answer.status !== side.status) throw new Error(`${side.name}: ${answer.status} ${answer.body}`)
            }
        }),
    )
    const tookS = (performance.now() - startMs) / 1000
    for (const line of lines) line.close()
    const sorted = Float64Array.from(latencies).sort()
    const round = (value: number): number => Number(value.toFixed(2))
    return { pollsPerS: Math.round(latencies.length / tookS), p50Ms: round(percentile(sorted, 0.5)), p99Ms: round(percentile(sorted, 0.99)) }
}
