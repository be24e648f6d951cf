/**
 * Differential proof: random programs, each run as the stock compiler built it, with idle preludes, with all functions
 * replaced and with about half of them replaced; a share of them also with a garbage collection at every allocation.
 * Everything printed must be equal.
 *
 * `npm run test:differential -- --seed 1 --count 500 [--batch 5] [--json] [--source SEED]`
 */
import { parseArgs } from "node:util"
import { compareBatch, type Difference } from "./differential/compare.ts"
import { randomProgram } from "./differential/program.ts"

const { values } = parseArgs({
    options: {
        seed: { type: "string", default: "1" },
        count: { type: "string", default: "500" },
        batch: { type: "string", default: "5" },
        json: { type: "boolean", default: false },
        source: { type: "string" },
    },
})

if (values.source !== undefined) {
    console.log(randomProgram(Number(values.source)))
    process.exit(0)
}

const seed = Number(values.seed)
const count = Number(values.count)
const batchSize = Number(values.batch)
/** every so many batches run under GC stress too */
const gcStressEvery = 5

const differences: Difference[] = []
const totals = { programs: 0, gcStress: 0, lines: 0, functions: 0, instructions: 0, seconds: 0 }
const start = performance.now()
for (let from = 0, batch = 0; from < count; from += batchSize, batch++) {
    const seeds = Array.from({ length: Math.min(batchSize, count - from) }, (_, i) => seed + from + i)
    const gcStress = batch % gcStressEvery === 0
    const result = await compareBatch(seeds, gcStress).catch((e: Error) => {
        throw new Error(`programs ${seeds[0]} to ${seeds[seeds.length - 1]}: ${e.message}`)
    })
    differences.push(...result.differences)
    totals.programs += result.programs
    totals.gcStress += gcStress ? result.programs : 0
    totals.lines += result.lines
    totals.functions += result.functions
    totals.instructions += result.instructions
    if (!values.json)
        for (const d of result.differences) console.log(`program ${d.seed}, ${d.way}:\n  native ${d.native}\n  other  ${d.other}`)
}
totals.seconds = Math.round((performance.now() - start) / 100) / 10
if (values.json) console.log(JSON.stringify({ seed, ...totals, differences }))
else {
    const { programs, gcStress, functions, instructions, lines, seconds } = totals
    console.log(`seed ${seed}, programs ${programs} (${gcStress} of them under GC stress too), differences ${differences.length}`)
    console.log(`${functions} functions, ${instructions} instructions, ${lines} lines compared in each way, ${seconds} s`)
}
process.exit(differences.length ? 1 : 0)
