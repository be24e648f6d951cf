import { readdirSync } from "node:fs"
import { availableParallelism } from "node:os"
import { runFiles } from "./support/run-files.ts"

/**
 * Runs every test file, one more at a time than there are cores, as much of a test is waiting for a board's clock, and sums up.
 * `npm test -- NAME…` runs only the files whose names contain one of the words; with `--gc-stress` boards collect their heap at
 * each allocation.
 */
const env = process.argv.includes("--gc-stress") ? { HANDOVER_SIM_GC_STRESS: "1" } : undefined
const words = process.argv.slice(2).filter(a => !a.startsWith("-"))
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter(f => f.endsWith(".test.ts") && !/^(device|corpus|programs)[/\\]/.test(f))
    .filter(f => words.length === 0 || words.some(w => f.includes(w)))
    .sort()
const sums = await runFiles(files, { lanes: availableParallelism() + 1, env })
if (sums.skipped) process.stdout.write(`${sums.skipped} skipped; each says why when its file is run alone\n`)
for (const file of sums.passedAlone) process.stdout.write(`failed beside other files and passed alone: ${file}\n`)
process.stdout.write(`${sums.passed} passed, ${sums.failed} failed\n`)
process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0
