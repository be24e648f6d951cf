/** Everything on the host that reads bytes from outside: it refuses with a code of its own, or reads what is there. */
import { createHash, randomBytes } from "node:crypto"
import { commandFrame, framePackets } from "../../cli/jacdac/frames.ts"
import { encodeArtifact, parseArtifact } from "../../toolchain/format/artifact.ts"
import { parseImageHeader } from "../../toolchain/format/image.ts"
import { readImage } from "../../toolchain/format/image-reader.ts"
import { encodeManifest, parseManifest } from "../../toolchain/format/manifest.ts"
import { encodeStatement, parseStatement, parseStatementFile, encodeStatementFile } from "../../toolchain/format/statement.ts"
import { parseDevs } from "../../toolchain/devs/image.ts"
import { baseBundle, encodeBaseBundle, readBaseBundle } from "../../toolchain/pack/base-bundle.ts"
import { readProgram } from "../../toolchain/program/compiled-program.ts"
import { lmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { verifySignature } from "../../toolchain/sign/lms-verify.ts"
import { patchTrustedKeys } from "../../toolchain/sign/patch-trusted-keys.ts"
import { buildFirmware } from "../../test/support/resident-program.ts"
import { signedSample } from "../../test/support/lms-sample.ts"
import { replaceAll } from "../../test/support/replaced-program.ts"
import { mutated, samplesOf } from "./mutate.ts"
import { Outcomes, type FuzzTarget } from "./target.ts"

const image = Buffer.from("a small image of forty bytes, more or less")
const manifest = {
    baseId: "0123456789abcdef",
    sequence: 7,
    imageSizeBytes: image.length,
    productId: 1,
    notAfterUnixS: 2_000_000_000,
    imageDigest: createHash("sha256").update(image).digest("hex"),
    version: "1.1.0",
    downgradeAllowed: false,
    cold: false,
}
const statements = [
    encodeStatement({ kind: "revoke", keyDigest: "ab".repeat(32) }),
    encodeStatement({ kind: "fresh", baseId: "0123456789abcdef", newestSequence: 9, newestVersion: "1.1.0", issuedAtUnixS: 1_800_000_000, notAfterUnixS: 1_900_000_000 }),
]

/** A parser that throws errors with these codes only; `again` gives the bytes that what was read stands for. */
function parser<T>(name: string, samples: () => Promise<Uint8Array[]>, codes: RegExp, read: (bytes: Uint8Array) => T, again?: (value: T) => Uint8Array): FuzzTarget {
    return {
        name,
        share: 1,
        async run(seed, count) {
            const outcomes = new Outcomes()
            for (const bytes of samplesOf(mutated(await samples(), 8192), seed, count)) {
                const startMs = performance.now()
                try {
                    const value = read(bytes)
                    outcomes.saw("read")
                    if (again && Buffer.compare(again(value), bytes) !== 0) outcomes.found(`two inputs mean the same: ${Buffer.from(bytes).toString("hex")}`)
                } catch (e) {
                    const code = (e as { code?: string }).code ?? (e as Error).name
                    outcomes.saw(code)
                    if (!codes.test(code)) outcomes.found(`${(e as Error).stack?.split("\n").slice(0, 3).join(" ")}: ${Buffer.from(bytes).toString("hex")}`)
                }
                if (performance.now() - startMs > 1000) outcomes.found(`took over a second: ${Buffer.from(bytes).toString("hex")}`)
            }
            return outcomes.result
        },
    }
}

export const hostParsers: readonly FuzzTarget[] = [
    parser("manifest", async () => [encodeManifest(manifest)], /^HOV_MANIFEST_/, parseManifest, encodeManifest),
    parser("statement", async () => statements, /^HOV_MANIFEST_/, parseStatement, encodeStatement),
    parser("statement file", async () => [encodeStatementFile(parseStatement(statements[0]), randomBytes(100))], /^HOV_MANIFEST_/, parseStatementFile),
    parser("artifact", async () => [encodeArtifact(manifest, randomBytes(300), image)], /^HOV_(ARTIFACT|MANIFEST)_/, parseArtifact),
    parser("image on the host", async () => [await smallImage()], /^(RangeError|HOV_IMAGE_.*)$/, readImage),
    parser("Jacdac frames on the host", async () => [commandFrame("0123456789abcdef", 1, 0x81, Buffer.from("0400000000010203", "hex"))], /^never$/, framePackets),
    parser("image header", async () => [await smallImage()], /^RangeError$/, parseImageHeader),
    parser(".devs", async () => [(await replaceAll(SMALL)).patchable.base.file.subarray(0, 8192), await smallProgram()], /^HOV_DEVS_FORMAT$/, parseDevs),
]

const SMALL = `
let total = 0
class Point { x = 1; constructor(public y: number) {} sum() { return this.x + this.y } }
function add(a: number, b: string) { if (a > 3) return b + "!"; total += a * 2.5; return b }
function run() { for (let i = 0; i < 4; ++i) add(i, "text"); try { throw new Error("x") } catch (e) { total++ } return [new Point(2).sum(), hex\`010203\`] }
run()
`

export async function smallImage(): Promise<Uint8Array> {
    return (await replaceAll(SMALL)).update.file
}
export { SMALL }

async function smallProgram(): Promise<Uint8Array> {
    const { buildProgram } = await import("../../test/support/build-program.ts")
    return (await buildProgram(`console.log("small")`)).devs
}

/** A file of a few hundred KB of JSON: changed as text. */
export const bundleParser: FuzzTarget = {
    name: "base bundle",
    share: 0.02,
    async run(seed, count) {
        const built = await buildFirmware()
        const key = signedSample(lmsParameters(5, 4), 0).publicKey
        const text = encodeBaseBundle(baseBundle(readProgram(patchTrustedKeys(built.devs, [key]), built.debugInfo), "1.0.0"))
        const outcomes = new Outcomes()
        const bytes = Buffer.from(text)
        for (const change of samplesOf(mutated([bytes], bytes.length + 1000), seed, count, 20)) {
            try {
                readBaseBundle(Buffer.from(change).toString())
                outcomes.saw("read")
            } catch (e) {
                const code = (e as { code?: string }).code ?? (e as Error).name
                outcomes.saw(code)
                if (!/^HOV_BUNDLE_/.test(code)) outcomes.found((e as Error).stack?.split("\n").slice(0, 4).join(" ") ?? code)
            }
        }
        return outcomes.result
    },
}

export const hostVerifier: FuzzTarget = {
    name: "LMS verifier on the host",
    share: 1,
    async run(seed, count) {
        const outcomes = new Outcomes()
        const sample = signedSample(lmsParameters(5, 4), 11)
        const valid = Buffer.from(sample.signature)
        for (const signature of samplesOf(mutated([valid], 4096), seed, 2 * count)) {
            if (outcomes.inputs === count) break
            if (valid.equals(signature)) continue
            try {
                const accepted = verifySignature(sample.publicKey, sample.message, signature)
                outcomes.saw(signature.length === valid.length ? "refused, of the right size" : "refused")
                if (accepted) outcomes.found(`accepted: ${Buffer.from(signature).toString("hex")}`)
            } catch (e) {
                outcomes.saw("exception")
                outcomes.found(`${(e as Error).stack}`)
            }
        }
        return outcomes.result
    },
}
