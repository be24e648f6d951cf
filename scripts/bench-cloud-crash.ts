/**
 * The server killed at many random moments of a rollout:
 *
 *   npx tsx scripts/bench-cloud-crash.ts [--points 1000] [--seed 1] [--json]
 */
import { parseArgs } from "node:util"
import { runCrashPoints } from "../test/support/cloud-crash.ts"

const { values } = parseArgs({
    options: {
        points: { type: "string", default: "1000" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
    },
})
const seed = Number(values.seed)
const result = await runCrashPoints(Number(values.points), seed)
const ok = result.doubleGrants + result.lostFinalStates + result.notConverged === 0
if (values.json) console.log(JSON.stringify({ ok, seed, ...result }))
else console.log(`${ok ? "ok" : "NOT ok"}: ${JSON.stringify(result)} (seed ${seed})`)
process.exit(ok ? 0 : 1)
