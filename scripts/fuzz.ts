/**
 * Property-based fuzzing of everything that reads bytes from outside. The same seed gives the same inputs.
 *
 * `npm run fuzz -- --seed 1 [--count 100000] [--only NAME] [--json]`
 */
import { parseArgs } from "node:util"
import { boardManifest, boardVerifier, imageLoader } from "./fuzz/board.ts"
import { busFuzz } from "./fuzz/bus.ts"
import { deviceApiFuzz } from "./fuzz/device-api.ts"
import { bundleParser, hostParsers, hostVerifier } from "./fuzz/host-parsers.ts"

const { values } = parseArgs({
    options: {
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        count: { type: "string", default: "100000" },
        only: { type: "string" },
        json: { type: "boolean", default: false },
    },
})

const seed = Number(values.seed)
const targets = [...hostParsers, bundleParser, hostVerifier, imageLoader, boardManifest, boardVerifier, deviceApiFuzz, busFuzz]
const results: Record<string, object> = {}
let findings = 0
for (const target of targets.filter(({ name }) => !values.only || name.includes(values.only))) {
    const count = Math.max(1, Math.round(Number(values.count) * target.share))
    const startMs = performance.now()
    const result = await target.run(seed, count)
    const seconds = (performance.now() - startMs) / 1000
    findings += result.findings.length
    results[target.name] = { ...result, perSecond: Math.round(result.inputs / seconds), seconds: Math.round(seconds * 10) / 10 }
    if (values.json) continue
    console.log(`${result.findings.length ? "FAIL" : "ok  "} ${target.name}: ${result.inputs} inputs, ${Math.round(result.inputs / seconds)}/s ${JSON.stringify(result.outcomes)}`)
    for (const finding of result.findings) console.log(`     ${finding}`)
}
if (values.json) console.log(JSON.stringify({ seed, ok: findings === 0, targets: results }, null, 2))
else console.log(`seed ${seed}, findings ${findings}`)
process.exit(findings ? 1 : 0)
