/** The board's readers in the stock VM: many inputs a run, and nothing may end the program but its own last line. */
import { readFileSync } from "node:fs"
import { runProgram } from "../../sim/index.ts"
import { buildProgram } from "../../test/support/build-program.ts"
import { signedSample } from "../../test/support/lms-sample.ts"
import { linkBase } from "../../toolchain/link/link-base.ts"
import { buildUpdate } from "../../toolchain/diff/build-update.ts"
import { readProgram } from "../../toolchain/program/compiled-program.ts"
import { lmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { deviceSources } from "../../test/support/resident-program.ts"
import { encodeManifest } from "../../toolchain/format/manifest.ts"
import { encodeStatement } from "../../toolchain/format/statement.ts"
import { mutated, samplesOf } from "./mutate.ts"
import { Outcomes, type FuzzTarget } from "./target.ts"
import { SMALL } from "./host-parsers.ts"

const POOL_BYTES = 12_000
const MARKER = "POOL-OF-THE-FUZZER"

/** Goes through a pool of `u16 size | bytes`; the outcomes are counted on the board. */
const LOOP = `
const pool = hex\`${Buffer.from(MARKER).toString("hex")}${"00".repeat(POOL_BYTES)}\`
const seen: any = {}
let at = ${MARKER.length}
while (at + 2 <= pool.length) {
    const size = pool.getAt(at, "u16")
    if (!size) break
    let outcome = "taken"
    try {
        outcome = (await judge(pool.slice(at + 2, at + 2 + size))) || "taken"
    } catch (e) {
        outcome = (e as any).code || "exception " + (e as any).message
    }
    seen[outcome] = (seen[outcome] || 0) + 1
    at += 2 + size
}
for (const key of Object.keys(seen)) console.log("outcome " + seen[key] + " " + key)
console.log("pool done")
ds.restart()
`

function withPool(program: Uint8Array, inputs: readonly Uint8Array[]): Uint8Array {
    const bytes = Buffer.from(program)
    let at = bytes.indexOf(MARKER) + MARKER.length
    for (const input of inputs) {
        at = bytes.writeUInt16LE(input.length, at)
        bytes.set(input, at)
        at += input.length
    }
    return bytes
}

async function runPool(program: Uint8Array, inputs: readonly Uint8Array[]): Promise<Record<string, number> | string> {
    try {
        const { lines, panicCode } = await runProgram(withPool(program, inputs), { timeoutMs: 120_000 })
        if (!lines.some(line => line === "> pool done")) return `panic ${panicCode}: ${lines.slice(-4).join(" | ")}`
        const outcomes: Record<string, number> = {}
        for (const line of lines) {
            const said = /^> outcome (\d+) (.*)$/.exec(line)
            if (said) outcomes[said[2]] = Number(said[1])
        }
        return outcomes
    } catch (e) {
        return `the VM ended: ${(e as Error).message}`
    }
}

function boardTarget(name: string, share: number, setUp: () => Promise<{ program: Uint8Array; samples: readonly Uint8Array[]; maxBytes: number; repair?: (input: Uint8Array, index: number) => void; never?: RegExp }>): FuzzTarget {
    return {
        name,
        share,
        async run(seed, count) {
            const { program, samples, maxBytes, repair, never } = await setUp()
            const outcomes = new Outcomes()
            let index = 0
            let pool: Uint8Array[] = []
            let poolBytes = 0
            const flush = async () => {
                const said = await runPool(program, pool)
                if (typeof said === "string") await blame(pool)
                else
                    for (const [outcome, times] of Object.entries(said)) {
                        outcomes.saw(outcome, times)
                        if (never?.test(outcome)) outcomes.found(`${outcome}, in a pool of ${pool.length}: ${pool.map(input => Buffer.from(input).toString("hex")).join(" ")}`)
                    }
                pool = []
                poolBytes = 0
            }
            /** Finds the inputs that end the program, by running each alone. */
            const blame = async (inputs: readonly Uint8Array[]) => {
                let blamed = 0
                for (const input of inputs) {
                    const alone = await runPool(program, [input])
                    outcomes.saw(typeof alone === "string" ? "the program ended" : Object.keys(alone)[0])
                    if (typeof alone !== "string") continue
                    blamed++
                    outcomes.found(`${alone}: ${Buffer.from(input).toString("hex")}`)
                }
                if (blamed === 0) outcomes.found(`a pool of ${inputs.length} ended the program, none of its inputs does alone: ${inputs.map(input => Buffer.from(input).toString("hex")).join(" ")}`)
            }
            let given = 0
            for (const input of samplesOf(mutated(samples, maxBytes), seed, 2 * count)) {
                if (given === count) break
                repair?.(input, index++)
                if (input.length === 0 || samples.some(sample => Buffer.compare(sample, input) === 0)) continue
                if (poolBytes + 2 + input.length > POOL_BYTES) await flush()
                pool.push(input)
                given++
                poolBytes += 2 + input.length
            }
            if (pool.length > 0) await flush()
            return outcomes.result
        },
    }
}

const hotswapFiles = () => Object.fromEntries(Object.entries(deviceSources()).filter(([path]) => path.startsWith("hotswap/")))

async function loaderProgram() {
    const main = `
import "./hotswap/fuzz-up"
import "./program"
import * as ds from "@devicescript/core"
import { activate, loadImage } from "./hotswap"
async function judge(image: Buffer) {
    const loaded = await loadImage(image)
    // never: what an image does is not what is asked here, but a base without it would not link
    if (ds.millis() < 0) await activate(loaded, { trial: false, reason: "boot", version: "fuzz" })
    return ""
}
${LOOP}`
    const up = `import { setMachineUp } from "./index"\nawait setMachineUp()\n`
    const built = await buildProgram(main, { files: { ...hotswapFiles(), "hotswap/fuzz-up.ts": up, "program.ts": SMALL } })
    return linkBase(readProgram(built.devs, built.debugInfo))
}

export const imageLoader = boardTarget("image loader on the board", 1, async () => {
    const base = await loaderProgram()
    const { file: image } = buildUpdate(base, base.program, { sequence: 1, replaceAll: true })
    // Three times in four the size is put right, or hardly any input would get behind the first check.
    const repair = (input: Uint8Array, index: number) => {
        if (index % 4 !== 0 && input.length >= 24) Buffer.from(input.buffer, input.byteOffset, input.length).writeUInt32LE(input.length, 20)
    }
    return { program: base.file, samples: [image], maxBytes: 4096, repair }
})

/** What the board says to each image alone: its outcome, or how the program ended. */
export async function judgeImages(make: (baseId: Uint8Array) => readonly Uint8Array[]): Promise<(Record<string, number> | string)[]> {
    const base = await loaderProgram()
    const { file } = buildUpdate(base, base.program, { sequence: 1, replaceAll: true })
    const verdicts: (Record<string, number> | string)[] = []
    for (const image of make(file.subarray(8, 16))) verdicts.push(await runPool(base.file, [image]))
    return verdicts
}

const dfu = (name: string) => readFileSync(new URL(`../../src/dfu/${name}`, import.meta.url), "utf8")

export const boardManifest = boardTarget("manifest and statement on the board", 1, async () => {
    const { devs } = await buildProgram(
        `
import * as ds from "@devicescript/core"
import { parseManifest } from "./manifest"
import { parseStatement } from "./statement"
async function judge(bytes: Buffer) {
    const statement = parseStatement(bytes)
    if (statement) return "statement"
    parseManifest(bytes)
    return ""
}
${LOOP}`,
        { files: { "manifest.ts": dfu("manifest.ts"), "statement.ts": dfu("statement.ts") } },
    )
    const manifest = encodeManifest({
        baseId: "0123456789abcdef",
        sequence: 7,
        imageSizeBytes: 300,
        productId: 1,
        notAfterUnixS: 2_000_000_000,
        imageDigest: "cd".repeat(32),
        version: "1.1.0",
        downgradeAllowed: false,
        cold: false,
    })
    return { program: devs, samples: [manifest, encodeStatement({ kind: "revoke", keyDigest: "ab".repeat(32) })], maxBytes: 200 }
})

/** Verifications take a millisecond or more each, so it gets a part of the inputs. */
export const boardVerifier = boardTarget("LMS verifier on the board", 1, async () => {
    const sample = signedSample(lmsParameters(5, 4), 11)
    const { devs } = await buildProgram(
        `
import * as ds from "@devicescript/core"
import { LmsVerifier } from "./lms"
const key = hex\`${Buffer.from(sample.publicKey).toString("hex")}\`
const message = hex\`${Buffer.from(sample.message).toString("hex")}\`
async function judge(signature: Buffer) {
    const verifier = new LmsVerifier(key, message)
    for (let at = 0; at < signature.length; at += 256)
        if (!(await verifier.feed(signature.slice(at, Math.min(at + 256, signature.length))))) return "refused early"
    return verifier.isValid() ? "valid" : "refused"
}
${LOOP}`,
        { files: { "lms.ts": dfu("lms.ts") } },
    )
    return { program: devs, samples: [sample.signature], maxBytes: 4096, never: /^valid$/ }
})
