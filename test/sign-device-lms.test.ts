import { readFileSync } from "node:fs"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { runProgram } from "../sim/index.ts"
import { lmsParameters, lmsParametersName } from "../toolchain/sign/lms-parameters.ts"
import { patchTrustedKeys, readTrustedKeys } from "../toolchain/sign/patch-trusted-keys.ts"
import { buildProgram } from "./support/build-program.ts"
import { buildVerifier, runVerifier, verifierJob } from "./support/lms-device.ts"
import { signedSample } from "./support/lms-sample.ts"

const test = suite("LMS on the board")
const source = (name: string) => readFileSync(new URL(`../src/dfu/${name}`, import.meta.url), "utf8")
const rfc: { cases: { name: string; publicKey: string; message: string; signature: string }[] } = JSON.parse(
    readFileSync(new URL("./vectors/lms-rfc8554.json", import.meta.url), "utf8"),
)

const KEY_BITS = 60 * 8
const MESSAGE_BITS = 80 * 8

test("the RFC 8554 signatures verify in the VM, under GC stress too", async () => {
    const { devs } = await buildVerifier()
    for (const vector of rfc.cases)
        for (const gcStress of [false, true]) {
            const job = verifierJob({
                publicKey: Buffer.from(`00000001${vector.publicKey}`, "hex"),
                message: Buffer.from(vector.message, "hex"),
                signature: Buffer.from(`00000000${vector.signature}`, "hex"),
                chunkBytes: gcStress ? 512 : 100,
            })
            assert.equal(await runVerifier(devs, job, { gcStress }), ["valid", "flips 0 accepted 0"], vector.name)
        }
})

for (const height of [5, 10, 15])
    for (const winternitz of [4, 8]) {
        const parameters = lmsParameters(height, winternitz)
        test(`a host signature with ${lmsParametersName(parameters)} verifies in the VM, and a spread of bit flips does not`, async () => {
            const { devs } = await buildVerifier()
            const sample = signedSample(parameters, Math.floor((parameters.leafCount * 2) / 3))
            const bits = KEY_BITS + MESSAGE_BITS + sample.signature.length * 8
            const flipStep = winternitz === 8 ? 613 : 97
            const job = verifierJob({ ...sample, chunkBytes: 512, flipFrom: 3, flipTo: bits, flipStep })
            const flips = Math.ceil((bits - 3) / flipStep)
            assert.equal(await runVerifier(devs, job), ["valid", `flips ${flips} accepted 0`])
        })
    }

test("every single-bit flip of the public key and of the manifest is refused in the VM", async () => {
    const { devs } = await buildVerifier()
    const sample = signedSample(lmsParameters(5, 4), 11)
    const flipTo = KEY_BITS + MESSAGE_BITS
    const job = verifierJob({ ...sample, chunkBytes: 512, flipFrom: 0, flipTo, flipStep: 1 })
    assert.equal(await runVerifier(devs, job), ["valid", `flips ${flipTo} accepted 0`])
})

test("it does not matter how a signature is cut into chunks", async () => {
    const { devs } = await buildVerifier()
    const sample = signedSample(lmsParameters(5, 4), 0)
    for (const chunkBytes of [1, 31, 32, 33, 44, 255, sample.signature.length]) {
        const job = verifierJob({ ...sample, chunkBytes })
        assert.is((await runVerifier(devs, job))[0], "valid", `chunks of ${chunkBytes}`)
    }
})

test("a signature with bytes missing or behind it is refused, and so is an unusable key", async () => {
    const { devs } = await buildVerifier()
    const sample = signedSample(lmsParameters(5, 4), 0)
    const { signature } = sample
    const refused = async (change: Partial<typeof sample>) =>
        assert.is((await runVerifier(devs, verifierJob({ ...sample, ...change, chunkBytes: 512 })))[0], "refused")
    for (const sizeBytes of [0, 1, 4, 43, 44, 45, 75, 76, signature.length - 32, signature.length - 1])
        await refused({ signature: signature.subarray(0, sizeBytes) })
    await refused({ signature: Buffer.concat([signature, Buffer.alloc(1)]) })
    await refused({ signature: Buffer.concat([signature, signature]) })
    await refused({ publicKey: new Uint8Array(60) })
    await refused({ publicKey: new Uint8Array(60).fill(255) })
    await refused({ signature: new Uint8Array(signature.length).fill(255) })
    await refused({ publicKey: signedSample(lmsParameters(5, 8), 0).publicKey })
})

test("a base trusts the keys that were patched into it, unless one is revoked", async () => {
    const one = signedSample(lmsParameters(5, 4), 1)
    const two = signedSample(lmsParameters(10, 4), 2)
    const { devs } = await buildProgram(
        `import * as ds from "@devicescript/core"
        import { signerSlot } from "./trusted-keys"
        const job = hex\`${Buffer.from("JOB-OF-THE-TEST:").toString("hex")}${"00".repeat(2800)}\`
        const size = job.getAt(16, "u16")
        const message = job.slice(18, 98)
        for (let revoked = 0; revoked < 4; ++revoked) {
            const slot = await signerSlot(message, size, async offset => {
                const end = Math.min(offset + 500, size)
                return job.slice(98 + offset, 98 + end)
            }, revoked)
            console.log(slot >= 0 ? "trusted" : "refused")
        }
        ds.restart()`,
        { files: { "lms.ts": source("lms.ts"), "trusted-keys.ts": source("trusted-keys.ts") } },
    )
    const verdicts = async (keys: Uint8Array[], sample: typeof one) => {
        const program = keys.length ? patchTrustedKeys(devs, keys) : Uint8Array.from(devs)
        assert.equal(
            readTrustedKeys(program).map(key => Buffer.from(key).toString("hex")),
            keys.map(key => Buffer.from(key).toString("hex")),
        )
        const at = Buffer.from(program.buffer).indexOf("JOB-OF-THE-TEST:")
        Buffer.from(program.buffer).writeUInt16LE(sample.signature.length, at + 16)
        program.set(sample.message, at + 18)
        program.set(sample.signature, at + 98)
        const { lines } = await runProgram(program)
        return lines.filter(line => line.startsWith("> ")).map(line => line.slice(2))
    }
    assert.equal(await verdicts([], one), ["refused", "refused", "refused", "refused"])
    assert.equal(await verdicts([one.publicKey], one), ["trusted", "refused", "trusted", "refused"])
    assert.equal(await verdicts([one.publicKey], two), ["refused", "refused", "refused", "refused"])
    assert.equal(await verdicts([one.publicKey, two.publicKey], two), ["trusted", "trusted", "refused", "refused"])
    assert.throws(() => patchTrustedKeys(devs.subarray(0, 100), [one.publicKey]), /no slots/)
    assert.throws(() => patchTrustedKeys(devs, [one.publicKey.subarray(4)]), /not an HSS public key/)
    assert.throws(() => patchTrustedKeys(Buffer.concat([devs, devs]), [one.publicKey]), /more than one/)
})

test.run()
