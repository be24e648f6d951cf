/** Every single-bit flip of manifest, image and signature must be refused, by the host and by the board. */
import { randomBytes } from "node:crypto"
import { runProgram } from "../../sim/index.ts"
import { parseArtifact } from "../../toolchain/format/artifact.ts"
import { generateLmsKey } from "../../toolchain/sign/lms-keygen.ts"
import { lmsParameters, lmsParametersName } from "../../toolchain/sign/lms-parameters.ts"
import type { LmsParameters } from "../../toolchain/sign/lms-parameters.ts"
import { lmsPublicKey, lmsSign } from "../../toolchain/sign/lms-sign.ts"
import { hssPublicKey, hssSignature, verifySignature } from "../../toolchain/sign/lms-verify.ts"
import { signArtifact } from "../../toolchain/sign/sign-artifact.ts"
import { buildProgram } from "../../test/support/build-program.ts"
import { buildVerifier, runVerifier, verifierJob } from "../../test/support/lms-device.ts"
import { signedSample } from "../../test/support/lms-sample.ts"
import type { Section } from "./section.ts"

const IMAGE_BYTES = 120

/** All bits of a whole artifact file: manifest, size of the signature, signature, image. */
export async function hostFlips(winternitz: 4 | 8): Promise<Section> {
    const key = await generateLmsKey(lmsParameters(5, winternitz), { processes: 1 })
    const publicKey = hssPublicKey(lmsPublicKey(key))
    const signer = {
        publicKey: async () => publicKey,
        remaining: async () => undefined,
        sign: async (message: Uint8Array) => hssSignature(lmsSign(key, 9, randomBytes(32), message)),
    }
    const description = { baseId: "0123456789abcdef", sequence: 2, productId: 7, notAfterUnixS: 0, version: "1.1.0", downgradeAllowed: false, cold: false }
    const bytes = await signArtifact(signer, description, randomBytes(IMAGE_BYTES))
    const intact = isAccepted(bytes, publicKey)
    let accepted = 0
    for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3] ^= 1 << (bit & 7)
        if (isAccepted(bytes, publicKey)) accepted++
        bytes[bit >> 3] ^= 1 << (bit & 7)
    }
    return {
        ok: intact && accepted === 0,
        figures: { set: lmsParametersName(key.parameters), artifactBytes: bytes.length, flips: bytes.length * 8, accepted },
    }
}

function isAccepted(bytes: Uint8Array, publicKey: Uint8Array): boolean {
    try {
        const { manifestBytes, signature } = parseArtifact(bytes)
        return verifySignature(publicKey, manifestBytes, signature)
    } catch {
        return false
    }
}

const FLIPS_PER_RUN = 600

/** All bits of key, manifest and signature in the VM, in runs of some hundred verifications. */
export async function boardFlips(parameters: LmsParameters, step: number): Promise<Section> {
    const { devs } = await buildVerifier()
    const sample = signedSample(parameters, parameters.leafCount - 3)
    const bits = (60 + sample.message.length + sample.signature.length) * 8
    const run = FLIPS_PER_RUN * step
    let flips = 0
    let accepted = 0
    let valid = 0
    let runs = 0
    for (let from = 0; from < bits; from += run) {
        const job = verifierJob({ ...sample, chunkBytes: 512, flipFrom: from, flipTo: Math.min(from + run, bits), flipStep: step })
        const [first, counts] = await runVerifier(devs, job, { timeoutMs: 900_000 })
        const said = /flips (\d+) accepted (\d+)/.exec(counts ?? "")
        if (!said) throw new Error(`the VM did not finish flips from bit ${from}`)
        runs++
        if (first === "valid") valid++
        flips += Number(said[1])
        accepted += Number(said[2])
    }
    return {
        ok: valid === runs && accepted === 0,
        figures: { set: lmsParametersName(parameters), bits, exhaustive: step === 1, flips, accepted },
    }
}

/** All bits of an image against the digest that the manifest names, as the board's `checkImage` does it. */
export async function boardImageFlips(): Promise<Section> {
    const image = randomBytes(IMAGE_BYTES)
    const { devs } = await buildProgram(`
import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
const image = Buffer.from(hex\`${"00".repeat(IMAGE_BYTES - 16)}${Buffer.from("IMAGE-OF-FLIPS:.").toString("hex")}\`)
const expected = digest("sha256", image).toString("hex")
let flips = 0
let accepted = 0
for (let bit = 0; bit < image.length * 8; ++bit) {
    image[bit >> 3] = image[bit >> 3] ^ (1 << (bit & 7))
    flips++
    if (digest("sha256", image).toString("hex") === expected) accepted++
    image[bit >> 3] = image[bit >> 3] ^ (1 << (bit & 7))
    if ((bit & 15) === 15) await ds.sleep(1)
}
console.log("flips", flips, "accepted", accepted)
ds.restart()`)
    const program = Buffer.from(devs)
    const marker = program.indexOf("IMAGE-OF-FLIPS:.")
    program.set(image, marker - (IMAGE_BYTES - 16))
    const { lines } = await runProgram(program, { timeoutMs: 120_000 })
    const said = /flips (\d+) accepted (\d+)/.exec(lines.join("\n"))
    if (!said) throw new Error(lines.slice(-5).join("\n"))
    return { ok: Number(said[1]) === IMAGE_BYTES * 8 && said[2] === "0", figures: { imageBytes: IMAGE_BYTES, flips: Number(said[1]), accepted: Number(said[2]) } }
}
