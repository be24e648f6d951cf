/** RFC 8554's vectors, and signer against verifier over all parameter sets, on the host and in the VM. */
import { readFileSync } from "node:fs"
import { generateLmsKey } from "../../toolchain/sign/lms-keygen.ts"
import { lmsParameters, lmsParametersName, lmsParametersOfTypes } from "../../toolchain/sign/lms-parameters.ts"
import { lmsPublicKey, lmsSign } from "../../toolchain/sign/lms-sign.ts"
import { verifyLms, verifySignature } from "../../toolchain/sign/lms-verify.ts"
import { buildVerifier, runVerifier, verifierJob } from "../../test/support/lms-device.ts"
import { signedSample } from "../../test/support/lms-sample.ts"
import type { Section } from "./section.ts"

interface RfcCase {
    readonly name: string
    readonly publicKey: string
    readonly seed?: string
    readonly message: string
    readonly signature: string
}

const hex = (text: string) => Buffer.from(text, "hex")

export async function rfcVectors(): Promise<Section> {
    const file = new URL("../../test/vectors/lms-rfc8554.json", import.meta.url)
    const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: RfcCase[] }
    const { devs } = await buildVerifier()
    let host = 0
    let vm = 0
    let resigned = 0
    let seeds = 0
    for (const vector of cases) {
        const publicKey = hex(vector.publicKey)
        const message = hex(vector.message)
        const signature = hex(vector.signature)
        if (verifyLms(publicKey, message, signature)) host++
        const job = verifierJob({
            publicKey: hex(`00000001${vector.publicKey}`),
            message,
            signature: hex(`00000000${vector.signature}`),
            chunkBytes: 256,
        })
        if ((await runVerifier(devs, job))[0] === "valid") vm++
        const parameters = lmsParametersOfTypes(publicKey.readUInt32BE(0), publicKey.readUInt32BE(4))
        if (!vector.seed || !parameters) continue
        seeds++
        const key = await generateLmsKey(parameters, { identifier: publicKey.subarray(8, 24), seed: hex(vector.seed), processes: 1 })
        const again = lmsSign(key, signature.readUInt32BE(0), signature.subarray(8, 40), message)
        if (signature.equals(again) && publicKey.equals(lmsPublicKey(key))) resigned++
    }
    return {
        ok: host === cases.length && vm === cases.length && resigned === seeds,
        figures: { vectors: cases.length, verifiedOnHost: host, verifiedInVm: vm, withSeed: seeds, signedAgainEqual: resigned },
    }
}

/** Fresh keys; first, a middle and the last leaf on the host, a middle one in the VM. */
export async function crossChecks(): Promise<Section> {
    const { devs } = await buildVerifier()
    const sets: Record<string, { host: number; vm: number }> = {}
    for (const height of [5, 10, 15])
        for (const winternitz of [4, 8]) {
            const parameters = lmsParameters(height, winternitz)
            const set = { host: 0, vm: 0 }
            for (const index of [0, (parameters.leafCount * 2) / 3, parameters.leafCount - 1].map(Math.floor)) {
                const sample = signedSample(parameters, index)
                if (verifySignature(sample.publicKey, sample.message, sample.signature)) set.host++
                if ((await runVerifier(devs, verifierJob({ ...sample, chunkBytes: 512 })))[0] === "valid") set.vm++
            }
            sets[lmsParametersName(parameters)] = set
        }
    return { ok: Object.values(sets).every(({ host, vm }) => host === 3 && vm === 3), figures: { signaturesEach: 3, sets } }
}
