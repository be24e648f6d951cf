/**
 * Whole bases over the air: how long no program runs, beside the stock deploy of the same image, and what is left
 * after the power was cut at every flash operation (so at every block), and twice at seeded random ones.
 *
 *   npm run test:cold -- [--json] [--seed 1] [--part downtime,cuts,double,faults] [--every 1] [--from 1] [--to N] [--pairs 200] [--boards 4]
 */
import { parseArgs } from "node:util"
import { SeededRandom } from "../sim/seeded-random.ts"
import { ColdBench } from "../test/support/cold-bench.ts"
import { coldRun, type CutResult } from "./cold/cut-run.ts"
import { faults } from "./cold/faults.ts"
import { sixteenKilobytes, wholeBase } from "./cold/downtime.ts"

const { values } = parseArgs({
    options: {
        json: { type: "boolean", default: false },
        seed: { type: "string", default: "1" },
        part: { type: "string", default: "downtime,faults,cuts,double" },
        every: { type: "string", default: "1" },
        from: { type: "string", default: "1" },
        to: { type: "string" },
        pairs: { type: "string", default: "200" },
        boards: { type: "string", default: "4" },
        runs: { type: "string", default: "5" },
    },
})
const parts = values.part.split(",")
const seed = Number(values.seed)
const say = (text: string) => void (values.json || process.stdout.write(`${text}\n`))
const summary: Record<string, unknown> = { ok: true, seed }

if (parts.includes("downtime")) {
    const runs = Number(values.runs)
    // The flash takes its typical times, 45 ms an erase and 0.7 ms a page: without them a simulated write costs nothing.
    const alone = await sixteenKilobytes(runs, true)
    const whole = await wholeBase(runs, true)
    const ratio = alone.downtimeMs / alone.stockDowntimeMs
    const wholeRatio = whole.downtimeMs / whole.stockDowntimeMs
    Object.assign(summary, { sizeBytes: alone.sizeBytes, downtimeMs: alone.downtimeMs, stockDowntimeMs: alone.stockDowntimeMs, ratio: round(ratio), wholeBase: { ...whole, ratio: round(wholeRatio) } })
    if (ratio > 1 || wholeRatio > 1) summary.ok = false
    say(`downtime of ${alone.sizeBytes} bytes: ${alone.downtimeMs} ms, stock ${alone.stockDowntimeMs} ms; of a base with its resident, ${whole.sizeBytes} bytes: ${whole.downtimeMs} ms, stock ${whole.stockDowntimeMs} ms`)
}

if (parts.includes("faults")) {
    say("what goes wrong around a new base:")
    const results = await faults(say)
    summary.faults = results
    if (results.some(r => !r.ok)) summary.ok = false
}

if (parts.includes("cuts") || parts.includes("double")) {
    const bench = await ColdBench.open({ logLevel: "silent" })
    try {
        const [one, two] = [await bench.base("one", "1.0.0"), await bench.base("two", "2.0.0")]
        await bench.release(one, two, 1)
        let number = 0
        const run = (cuts: readonly number[]) => coldRun(bench, one, two, `12abdd22${(0x10000000 + number++).toString(16)}`, cuts, { skipSleeps: true })
        const whole = await run([])
        if (whole.end !== "new") throw new Error(`the update without a cut ends ${whole.end}`)
        say(`${whole.operations} flash operations in ${whole.ms} ms without a cut`)
        const plan: number[][] = []
        if (parts.includes("cuts")) for (let n = Number(values.from); n <= Number(values.to ?? whole.operations); n += Number(values.every)) plan.push([n])
        const single = plan.length
        const random = new SeededRandom(seed)
        if (parts.includes("double")) for (let i = 0; i < Number(values.pairs); i++) plan.push([random.integer(1, whole.operations), random.integer(1, whole.operations)])
        const results: CutResult[] = new Array(plan.length)
        let next = 0
        const worker = async () => {
            while (next < plan.length) {
                const i = next++
                results[i] = await run(plan[i])
                const { end, damage, ms } = results[i]
                if (end !== "new") say(`  cut at ${plan[i].join(", then ")}: ${end} after ${ms} ms${damage.length > 0 ? ` (${damage.join(", ")})` : ""}`)
            }
        }
        await Promise.all(Array.from({ length: Number(values.boards) }, worker))
        const count = (list: readonly CutResult[], end: CutResult["end"]) => list.filter(r => r.end === end).length
        const tell = (list: readonly CutResult[]) => ({
            updates: list.length,
            cuts: list.reduce((sum, r) => sum + r.cuts, 0),
            onNewBase: count(list, "new"),
            onOldBase: count(list, "old"),
            storeFormatted: count(list, "formatted"),
            lost: count(list, "lost"),
            slowestMs: Math.max(0, ...list.map(r => r.ms)),
        })
        Object.assign(summary, {
            operations: whole.operations,
            cuts: results.reduce((sum, r) => sum + r.cuts, 0),
            lost: count(results, "lost"),
            storeFormatted: count(results, "formatted"),
            ...(single > 0 ? { everyOperation: tell(results.slice(0, single)) } : {}),
            ...(plan.length > single ? { doubleCuts: tell(results.slice(single)) } : {}),
        })
        if (count(results, "lost") > 0) summary.ok = false
    } finally {
        await bench.close()
    }
}

if (values.json) console.log(JSON.stringify(summary, null, 2))
else say(JSON.stringify(summary))
process.exit(summary.ok ? 0 : 1)

function round(value: number): number {
    return Math.round(value * 1000) / 1000
}
