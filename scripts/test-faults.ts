/**
 * Everything that can go wrong around an update, on simulated boards with a faulty network; the app goes on in all of it.
 *
 *   npm run test:faults -- [--seed 1] [--json] [--part cases|wire|heap|fleet] [--only CASE] [--fleet 100]
 */
import { openBench, openLinkedBench } from "./faults/bench.ts"
import { cases, type FaultCase } from "./faults/cases.ts"
import { fleetRestart } from "./faults/fleet.ts"
import { heapPeak, wireBytes } from "./faults/wire.ts"
import type { CaseContext } from "./faults/bench.ts"
import { largestImageBytes } from "../toolchain/format/budget.ts"

const AT_ONCE = 4
const HEAP_MAX_BYTES = 4096
const json = process.argv.includes("--json")
const seed = Number(option("--seed") ?? 1)
const only = option("--only")
const part = option("--part") ?? (only ? "cases" : undefined)
const does = (name: string) => part === undefined || part === name
/** Of images: the smallest that is downloaded in one chunk, and the largest that the budget of any chip allows. */
const IMAGE_BYTES = [1024, largestImageBytes]
const fleetSize = Number(option("--fleet") ?? 100)
const say = (text: string) => void (json || process.stdout.write(`${text}\n`))

function option(name: string): string | undefined {
    const at = process.argv.indexOf(name)
    return at < 0 ? undefined : process.argv[at + 1]
}

async function inBench<T>(use: (context: CaseContext) => Promise<T>, open = openBench): Promise<T> {
    const bench = await open()
    try {
        return await use({ bench, seed, start: options => bench.started({ seed, ...options }) })
    } finally {
        await bench.close()
    }
}

interface Outcome {
    name: string
    ends: string
    ok: boolean
    ms: number
    error?: string
}

async function runCase(fault: FaultCase): Promise<Outcome> {
    const startMs = performance.now()
    const outcome = { name: fault.name, ends: fault.ends }
    const ms = () => Math.round(performance.now() - startMs)
    try {
        await inBench(context => fault.run(context))
        return { ...outcome, ok: true, ms: ms() }
    } catch (e) {
        return { ...outcome, ok: false, ms: ms(), error: e instanceof Error ? e.message : String(e) }
    }
}

const startMs = performance.now()
await (await openBench()).close()
const wanted = does("cases") ? cases.filter(c => !only || c.name.includes(only)) : []
const outcomes: Outcome[] = []
const queue = [...wanted]
await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
            const outcome = await runCase(next)
            outcomes.push(outcome)
            say(`${outcome.ok ? "ok  " : "FAIL"} ${String(outcome.ms).padStart(6)} ms  ${outcome.name}: ${outcome.ends}${outcome.error ? `\n${outcome.error}` : ""}`)
        }
    }),
)

const wire = []
if (does("wire")) for (const bytes of IMAGE_BYTES) wire.push(await inBench(c => wireBytes(c, bytes)))
for (const w of wire) say(`image of ${w.imageBytes} B, ${w.interruptions} interruptions: ${w.wireBytes} B on the wire, limit ${w.limitBytes}`)
const heap = []
// of a linked base, which is what boards have
if (does("heap")) for (const bytes of IMAGE_BYTES) heap.push(await inBench(c => heapPeak(c, bytes), openLinkedBench))
for (const h of heap) say(`image of ${h.imageBytes} B: heap ${h.idleBytes} B idle, ${h.peakBytes} B at the peak of a download, ${h.addedBytes} B more`)
const fleet = !does("fleet") || !fleetSize ? undefined : await inBench(c => fleetRestart(c, fleetSize))
if (fleet) {
    say(`${fleet.boards} boards restarted at once, ${fleet.requests} requests in ${fleet.seconds} s:`)
    for (const w of fleet.windows) say(`  at most ${w.maxInWindow} in ${w.windowS} s, steady ${w.steadyInWindow}`)
}

const failures = outcomes.filter(o => !o.ok).length
const ok =
    failures === 0 &&
    wire.every(w => w.wireBytes <= w.limitBytes) &&
    heap.every(h => h.addedBytes <= HEAP_MAX_BYTES) &&
    (!fleet || fleet.windows.every(w => w.maxInWindow <= 2 * w.steadyInWindow))
/** What is above 1 KB, as a part of the image. */
const wireRatio = wire.length ? Math.max(...wire.map(w => (w.wireBytes - 1024) / w.imageBytes)) : undefined
const heapPeakBytes = heap.length ? Math.max(...heap.map(h => h.addedBytes)) : undefined
const summary = { ok, seed, cases: outcomes.length, failures, wireRatio, heapPeakBytes, durationS: Math.round((performance.now() - startMs) / 1000) }
if (json) process.stdout.write(`${JSON.stringify({ ...summary, outcomes, wire, heap, fleet })}\n`)
else say(`cases ${outcomes.length}, failures ${failures}${ok ? "" : "; NOT OK"}, ${summary.durationS} s`)
process.exitCode = ok ? 0 : 1
