/**
 * The server's process killed with SIGKILL at many random moments, of its start too, while rollouts run:
 *
 *   npm run bench:crash -- [--points 1000] [--seed 1] [--json]
 *
 * A thousand take some twenty minutes: parts with other seeds are as good (`--points 250 --seed 2`).
 */
import { parseArgs } from "node:util"
import { runKills } from "../test/support/cloud-kills.ts"
import { plainServer } from "./cloud-bench/plain-server.ts"

const { values } = parseArgs({
    options: {
        points: { type: "string", default: "1000" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
    },
})
const seed = Number(values.seed)
if (!values.json) console.log(`seed ${seed}`)
const server = await plainServer()
try {
    const result = await runKills({ points: Number(values.points), seed, command: [server.entry], say: text => void (values.json || console.log(text)) })
    const ok = result.points === Number(values.points) && result.ends > 0 && result.doubleGrants + result.lostFinalStates + result.notConverged === 0
    if (values.json) console.log(JSON.stringify({ ok, seed, ...result }))
    else console.log(`${ok ? "ok" : "NOT ok"}: ${JSON.stringify(result)} (seed ${seed})`)
    process.exitCode = ok ? 0 : 1
} finally {
    await server.remove()
}
