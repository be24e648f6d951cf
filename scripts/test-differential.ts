/**
 * Differential proof: random programs, each run as the stock compiler built it, with idle preludes, with all functions
 * replaced and with about half of them replaced; a share of them also with a garbage collection at every allocation.
 * Everything printed must be equal.
 *
 * `npm run test:differential -- --seed 1 --count 500 [--batch 5] [--json] [--source SEED]`
 */
import { parseArgs } from "node:util"
import { type BatchResult, compareBatch, merge } from "./differential/compare.ts"
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

const total: BatchResult = { programs: 0, lines: 0, functions: 0, instructions: 0, differences: [], unfit: [] }
let underGcStress = 0
const start = performance.now()
let next = seed
for (let batch = 0; total.programs < count; batch++) {
    const seeds = Array.from({ length: Math.min(batchSize, count - total.programs) }, () => next++)
    const gcStress = batch % gcStressEvery === 0
    const result = await compareBatch(seeds, gcStress).catch((e: Error) => {
        throw new Error(`programs ${seeds[0]} to ${seeds[seeds.length - 1]}: ${e.message}`)
    })
    merge(total, result)
    if (gcStress) underGcStress += result.programs
    if (!values.json)
        for (const d of result.differences) console.log(`program ${d.seed}, ${d.way}:\n  native ${d.native}\n  other  ${d.other}`)
}
const seconds = Math.round((performance.now() - start) / 100) / 10
if (values.json) console.log(JSON.stringify({ seed, ...total, underGcStress, seconds }))
else {
    const { programs, functions, instructions, lines, unfit, differences } = total
    console.log(`seed ${seed}, programs ${programs} (${underGcStress} of them under GC stress too), differences ${differences.length}`)
    console.log(`${functions} functions, ${instructions} instructions, ${lines} lines compared in each way, ${seconds} s`)
    if (unfit.length) console.log(`not counted: ${unfit.length} that crash the stock VM or do not fit its heap (${unfit.join(", ")})`)
}
process.exit(total.differences.length ? 1 : 0)
