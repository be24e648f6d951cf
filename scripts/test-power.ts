/**
 * Cuts power at every flash operation of updates, trials, rollbacks and recoveries, on both chips.
 *
 *   npm run test:power -- [--json] [--seed 1] [--quick]
 */
import { CHIPS, type ChipName } from "../sim/index.ts"
import { powerFirmware } from "./power/firmware.ts"
import { scenarios } from "./power/scenarios.ts"
import { sweep, type SweepResult } from "./power/sweep.ts"
import { wear } from "./power/wear.ts"

const json = process.argv.includes("--json")
const quick = process.argv.includes("--quick")
const seed = Number(option("--seed") ?? 1)
const sizes = quick ? [1024] : [1024, 2048]
const say = (text: string) => void (json || process.stdout.write(`${text}\n`))

function option(name: string): string | undefined {
    const at = process.argv.indexOf(name)
    return at < 0 ? undefined : process.argv[at + 1]
}

const sum = (results: SweepResult[], of: (r: SweepResult) => number) => results.reduce((total, r) => total + of(r), 0)

const program = await powerFirmware()
const chips = Object.keys(CHIPS) as ChipName[]
const results: SweepResult[] = []
const startMs = performance.now()
say("chip    size  scenario                     ops  erases  cuts  wrong  formats (healed, for ever)  torn sizes (lost)")
for (const chip of chips)
    for (const sizeBytes of sizes)
        for (const scenario of scenarios(sizeBytes)) {
            const r = await sweep({ chip, program, scenario, sizeBytes, seed, quick, pairs: quick ? 2 : 12 })
            results.push(r)
            say(
                `${chip.padEnd(7)} ${String(sizeBytes).padStart(4)}  ${scenario.name.padEnd(28)} ${pad(r.operations, 3)} ${pad(r.erases, 7)} ${pad(r.cuts, 5)} ${pad(r.wrong.length, 6)} ${pad(r.storeFormats, 8)} (${r.storeFormatsHealed}, ${r.storeFormatsForEver})  ${r.storeTornSizes} (${r.storeTornSizesLost})`,
            )
            for (const wrong of r.wrong) say(`  WRONG ${wrong}`)
        }

const updates = quick ? 30 : 120
const wears = []
for (const chip of chips) for (const sizeBytes of [1024, 2048]) wears.push(await wear(chip, program, sizeBytes, updates))

const plain = (chip: ChipName, sizeBytes: number) => results.find(r => r.chip === chip && r.sizeBytes === sizeBytes && r.scenario === "update over another")
const perUpdate = chips.flatMap(chip =>
    sizes.map(sizeBytes => {
        const r = plain(chip, sizeBytes) as SweepResult
        return { chip, sizeBytes, writes: r.writes, operations: r.operations, exposedUs: r.exposedUs }
    }),
)
const rollback = results.find(r => r.scenario === "rollback of an exception") as SweepResult
const summary = {
    ok: results.every(r => r.wrong.length === 0),
    seed,
    quick,
    cuts: sum(results, r => r.cuts),
    wrong: sum(results, r => r.wrong.length),
    storeFormats: sum(results, r => r.storeFormats),
    storeFormatsHealed: sum(results, r => r.storeFormatsHealed),
    storeFormatsForEver: sum(results, r => r.storeFormatsForEver),
    storeTornSizes: sum(results, r => r.storeTornSizes),
    storeTornSizesLost: sum(results, r => r.storeTornSizesLost),
    writesPerUpdate: perUpdate,
    writesPerRollback: rollback.writes,
    erasesPer1000Updates: wears,
    durationS: Math.round((performance.now() - startMs) / 1000),
}
if (json) process.stdout.write(`${JSON.stringify({ ...summary, scenarios: results })}\n`)
else {
    say("")
    for (const p of perUpdate) say(`${p.chip} ${p.sizeBytes} B: ${p.writes} writes, ${p.operations} flash operations, exposed ${p.exposedUs} us per update`)
    say(`rollback: ${rollback.writes} writes`)
    for (const w of wears)
        say(
            `${w.chip} ${w.sizeBytes} B: ${w.erasesPer1000Updates} erases per 1,000 updates (worst sector ${w.sectorErasesPer1000Updates}); ${w.updatesWithin100000Cycles} updates within 100,000 cycles; ${w.erasesPer1000Boots} erases per 1,000 boots`,
        )
    say(`cuts ${summary.cuts}, wrong ${summary.wrong}, storeFormats ${summary.storeFormats} (healed ${summary.storeFormatsHealed}, for ever ${summary.storeFormatsForEver}), torn sizes ${summary.storeTornSizes} (lost ${summary.storeTornSizesLost}), ${summary.durationS} s`)
}
process.exitCode = summary.ok ? 0 : 1

function pad(n: number, width: number): string {
    return String(n).padStart(width)
}
