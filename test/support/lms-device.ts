import { readFileSync } from "node:fs"
import { runProgram } from "../../sim/index.ts"
import type { RunOptions } from "../../sim/index.ts"
import { buildProgram } from "./build-program.ts"
import type { BuiltProgram } from "./build-program.ts"

const MARKER = "JOB-OF-THE-TEST:"
const JOB_SIZE_BYTES = 5_600
const MESSAGE_MAX_BYTES = 200

/** One program for all jobs: a test writes its job over a literal of the built program, so nothing is built twice. */
const MAIN = `
import * as ds from "@devicescript/core"
import { LmsVerifier } from "./lms"
const job = hex\`${Buffer.from(MARKER).toString("hex")}${"00".repeat(JOB_SIZE_BYTES)}\`
const messageBytes = job.getAt(16, "u16")
const signatureBytes = job.getAt(18, "u16")
const chunkBytes = job.getAt(20, "u16")
const flipFrom = job.getAt(22, "u32")
const flipTo = job.getAt(26, "u32")
const flipStep = job.getAt(30, "u32")
const content = job.slice(34, 34 + 60 + messageBytes + signatureBytes)

async function verify() {
    const verifier = new LmsVerifier(content.slice(0, 60), content.slice(60, 60 + messageBytes))
    let offset = 60 + messageBytes
    while (offset < content.length) {
        const end = Math.min(offset + chunkBytes, content.length)
        if (!(await verifier.feed(content.slice(offset, end)))) break
        offset = end
    }
    return verifier.isValid()
}

console.log((await verify()) ? "valid" : "refused")
let flips = 0
let accepted = 0
for (let bit = flipFrom; bit < flipTo; bit += flipStep) {
    const byte = bit >> 3
    content[byte] = content[byte] ^ (1 << (bit & 7))
    flips++
    if (await verify()) accepted++
    content[byte] = content[byte] ^ (1 << (bit & 7))
}
console.log(\`flips \${flips} accepted \${accepted}\`)
ds.restart()
`

export interface VerifierJob {
    publicKey: Uint8Array
    message: Uint8Array
    signature: Uint8Array
    chunkBytes: number
    /** Bits of publicKey | message | signature that are flipped, one at a time. */
    flipFrom?: number
    flipTo?: number
    flipStep?: number
}

export function buildVerifier(): Promise<BuiltProgram> {
    const lms = readFileSync(new URL("../../src/dfu/lms.ts", import.meta.url), "utf8")
    return buildProgram(MAIN, { files: { "lms.ts": lms } })
}

export function verifierJob(job: VerifierJob): Uint8Array {
    if (job.message.length > MESSAGE_MAX_BYTES) throw new Error("the message does not fit the job")
    const bytes = Buffer.alloc(18 + 60 + job.message.length + job.signature.length)
    bytes.writeUInt16LE(job.message.length, 0)
    bytes.writeUInt16LE(job.signature.length, 2)
    bytes.writeUInt16LE(job.chunkBytes, 4)
    bytes.writeUInt32LE(job.flipFrom ?? 0, 6)
    bytes.writeUInt32LE(job.flipTo ?? 0, 10)
    bytes.writeUInt32LE(job.flipStep ?? 1, 14)
    bytes.set(job.publicKey, 18)
    bytes.set(job.message, 78)
    bytes.set(job.signature, 78 + job.message.length)
    return bytes
}

/** What the program said: `valid` or `refused`, then the count of flips. */
export async function runVerifier(devs: Uint8Array, job: Uint8Array, options: RunOptions = {}): Promise<string[]> {
    const program = Buffer.from(devs)
    program.set(job, program.indexOf(MARKER) + MARKER.length)
    const { lines } = await runProgram(program, { timeoutMs: 120_000, ...options })
    return lines.filter(line => line.startsWith("> ")).map(line => line.slice(2))
}
