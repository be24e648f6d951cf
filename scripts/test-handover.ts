/**
 * Deterministic simulation of handovers, judged by an independent checker.
 *
 *   npm run test:handover -- [--seeds 10000] [--first 1] [--json]
 *   npm run test:handover -- --seed 4711 --log          one run, with its log
 *   npm run test:handover -- --sweep 3                  die at every boundary of three runs, each victim
 *   npm run test:handover -- --mutations                break the protocol on purpose: each must be found
 */
import { parseArgs } from "node:util"
import { MUTATIONS, type Mutation } from "./handover-simulation/mutations.ts"
import { runHandover, type RunResult, type Victim } from "./handover-simulation/run.ts"

const { values } = parseArgs({
    options: {
        seeds: { type: "string", default: "1000" },
        first: { type: "string", default: "1" },
        seed: { type: "string" },
        sweep: { type: "string" },
        mutation: { type: "string" },
        mutations: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        log: { type: "boolean", default: false },
    },
})
const startMs = performance.now()
const first = Number(values.first)
const seeds = Number(values.seeds)
const totals = { runs: 0, kills: 0, aborted: 0, gaveUp: 0, finished: 0, shared: 0, boundaries: 0, violations: 0, failedSeeds: [] as string[] }

if (values.seed !== undefined) {
    const result = runHandover({ seed: Number(values.seed), mutation: (values.mutation as Mutation) ?? null })
    if (values.log) for (const entry of result.log) console.log(JSON.stringify(entry))
    console.log(JSON.stringify({ ...result, log: undefined }))
    process.exit(result.violations.length > 0 ? 1 : 0)
}
if (values.mutations) {
    const found: Record<string, { seed: number; violation: string } | null> = {}
    for (const mutation of Object.keys(MUTATIONS) as Mutation[]) {
        found[mutation] = null
        for (let seed = first; seed < first + seeds; seed++) {
            const { violations } = runHandover({ seed, mutation })
            if (violations.length === 0) continue
            found[mutation] = { seed, violation: violations[0] }
            break
        }
        if (!values.json) console.log(`${mutation}: ${found[mutation] === null ? "NOT FOUND" : `seed ${found[mutation].seed}: ${found[mutation].violation}`}`)
    }
    const missed = Object.entries(found).filter(([, by]) => by === null).map(([mutation]) => mutation)
    if (values.json) console.log(JSON.stringify({ ok: missed.length === 0, missed, found }))
    process.exit(missed.length === 0 ? 0 : 1)
}
if (values.sweep !== undefined) {
    for (let seed = first; seed < first + Number(values.sweep); seed++)
        for (const shared of [false, true]) {
            const { boundaries } = runHandover({ seed, kill: null, shared })
            for (let boundary = 1; boundary <= boundaries; boundary++)
                for (const victim of ["current", "next", "both"] as Victim[]) count(runHandover({ seed, kill: { boundary, victim }, shared }), `seed ${seed} ${shared ? "shared" : "apart"} ${victim}@${boundary}`)
        }
} else for (let seed = first; seed < first + seeds; seed++) count(runHandover({ seed }), `seed ${seed}`)

function count(result: RunResult, name: string): void {
    totals.runs++
    totals.kills += result.kills
    totals.boundaries += result.boundaries
    if (result.aborted) totals.aborted++
    if (result.gaveUp) totals.gaveUp++
    if (result.phases.includes("done")) totals.finished++
    if (result.shared) totals.shared++
    totals.violations += result.violations.length
    if (result.violations.length > 0) {
        if (totals.failedSeeds.length < 20) totals.failedSeeds.push(name)
        if (!values.json && totals.failedSeeds.length <= 5) console.log(`${name}:\n  ${result.violations.slice(0, 4).join("\n  ")}`)
    }
}

const result = { ok: totals.violations === 0, ...totals, seconds: Number(((performance.now() - startMs) / 1000).toFixed(1)) }
console.log(values.json ? JSON.stringify(result) : Object.entries(result).map(([name, value]) => `${name.padEnd(14)} ${Array.isArray(value) ? value.join(", ") || "none" : value}`).join("\n"))
process.exit(result.ok ? 0 : 1)
