/**
 * What swaps cost: the pause with few and with many live objects, in one run; the ledger's notes on the application benchmark;
 * and what 1,000 swaps back and forth leave behind.
 *
 *   npm run bench:swap -- [--objects 2000] [--rounds 7] [--json]
 *
 * A heap of 64 KB holds some 2,300 of the smallest objects (16 bytes, and 8 where they are kept), so `--objects` cannot be
 * 5,000 on the stock VM. Exit code 1 when the ratio of the pauses in the least disturbed rounds is above 1.1, tracking is above
 * 3 %, or anything is left behind, lost or doubled.
 */
import { parseArgs } from "node:util"
import { countedOverSwaps, heapDrift, lostOrDoubled } from "./swap-bench/drift.ts"
import { pauseUs } from "./swap-bench/pause.ts"
import { trackingCost } from "./swap-bench/tracking.ts"

const { values } = parseArgs({
    options: { objects: { type: "string", default: "2000" }, rounds: { type: "string", default: "7" }, json: { type: "boolean", default: false } },
})
const few = 10
const many = Number(values.objects)
const pauseRatioMax = 1.1
const trackingRatioMax = 1.03
const trackingRounds = 24

const say = (text: string) => {
    if (!values.json) console.log(text)
}

const rounds: { fewUs: number; manyUs: number; ratio: number }[] = []
for (let round = 0; round < Number(values.rounds); round++) {
    const fewUs = await pauseUs(few, many)
    const manyUs = await pauseUs(many, many)
    rounds.push({ fewUs, manyUs, ratio: manyUs / fewUs })
    say(`pause of a swap with ${few} live objects ${fewUs.toFixed(1)} us, with ${many} ${manyUs.toFixed(1)} us, ratio ${(manyUs / fewUs).toFixed(2)}`)
}
// the least disturbed round of each: what else the machine does only ever adds
const fewUs = Math.min(...rounds.map(r => r.fewUs))
const manyUs = Math.min(...rounds.map(r => r.manyUs))
const pause = { objects: [few, many], fewUs, manyUs, ratio: manyUs / fewUs, rounds }
say(`ratio of the least disturbed rounds: ${pause.ratio.toFixed(2)} (at most ${pauseRatioMax})`)

const tracking = await trackingCost(trackingRounds)
say(
    `tracking on the application benchmark: ${((tracking.ratio - 1) * 100).toFixed(1)} % of time (at most 3), ` +
        `${tracking.untrackedOperations} operations without, ${tracking.trackedOperations} with`,
)

const drift = await heapDrift()
say(`alive after 1,000, 2,000 and 3,000 swaps back and forth: ${drift.usedBytes.join(", ")} bytes, drift ${drift.driftBytes}`)

const counted = await countedOverSwaps()
const wrong = lostOrDoubled(counted)
say(`${counted.swaps} swaps in ${counted.ms} ms: ${counted.ticks} ticks, ${counted.events} events, ${counted.rounds} rounds of a loop; lost or doubled ${wrong}`)

const ok = pause.ratio <= pauseRatioMax && tracking.ratio <= trackingRatioMax && drift.driftBytes === 0 && wrong === 0
if (values.json) console.log(JSON.stringify({ ok, pause, tracking, drift, timers: { ...counted, lostOrDoubled: wrong } }))
process.exit(ok ? 0 : 1)
