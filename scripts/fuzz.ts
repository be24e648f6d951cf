/**
 * Property-based fuzzing of everything that reads bytes from outside. The same seed gives the same inputs.
 *
 * `npm run fuzz -- --seed 1 [--count 100000] [--only NAME] [--json]`
 *
 * Each target runs in a process of its own, as many at once as there are processors: one that hangs or crashes is a
 * finding of that target, and the others go on.
 */
import { execFile } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { boardManifest, boardVerifier, imageLoader } from "./fuzz/board.ts"
import { busFuzz } from "./fuzz/bus.ts"
import { ddiFuzz } from "./fuzz/ddi.ts"
import { deviceApiFuzz } from "./fuzz/device-api.ts"
import { bundleParser, hostParsers, hostVerifier } from "./fuzz/host-parsers.ts"
import type { FuzzResult, FuzzTarget } from "./fuzz/target.ts"

const { values } = parseArgs({
    options: {
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        count: { type: "string", default: "100000" },
        only: { type: "string" },
        json: { type: "boolean", default: false },
    },
})

type Report = FuzzResult & { readonly perSecond: number; readonly seconds: number }

/** The slowest is asked for 50 inputs a second, on a machine that does other things too. */
const SECONDS_MAX_BASE = 180
const INPUTS_PER_SECOND_MIN = 50
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024

const seed = Number(values.seed)
const count = Number(values.count)
if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1) throw new RangeError("--seed and --count are whole numbers")
// The slow ones first, so that no processor is without work at the end.
const targets: readonly FuzzTarget[] = [boardVerifier, busFuzz, ddiFuzz, deviceApiFuzz, imageLoader, ...hostParsers, bundleParser, hostVerifier, boardManifest]
const chosen = targets.filter(({ name }) => values.only === undefined || name.includes(values.only))
const alone = chosen.find(({ name }) => name === values.only)

const reports: Record<string, Report> = {}
if (alone) reports[alone.name] = await runHere(alone)
else {
    const waiting = [...chosen]
    const worker = async () => {
        for (let target = waiting.shift(); target; target = waiting.shift()) {
            reports[target.name] = await runApart(target)
            if (!values.json) say(target.name, reports[target.name])
        }
    }
    await Promise.all(Array.from({ length: availableParallelism() }, worker))
}
const findings = Object.values(reports).reduce((sum, report) => sum + report.findings.length, 0)
const inputs = Object.values(reports).reduce((sum, report) => sum + report.inputs, 0)
if (values.json) console.log(JSON.stringify({ seed, ok: findings === 0 && chosen.length > 0, inputs, findings, targets: reports }, null, 2))
else {
    if (alone) say(alone.name, reports[alone.name])
    console.log(`seed ${seed}, inputs ${inputs}, findings ${findings}`)
}
process.exit(findings || chosen.length === 0 ? 1 : 0)

async function runHere(target: FuzzTarget): Promise<Report> {
    const startMs = performance.now()
    const result = await target.run(seed, Math.max(1, Math.round(count * target.share)))
    const seconds = (performance.now() - startMs) / 1000
    return { ...result, perSecond: Math.round(result.inputs / seconds), seconds: Math.round(seconds * 10) / 10 }
}

/** Its process ends by itself, or by this deadline. */
function runApart(target: FuzzTarget): Promise<Report> {
    const timeoutS = SECONDS_MAX_BASE + Math.ceil((count * target.share) / INPUTS_PER_SECOND_MIN)
    const startMs = performance.now()
    const args = [...process.execArgv, fileURLToPath(import.meta.url), "--seed", String(seed), "--count", String(count), "--only", target.name, "--json"]
    return new Promise(resolve => {
        execFile(process.execPath, args, { timeout: timeoutS * 1000, killSignal: "SIGKILL", maxBuffer: OUTPUT_MAX_BYTES }, (error, stdout, stderr) => {
            const report = readReport(stdout, target.name)
            if (report) return resolve(report)
            const seconds = Math.round((performance.now() - startMs) / 100) / 10
            const how = error?.killed ? `hung: not done after ${timeoutS} s` : `crashed: ${stderr.trim().slice(-500) || error?.message}`
            resolve({ inputs: 0, outcomes: {}, findings: [how], perSecond: 0, seconds })
        })
    })
}

/** Undefined when the process did not come to its end. */
function readReport(stdout: string, name: string): Report | undefined {
    try {
        return (JSON.parse(stdout) as { targets: Record<string, Report> }).targets[name]
    } catch {
        return undefined
    }
}

function say(name: string, { inputs, perSecond, outcomes, findings }: Report): void {
    console.log(`${findings.length ? "FAIL" : "ok  "} ${name}: ${inputs} inputs, ${perSecond}/s ${JSON.stringify(outcomes)}`)
    for (const finding of findings) console.log(`     ${finding}`)
}
