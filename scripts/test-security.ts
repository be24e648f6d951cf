/**
 * What stands between a board and somebody else's code, counted and measured.
 *
 * `npm run test:security -- --json [--sample]`: with `--sample` the board sees every 13th bit of a signature, not all.
 */
import { parseArgs } from "node:util"
import { lmsParameters } from "../toolchain/sign/lms-parameters.ts"
import { measureHeapBytes, measureOperations, measureTicks } from "../test/support/verification-cost.ts"
import { boardFlips, boardImageFlips, hostFlips } from "./security/bit-flips.ts"
import { crossChecks, rfcVectors } from "./security/vectors.ts"
import type { Section } from "./security/section.ts"

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, sample: { type: "boolean", default: false } } })

const OPERATIONS_MAX_MS = 1500
const HEAP_MAX_BYTES = 3 * 1024

async function verificationCost(): Promise<Section> {
    const cost = await measureOperations(8)
    const heapBytes = await measureHeapBytes(8)
    const ticks = await measureTicks()
    const missedTicks = ticks.longestMs < 20 ? 0 : ticks.expected - ticks.ticks
    return {
        ok: cost.esp32Ms <= OPERATIONS_MAX_MS && heapBytes <= HEAP_MAX_BYTES && ticks.longestMs < 20,
        figures: {
            set: "LMS_SHA256_M32_H10/LMOTS_SHA256_N32_W8",
            vmOperations: cost.operations,
            nativeDigests: cost.nativeDigests,
            esp32VmMs: Math.round(cost.esp32Ms),
            heapPeakBytes: heapBytes,
            ticks: ticks.ticks,
            ticksExpected: ticks.expected,
            ticksMissed: missedTicks,
            longestGapMs: ticks.longestMs,
        },
    }
}

const step = values.sample ? 13 : 1
const SECTIONS: readonly [name: string, run: () => Promise<Section>][] = [
    ["rfc8554Vectors", rfcVectors],
    ["signerAgainstVerifier", crossChecks],
    ["hostFlipsW4", () => hostFlips(4)],
    ["hostFlipsW8", () => hostFlips(8)],
    ["boardImageFlips", boardImageFlips],
    ["boardFlipsW4", () => boardFlips(lmsParameters(5, 4), step)],
    ["boardFlipsDefault", () => boardFlips(lmsParameters(10, 8), step)],
    ["verificationCost", verificationCost],
]

const results: Record<string, object> = {}
let ok = true
for (const [name, run] of SECTIONS) {
    const startMs = performance.now()
    const section = await run()
    const seconds = Math.round((performance.now() - startMs) / 100) / 10
    ok &&= section.ok
    results[name] = { ok: section.ok, ...section.figures, seconds }
    if (!values.json) console.log(`${section.ok ? "ok  " : "FAIL"} ${name} ${JSON.stringify(section.figures)} ${seconds} s`)
}
if (values.json) console.log(JSON.stringify({ ok, ...results }, null, 2))
process.exitCode = ok ? 0 : 1
