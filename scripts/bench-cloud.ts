/**
 * What the server promises, measured on this machine.
 *
 *   npm run bench:cloud -- [--json] [--only load,kill] [--skip gate] [--boards 10000] [--seconds 10] [--ids 1000000] [--points 50] [--seed 1]
 *
 * - `load`: polls, held polls, commands and a rollout on one server process (bench-cloud-load.ts)
 * - `kill`: what devices reported survives SIGKILL 5 s later
 * - `buckets`: a share of 5 % of many ids, and who leaves when a percentage grows
 * - `gate`: from the failed gate to no more grants, on a running server
 * - `reads`: reads of an image's blob by fleets of several sizes
 * - `crash`: the server killed with SIGKILL at random moments of rollouts; a second or so for each, so that a
 *   thousand are better asked of `npm run bench:crash`, which has the same checks
 */
import { parseArgs } from "node:util"
import { SeededRandom } from "../sim/seeded-random.ts"
import { measureLoad } from "./bench-cloud-load.ts"
import { runKills } from "../test/support/cloud-kills.ts"
import { measureImageReads } from "./cloud-bench/image-reads.ts"
import { plainServer } from "./cloud-bench/plain-server.ts"
import { measureSurvival } from "./cloud-bench/survival.ts"
import { measureLiveStop } from "./rollout/live-stop.ts"
import { measureStickiness } from "./rollout/stickiness.ts"

const { values } = parseArgs({
    options: {
        json: { type: "boolean", default: false },
        only: { type: "string" },
        skip: { type: "string", default: "" },
        boards: { type: "string", default: "10000" },
        seconds: { type: "string", default: "10" },
        commands: { type: "string", default: "500" },
        inflight: { type: "string", default: "64" },
        ids: { type: "string", default: "1000000" },
        points: { type: "string", default: "50" },
        seed: { type: "string", default: "1" },
    },
})
const say = (text: string): void => void (values.json || console.log(text))

const PARTS = ["load", "kill", "buckets", "gate", "reads", "crash"]
const listed = (text: string): string[] => text.split(",").filter(part => part !== "")
const skipped = listed(values.skip)
const chosen = listed(values.only ?? PARTS.join(",")).filter(part => !skipped.includes(part))
const unknown = [...chosen, ...skipped].find(part => !PARTS.includes(part))
if (unknown !== undefined || chosen.length === 0) {
    console.error(`${unknown === undefined ? "nothing is left to measure" : `there is no part ${unknown}`}: the parts are ${PARTS.join(", ")}`)
    process.exit(2)
}

const figures: Record<string, unknown> = {}
const checks: Record<string, boolean> = {}

if (chosen.includes("load")) {
    const load = await measureLoad({
        boards: Number(values.boards),
        seconds: Number(values.seconds),
        commands: Number(values.commands),
        inflight: Number(values.inflight),
        say,
    })
    Object.assign(figures, load)
    checks.polls = load.pollsPerS >= 3400 && load.pollP99Ms <= 50
    checks.heldMemory = load.bytesPerHeldBoard <= 40 * 1024
    checks.commands = load.commandP99Ms <= 250
}
if (chosen.includes("kill")) {
    say("SIGKILL 5 s after the last report")
    const survival = await measureSurvival(200)
    figures.survival = survival
    checks.survival = survival.lost === 0
}
if (chosen.includes("buckets")) {
    say(`buckets of ${values.ids} ids`)
    const { ids, percent5, left, changed } = measureStickiness(Number(values.ids), values.seed)
    figures.buckets = { ids, percent5, left, changed }
    checks.buckets = Math.abs(percent5 - 5) <= 0.1 && left === 0 && changed === 0
}
if (chosen.includes("gate")) {
    say("a release that fails on a fifth of the boards")
    const random = new SeededRandom(Number(values.seed) * 1_000 + 7)
    const stop = await measureLiveStop(400, 0.2, () => random.next())
    figures.gate = stop
    checks.gate = stop.lastGrantMs <= 2_000 && stop.lastToldMs <= 2_000
}
if (chosen.includes("reads")) {
    say("reads of one image")
    const reads: Awaited<ReturnType<typeof measureImageReads>>[] = []
    for (const boards of [1, 20, 200]) reads.push(await measureImageReads(boards))
    figures.imageReads = reads
    checks.imageReads = reads.every(({ reads: count }) => count === reads[0].reads && count > 0)
}
if (chosen.includes("crash")) {
    const points = Number(values.points)
    say(`SIGKILL at ${points} random moments`)
    const server = await plainServer()
    try {
        const startMs = performance.now()
        const result = await runKills({ points, seed: Number(values.seed), command: [server.entry] })
        const msPerPoint = Math.round((performance.now() - startMs) / points)
        figures.crash = { ...result, msPerPoint, more: "npm run bench:crash -- --points 1000 --json" }
        checks.crash = result.points === points && result.ends > 0 && result.doubleGrants + result.lostFinalStates + result.notConverged === 0
    } finally {
        await server.remove()
    }
}

const ok = Object.values(checks).every(Boolean)
if (values.json) console.log(JSON.stringify({ ok, checks, parts: chosen, ...figures }))
else {
    for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    for (const [name, held] of Object.entries(checks)) console.log(`${name.padEnd(24)} ${held ? "within the limit" : "NOT within the limit"}`)
}
process.exit(ok ? 0 : 1)
