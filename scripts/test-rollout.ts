/**
 * What rollouts promise, measured:
 *
 *   npm run test:rollout -- [--json] [--ids 1000000] [--runs 10000] [--seed 1]
 *
 * 1. stickiness and independence of buckets;
 * 2. how often the gate stops a healthy release, with and without a control group;
 * 3. how many devices a release that fails on a fifth of them reaches;
 * 4. on a running server: from the failed gate to no more grants.
 */
import { parseArgs } from "node:util"
import { SeededRandom } from "../sim/seeded-random.ts"
import { measureLiveStop } from "./rollout/live-stop.ts"
import type { Release } from "./rollout/simulate.ts"
import { runRollout } from "./rollout/simulate.ts"
import { measureStickiness } from "./rollout/stickiness.ts"

const { values } = parseArgs({
    options: {
        json: { type: "boolean", default: false },
        ids: { type: "string", default: "1000000" },
        runs: { type: "string", default: "10000" },
        boards: { type: "string", default: "400" },
        seed: { type: "string", default: "1" },
    },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
const say = (text: string): void => void (values.json || console.log(text))
const round = (value: number, digits = 3): number => Number(value.toFixed(digits))

say("buckets")
const sticky = measureStickiness(Number(values.ids), values.seed)

say("healthy releases")
const healthy: Omit<Release, "controlPercent" | "controlRate"> = { devices: 500, badRate: 0.01, grantsPerLook: 10 }
const falseStops = (release: Release, salt: number): number => {
    const draw = drawer(salt)
    let stops = 0
    for (let n = 0; n < runs; n++) if (runRollout(release, draw).stopped) stops++
    return stops
}
const falseStopPercent = {
    baseline: round((falseStops({ ...healthy, controlRate: 0, controlPercent: 0 }, 1) / runs) * 100),
    control: round((falseStops({ ...healthy, controlRate: 0.01, controlPercent: 30 }, 2) / runs) * 100),
    /** Everything fails now and then: only the comparison knows. */
    controlBadDay: round((falseStops({ ...healthy, badRate: 0.05, controlRate: 0.05, controlPercent: 50 }, 3) / runs) * 100),
}

say("a release that fails on a fifth of the devices")
const exposure = (grantsPerLook: number, controlPercent: number, salt: number) => {
    const draw = drawer(salt)
    const outcomes = Array.from({ length: 2_000 }, () => runRollout({ devices: 1_000, badRate: 0.2, controlRate: 0.01, controlPercent, grantsPerLook }, draw))
    const exposed = outcomes.map(outcome => outcome.exposed).sort((a, b) => a - b)
    const bad = outcomes.map(outcome => outcome.bad).sort((a, b) => a - b)
    const at = (list: number[], share: number): number => list[Math.floor(list.length * share)]
    return {
        stoppedPercent: round((outcomes.filter(outcome => outcome.stopped).length / outcomes.length) * 100),
        exposedMedian: at(exposed, 0.5),
        exposedP95: at(exposed, 0.95),
        failedMedian: at(bad, 0.5),
    }
}
const exposed = { oneByOne: exposure(1, 0, 4), tenAtATime: exposure(10, 0, 5), tenWithControl: exposure(10, 30, 6) }

say("a bad release on a running server")
const live = await measureLiveStop(Number(values.boards), 0.2, drawer(7))

const checks = {
    fivePercent: Math.abs(sticky.percent5 - 5) <= 0.1,
    noneLeaves: sticky.left === 0 && sticky.changed === 0,
    independent: Math.abs(sticky.overlapPercent - 10) <= 0.5 && Math.abs(sticky.correlation) <= 0.005,
    falseStops: Object.values(falseStopPercent).every(percent => percent <= 1),
    badIsStopped: Object.values(exposed).every(({ stoppedPercent }) => stoppedPercent >= 99),
    stopsIn2S: live.lastGrantMs <= 2_000 && live.lastToldMs <= 2_000,
}
const ok = Object.values(checks).every(Boolean)
const result = {
    ok,
    checks,
    seed,
    stickiness: { ...sticky, percent5: round(sticky.percent5, 4), overlapPercent: round(sticky.overlapPercent), correlation: round(sticky.correlation, 5) },
    healthyRollouts: runs,
    falseStopPercent,
    exposure: exposed,
    live,
}
if (values.json) console.log(JSON.stringify(result))
else console.log(JSON.stringify(result, null, 2))
process.exit(ok ? 0 : 1)

function drawer(salt: number): () => number {
    const random = new SeededRandom(seed * 1_000 + salt)
    return () => random.next()
}
