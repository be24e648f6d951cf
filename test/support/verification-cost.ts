/** What verifying a signature costs a board: VM operations, heap, and the ticks of a 10 ms loop meanwhile. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { runProgram } from "../../sim/index.ts"
import { lmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import type { LmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { buildProgram } from "./build-program.ts"
import { signedSample } from "./lms-sample.ts"
import type { SignedSample } from "./lms-sample.ts"

/** One VM operation on an ESP32. */
export const ESP32_OP_US = 0.6
/** Links of an average signature: half of each chain, and the checksum's chains. */
const MEAN_LINKS: Record<number, number> = { 8: 4448, 4: 502 }
/** The VM ends a program that runs so many operations without a yield. */
const VM_STEP_LIMIT = 131_072
const BALLAST_BLOCK_BYTES = 128

const lms = readFileSync(new URL("../../src/dfu/lms.ts", import.meta.url), "utf8")

const MARKER = "JOB-OF-THE-TEST:"
/** A job: u32 parameter | u16 signature size | key (60) | message (80) | signature. */
const HEAD = `
import * as ds from "@devicescript/core"
import { LmsVerifier } from "./lms"
const job = hex\`${Buffer.from(MARKER).toString("hex")}${"00".repeat(2900)}\`
const parameter = job.getAt(16, "u32")
const signatureBytes = job.getAt(20, "u16")
const key = job.slice(22, 82)
const message = job.slice(82, 162)
`
const FEED = `
let valid = false
async function feedAll() {
    const verifier = new LmsVerifier(key, message)
    for (let offset = 0; offset < signatureBytes; offset += 256) {
        const chunk = job.slice(162 + offset, 162 + Math.min(offset + 256, signatureBytes))
        await verifier.feed(chunk)
    }
    valid = verifier.isValid()
}
await feedAll()
`

function withJob(devs: Uint8Array, parameter: number, sample: SignedSample): Uint8Array {
    const program = Buffer.from(devs)
    const at = program.indexOf(MARKER) + MARKER.length
    program.writeUInt32LE(parameter, at)
    program.writeUInt16LE(sample.signature.length, at + 4)
    program.set(sample.publicKey, at + 6)
    program.set(sample.message, at + 66)
    program.set(sample.signature, at + 146)
    return program
}

/** The largest parameter with which the program still prints `done`. */
async function largest(devs: Uint8Array, sample: SignedSample, limit: number): Promise<number> {
    let low = -1
    let high = limit
    while (high - low > 1) {
        const middle = (low + high) >> 1
        const { lines } = await runProgram(withJob(devs, middle, sample))
        if (lines.some(line => line.startsWith("> done"))) low = middle
        else high = middle
    }
    return low
}

/** How many links the board has to walk for this signature. */
function linksOf(parameters: LmsParameters, { publicKey, message, signature }: SignedSample): number {
    const digest = createHash("sha256")
        .update(publicKey.subarray(12, 28))
        .update(signature.subarray(4, 8))
        .update(Buffer.of(0x81, 0x81))
        .update(signature.subarray(12, 44))
        .update(message)
        .digest()
    const digits = [...digest].flatMap(byte => (parameters.winternitzBits === 8 ? [byte] : [byte >> 4, byte & 15]))
    const checksum = digits.reduce((sum, digit) => sum + parameters.chainLength - digit, 0)
    const checksumDigits = parameters.winternitzBits === 8 ? [checksum >> 8, checksum & 255] : [checksum >> 8, (checksum >> 4) & 15, checksum & 15]
    return [...digits, ...checksumDigits].reduce((sum, digit) => sum + parameters.chainLength - digit, 0)
}

/**
 * The number of links varies from message to message (W8: 2,800 to 6,100). An average W8 signature is too much for
 * one step limit, so a smaller one is measured and scaled, which overstates the part that does not depend on the links.
 */
