/**
 * Cuts power at every flash operation of updates, trials, rollbacks and recoveries, on both chips.
 *
 *   npm run test:power -- [--json] [--seed 1] [--quick] [--chip esp32|rp2040] [--size 1024|2048] [--only SCENARIO] [--part sweep|wear|encodings]
 *
 * A board waits more than it computes, so several are swept at a time.
 */
import { CHIPS, type ChipName } from "../sim/index.ts"
import { powerFirmware } from "./power/firmware.ts"
import { exposure, PIECE_SIZES } from "./power/encodings.ts"
import { scenarios } from "./power/scenarios.ts"
import { sweep, type SweepResult } from "./power/sweep.ts"
import { wear } from "./power/wear.ts"

const json = process.argv.includes("--json")
const quick = process.argv.includes("--quick")
const seed = Number(option("--seed") ?? 1)
const only = option("--only")
const part = option("--part") ?? (only ? "sweep" : undefined)
const does = (name: string) => part === undefined || part === name
const onlySize = option("--size")
const sizes = onlySize ? [Number(onlySize)] : quick ? [1024] : [1024, 2048]
const AT_ONCE = 6
const say = (text: string) => void (json || process.stdout.write(`${text}\n`))

function option(name: string): string | undefined {
    const at = process.argv.indexOf(name)
    return at < 0 ? undefined : process.argv[at + 1]
}

const sum = (results: SweepResult[], of: (r: SweepResult) => number) => results.reduce((total, r) => total + of(r), 0)

const program = await powerFirmware()
const chips = (Object.keys(CHIPS) as ChipName[]).filter(chip => chip === (option("--chip") ?? chip))
const startMs = performance.now()
say("chip    size  scenario                     ops  erases  cuts  wrong  formats (healed, until deployed)  torn sizes (lost)")
const wanted = (does("sweep") ? chips : []).flatMap(chip => sizes.flatMap(sizeBytes => scenarios(sizeBytes).map(scenario => ({ chip, sizeBytes, scenario })))).filter(w => !only || w.scenario.name === only)
const results = await atOnce(AT_ONCE, wanted, async ({ chip, sizeBytes, scenario }) => {
    const r = await sweep({ chip, program, scenario, sizeBytes, seed, quick, pairs: quick ? 2 : 12 })
    say(
        `${chip.padEnd(7)} ${String(sizeBytes).padStart(4)}  ${scenario.name.padEnd(28)} ${pad(r.operations, 3)} ${pad(r.erases, 7)} ${pad(r.cuts, 5)} ${pad(r.wrong.length, 6)} ${pad(r.storeFormats, 8)} (${r.storeFormatsHealed}, ${r.storeFormatsUntilDeployed})  ${r.storeTornSizes} (${r.storeTornSizesLost})`,
    )
    for (const wrong of r.wrong) say(`  WRONG ${wrong}`)
    return r
})

const updates = quick ? 30 : 120
const wears = !does("wear") ? [] : await atOnce(4, chips.flatMap(chip => sizes.map(sizeBytes => ({ chip, sizeBytes }))), w => wear(w.chip, program, w.sizeBytes, updates))

const encodings = !does("encodings") || quick ? [] : (await atOnce(2, PIECE_SIZES, size => exposure(size, chips.flatMap(chip => sizes.map(sizeBytes => ({ chip, sizeBytes })))))).flat()

const plain = (chip: ChipName, sizeBytes: number) => results.find(r => r.chip === chip && r.sizeBytes === sizeBytes && r.scenario === "update over another")
const perUpdate = chips.flatMap(chip =>
    sizes.flatMap(sizeBytes => {
        const r = plain(chip, sizeBytes)
        return r ? [{ chip, sizeBytes, writes: r.writes, exposedWindows: r.exposedWindows, operations: r.operations, exposedUs: r.exposedUs }] : []
    }),
)
const rollback = results.find(r => r.scenario === "rollback of an exception")
const summary = {
    ok: results.every(r => r.wrong.length === 0),
    seed,
    quick,
    cuts: sum(results, r => r.cuts),
    wrong: sum(results, r => r.wrong.length),
    storeFormats: sum(results, r => r.storeFormats),
    storeFormatsHealed: sum(results, r => r.storeFormatsHealed),
    storeFormatsUntilDeployed: sum(results, r => r.storeFormatsUntilDeployed),
    storeTornSizes: sum(results, r => r.storeTornSizes),
    storeTornSizesLost: sum(results, r => r.storeTornSizesLost),
    writesPerUpdate: perUpdate,
    writesPerRollback: rollback?.writes,
    erasesPer1000Updates: wears,
    encodings,
    durationS: Math.round((performance.now() - startMs) / 1000),
}
if (json) process.stdout.write(`${JSON.stringify({ ...summary, scenarios: results })}\n`)
else {
    say("")
    for (const p of perUpdate) say(`${p.chip} ${p.sizeBytes} B: ${p.writes} writes, ${p.exposedWindows} exposed windows, ${p.operations} flash operations, exposed ${p.exposedUs} us per update`)
    if (rollback) say(`rollback: ${rollback.writes} writes`)
    for (const w of wears)
        say(
            `${w.chip} ${w.sizeBytes} B: ${w.erasesPer1000Updates} erases per 1,000 updates (worst sector ${w.sectorErasesPer1000Updates}); ${w.updatesWithin100000Cycles} updates within 100,000 cycles; ${w.erasesPer1000Boots} erases per 1,000 boots`,
        )
    for (const e of encodings) say(`${e.chip} ${e.sizeBytes} B in pieces of ${String(e.pieceBytes).padStart(3)}: ${e.writesPerUpdate.toFixed(1)} writes, exposed ${e.exposedUsPerUpdate} us per update`)
    say(`cuts ${summary.cuts}, wrong ${summary.wrong}, storeFormats ${summary.storeFormats} (healed ${summary.storeFormatsHealed}, until deployed ${summary.storeFormatsUntilDeployed}), torn sizes ${summary.storeTornSizes} (lost ${summary.storeTornSizesLost}), ${summary.durationS} s`)
}
process.exitCode = summary.ok ? 0 : 1

/** Does all of them, so many at a time; the results in their order. */
async function atOnce<T, R>(limit: number, items: readonly T[], use: (item: T) => Promise<R>): Promise<R[]> {
    const results: R[] = []
    let next = 0
    const work = async () => {
        for (let i = next++; i < items.length; i = next++) results[i] = await use(items[i])
    }
    await Promise.all(Array.from({ length: limit }, work))
    return results
}

function pad(n: number, width: number): string {
    return String(n).padStart(width)
}
