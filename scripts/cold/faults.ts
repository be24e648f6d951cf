/**
 * What goes wrong around a new base, each with boards, servers and lines of its own: how long until a base runs that is
 * well, by itself.
 */
import { rm } from "node:fs/promises"
import type { Board } from "../../sim/index.ts"
import { operator, temporaryFolder, until } from "../../test/support/cloud.ts"
import { ColdBench, coldMain, type LinkedBase } from "../../test/support/cold-bench.ts"
import { CutLine } from "../../test/support/cut-line.ts"
import { beginProcess, type ServerProcess } from "../../test/support/server-process.ts"

const WAIT_MS = 120_000
/** As in the tests: on a server of its own the default is two minutes. */
const CONFIRM_MS = 10_000
const TIMINGS = { coldConfirmMs: CONFIRM_MS, retryDelayMs: 500 }
const ADAPTER = "GET /wssk/"

export interface FaultResult {
    readonly what: string
    /** The base that runs in the end, and the one that should. */
    readonly runs: string
    readonly wanted: string
    /** From the first line of the new base, or from the fault where it is the server's, to the first one of the base that stays. */
    readonly settledMs: number
    /** How the command ended in the store. */
    readonly state: string
    readonly code: string | null
    readonly ok: boolean
}

interface Scene {
    readonly bench: ColdBench
    readonly board: Board
    readonly id: string
    readonly line: CutLine
    readonly next: LinkedBase
}

interface Fault {
    readonly what: string
    /** More code of the new base, before it starts its resident. */
    readonly more?: string
    readonly wanted: "one" | "two"
    readonly state: "rolledBack" | "succeeded"
    /** From the command on; resolves with the time from which `settledMs` counts. */
    happen(scene: Scene): Promise<number>
}

const firstLine = async ({ board, next }: Scene): Promise<number> => (await board.waitForLog(new RegExp(`app ${next.name}`), WAIT_MS)).tMs

const BAD_BASES: Fault[] = [
    ["panics at its start, again and again", ";(undefined as any).x()"],
    ["panics a while after its start, again and again", "setTimeout(async () => { (undefined as any).x() }, 250)"],
    ["computes for ever at its start", "while (true) ds.millis()"],
    ["never starts its resident", "while (true) await ds.sleep(1000)"],
].map(([what, more]) => ({ what: `a base that ${what}`, more, wanted: "one", state: "rolledBack", happen: firstLine }))

const FAULTS: Fault[] = [
    ...BAD_BASES,
    {
        what: "a base whose resident cannot reach the server",
        wanted: "one",
        state: "rolledBack",
        happen: async scene => {
            await scene.board.waitForLog(/^\* stop program/, WAIT_MS)
            scene.line.letOnly(ADAPTER)
            return firstLine(scene)
        },
    },
    {
        what: "a line that breaks three times in the middle of the deploy",
        wanted: "two",
        state: "succeeded",
        happen: async ({ board, line }) => {
            for (const bytes of [12_000, 30_000, 44_000]) {
                line.cutAfter(bytes)
                await until("the cut", async () => line.cuts, cuts => cuts > 0, WAIT_MS)
                line.cuts = 0
            }
            return (await board.waitForLog(/connecting/, WAIT_MS)).tMs
        },
    },
]

/** One fault on a server of its own. */
async function runFault(fault: Fault, n: number): Promise<FaultResult> {
    const bench = await ColdBench.open({ logLevel: "silent", timings: TIMINGS })
    try {
        return await run(fault, n, bench, bench.cloud.url)
    } finally {
        await bench.close()
    }
}

async function run(fault: Fault, n: number, bench: ColdBench, url: string): Promise<FaultResult> {
    const line = await CutLine.to(url)
    try {
        const [one, next] = [await bench.base("one", "1.0.0"), await bench.base("two", "2.0.0", coldMain("two", fault.more))]
        await bench.release(one, next, 1)
        const { board, id } = await bench.started(one, { deviceId: `12abdd2233${(0x100000 + n).toString(16)}`, settings: { hUrl: line.url } })
        await bench.cloud.must(202, "POST", `/devices/${id}/update`, { version: next.version })
        const fromMs = await fault.happen({ bench, board, id, line, next })
        const begins = await board.waitForLog(new RegExp(`app ${fault.wanted}`), WAIT_MS)
        line.letOnly(undefined)
        const command = async () => (await bench.shown(id)).commands[0]
        const { state, code } = await until("the end of the command", command, c => c.state === fault.state, WAIT_MS).catch(command)
        // It stays, and the server hears of it.
        const base = fault.wanted === "one" ? one : next
        const shown = await until("the base's report", () => bench.shown(id), d => d.actual?.base === base.baseId && d.actual.state !== "trial", WAIT_MS).catch(() => bench.shown(id))
        const runs = [one, next].find(b => b.baseId === shown.actual?.base)?.name ?? "nothing known"
        return { what: fault.what, runs, wanted: fault.wanted, settledMs: Math.round(begins.tMs - fromMs), state, code, ok: runs === fault.wanted && state === fault.state }
    } finally {
        await line.close()
    }
}

/** The server's process is killed in the middle, and started again on the same store a little later. */
const SERVER_FAULTS: (Omit<Fault, "happen"> & { readonly when: (scene: Scene) => Promise<unknown> })[] = [
    { what: "a server that is killed in the middle of the deploy", wanted: "two", state: "succeeded", when: ({ board }) => board.waitForLog(/^\* stop program/, WAIT_MS) },
    { what: "a server that is killed while a bad base has not confirmed", more: ";(undefined as any).x()", wanted: "one", state: "rolledBack", when: firstLine },
]
const AWAY_MS = 3_000

async function runServerFault({ when, ...fault }: (typeof SERVER_FAULTS)[number], n: number): Promise<FaultResult> {
    const dataDir = await temporaryFolder()
    let server: ServerProcess = await beginProcess(dataDir, { timings: TIMINGS }).listening
    const { url, adminToken } = server
    const bench = await ColdBench.at({ url, adminToken, must: operator(url, adminToken).must, done: () => server.kill() })
    try {
        const happen = async (scene: Scene): Promise<number> => {
            await when(scene)
            const atMs = performance.now()
            await server.kill()
            await new Promise(resolve => setTimeout(resolve, AWAY_MS))
            server = await beginProcess(dataDir, { timings: TIMINGS, port: Number(new URL(url).port) }).listening
            return atMs
        }
        return await run({ ...fault, happen }, n, bench, url)
    } finally {
        await bench.close()
        await rm(dataDir, { recursive: true, force: true })
    }
}

export async function faults(say: (text: string) => void): Promise<FaultResult[]> {
    const results: FaultResult[] = []
    const tell = (result: FaultResult): void => {
        results.push(result)
        const { ok, what, runs, settledMs, state, code } = result
        say(`  ${ok ? "ok  " : "FAIL"} ${what}: ${runs} runs after ${settledMs} ms (${state}${code === null ? "" : `, ${code}`})`)
    }
    for (const [n, fault] of FAULTS.entries()) tell(await runFault(fault, n))
    for (const [n, fault] of SERVER_FAULTS.entries()) tell(await runServerFault(fault, FAULTS.length + n))
    return results
}