function smallerSample(parameters: LmsParameters): SignedSample {
    const most = parameters.winternitzBits === 8 ? 3600 : 502
    for (let attempt = 0; attempt < 1000; attempt++) {
        const sample = signedSample(parameters, 700)
        const links = linksOf(parameters, sample)
        if (links <= most && links > most * 0.85) return sample
    }
    throw new Error("no such sample")
}

export interface OperationCost {
    /** VM operations of an average verification. */
    readonly operations: number
    readonly nativeDigests: number
    readonly esp32Ms: number
}

export async function measureOperations(winternitz: 4 | 8): Promise<OperationCost> {
    const parameters = lmsParameters(10, winternitz)
    // Without its yields the VM's own step limit measures: what a busy loop may still burn in front of it.
    const files = { "lms.ts": lms.replaceAll("await ds.sleep(", ";(ds.millis as any)(") }
    const burn = "for (let i = 0; i < parameter; ++i) {}\n"
    const bare = await buildProgram(`${HEAD}${burn}\nconsole.log("done")\nds.restart()`, { files })
    const full = await buildProgram(`${HEAD}${burn}${FEED}\nconsole.log("done", valid)\nds.restart()`, { files })
    const sample = smallerSample(parameters)
    const links = linksOf(parameters, sample)
    const bareIterations = await largest(bare.devs, sample, 40_000)
    const leftIterations = await largest(full.devs, sample, 40_000)
    if (leftIterations < 0) throw new Error("a whole verification does not fit the step limit")
    const measured = ((bareIterations - leftIterations) * VM_STEP_LIMIT) / bareIterations
    const nativeDigests = MEAN_LINKS[winternitz]
    const operations = Math.round((measured * nativeDigests) / links)
    return { operations, nativeDigests, esp32Ms: (operations * ESP32_OP_US) / 1000 }
}

/** The heap that a verification needs at its peak, found with ballast. */
export async function measureHeapBytes(winternitz: 4 | 8): Promise<number> {
    const sample = signedSample(lmsParameters(10, winternitz), 700)
    const files = { "lms.ts": lms }
    const ballast = `
const ballast: Buffer[] = []
for (let i = 0; i < parameter; ++i) ballast.push(Buffer.alloc(${BALLAST_BLOCK_BYTES - 12}))
`
    const bare = await buildProgram(`${HEAD}${ballast}\nconsole.log("done", job.slice(162, 418).length)\nds.restart()`, { files })
    const full = await buildProgram(`${HEAD}${ballast}${FEED}\nconsole.log("done", ballast.length)\nds.restart()`, { files })
    const without = await largest(bare.devs, sample, 4_000)
    const during = await largest(full.devs, sample, 4_000)
    return (without - during) * BALLAST_BLOCK_BYTES
}

export interface TickCost {
    readonly ticks: number
    readonly expected: number
    readonly longestMs: number
}

/** A 10 ms loop while signature after signature is verified for 600 ms. */
export async function measureTicks(): Promise<TickCost> {
    const sample = signedSample(lmsParameters(10, 8), 700)
    const { devs } = await buildProgram(
        `${HEAD}
        let ticks = 0
        let last = ds.millis()
        let longest = 0
        setInterval(() => {
            const now = ds.millis()
            longest = Math.max(longest, now - last)
            last = now
            ticks++
        }, 10)
        const start = ds.millis()
        while (ds.millis() - start < 600) {${FEED}}
        const expected = Math.idiv(ds.millis() - start, 10)
        console.log("ticks", ticks, "of", expected, "longest", longest)
        ds.restart()`,
        { files: { "lms.ts": lms } },
    )
    const { lines } = await runProgram(withJob(devs, 0, sample), { until: /> ticks/ })
    const said = /ticks (\d+) of (\d+) longest (\d+)/.exec(lines.find(line => line.includes("> ticks")) ?? "")
    if (!said) throw new Error(lines.slice(-5).join("\n"))
    const [ticks, expected, longestMs] = said.slice(1).map(Number)
    return { ticks, expected, longestMs }
}
