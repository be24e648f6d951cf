/**
 * Swap sweep: an image goes live, and back, at every moment of programs that print which version of their code runs.
 * What they print must be the old version's trace up to the swap and the new one's from it, nothing lost, doubled or late.
 *
 * First each program is swapped once in every millisecond, before and after whatever else is due in it; each program of
 * the corpus at every 97th, with its edit. Then programs are swapped back and forth, up to every millisecond, until
 * `--count` swaps were made; every tenth run with a garbage collection at every allocation.
 *
 * `npm run test:swap -- --seed 1 [--count 100000] [--seconds 300] [--part 1/4] [--only programs|corpus]
 * [--program NAME] [--plan JSON] [--json]`
 *
 * For a long sweep in several runs: `--seconds` ends the swapping early (`isComplete` says whether it did), `--part I/N`
 * takes every N-th program from the I-th on, `--only` the programs written for this or those of the corpus.
 */
import { parseArgs } from "node:util"
import { SeededRandom } from "../sim/index.ts"
import { corpusNames, loadCorpusPrograms, loadSwapProgram, swapProgramNames } from "./swap/programs.ts"
import { Sweep } from "./swap/sweep.ts"

const { values } = parseArgs({
    options: {
        seed: { type: "string", default: "1" },
        count: { type: "string", default: "100000" },
        seconds: { type: "string", default: "0" },
        part: { type: "string", default: "1/1" },
        only: { type: "string" },
        program: { type: "string" },
        plan: { type: "string" },
        json: { type: "boolean", default: false },
    },
})
const seed = Number(values.seed)
const count = Number(values.count)
const random = new SeededRandom(seed)
const start = performance.now()
const secondsMax = Number(values.seconds) || Infinity
const [part, parts] = values.part.split("/").map(Number)
if (!(part >= 1 && part <= parts)) throw new Error(`--part ${values.part}: from 1/N to N/N`)
const isInTime = () => performance.now() - built < 1000 * secondsMax
const wanted = (names: readonly string[]) =>
    names.filter((_, i) => i % parts === part - 1).filter(name => values.program === undefined || name.includes(values.program))
const corpusStepMs = 97
const gcStressEvery = 10

const own: Sweep[] = []
if (values.only !== "corpus") for (const name of wanted(swapProgramNames())) own.push(await Sweep.of(loadSwapProgram(name)))
const corpus: Sweep[] = []
const edits: Sweep[] = []
if (values.only !== "programs") for (const name of wanted(corpusNames()))
    for (const program of loadCorpusPrograms(name)) (program.oracle === "same" ? corpus : edits).push(await Sweep.of(program))
const all = [...own, ...corpus, ...edits]
const built = performance.now()

if (values.plan) for (const s of own) await s.inject(JSON.parse(values.plan))
else {
    for (const s of own) await s.everyMoment(1, isInTime)
    for (const s of edits) await s.everyMoment(corpusStepMs, isInTime)
    const again = [...own, ...corpus]
    for (let run = 0; swaps() < count && again.length && isInTime(); run++) await again[run % again.length].backAndForth(random, run % gcStressEvery === 0)
}

function sum(of: (s: Sweep) => number): number {
    return all.reduce((n, s) => n + of(s), 0)
}

function swaps(): number {
    return sum(s => s.counts.swaps)
}

const failures = all.flatMap(s => s.failures)
const report = {
    seed,
    part: values.part,
    isComplete: isInTime(),
    programs: own.length,
    corpusPrograms: corpus.length,
    corpusEdits: edits.length,
    runs: sum(s => s.counts.runs),
    injectedSwaps: swaps(),
    gcStressSwaps: sum(s => s.counts.gcStressSwaps),
    refusedSwaps: sum(s => s.counts.refused),
    failures: failures.length,
    seconds: Math.round((performance.now() - start) / 100) / 10,
}
if (values.json) console.log(JSON.stringify({ ...report, failed: failures.slice(0, 50) }))
else {
    for (const f of failures.slice(0, 20)) console.log(`${f.program} ${JSON.stringify(f.plan)}${f.gcStress ? " under GC stress" : ""}\n  ${f.problem}`)
    console.log(`seed ${seed}, part ${values.part}${report.isComplete ? "" : " (ended early)"}: ${report.programs} programs, ${report.corpusPrograms} of the corpus, ${report.corpusEdits} of its edits`)
    console.log(`injected swaps ${report.injectedSwaps} (${report.gcStressSwaps} under GC stress), ${report.refusedSwaps} refused cleanly, in ${report.runs} runs, ${report.seconds} s`)
    console.log(`failures ${failures.length}`)
}
process.exit(failures.length || report.injectedSwaps === 0 ? 1 : 0)
