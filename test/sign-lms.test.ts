import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { parseArtifact } from "../toolchain/format/artifact.ts"
import { generateLmsKey } from "../toolchain/sign/lms-keygen.ts"
import { lmsParameters, lmsParametersName, lmsParametersOfTypes } from "../toolchain/sign/lms-parameters.ts"
import { lmsPublicKey, lmsSign } from "../toolchain/sign/lms-sign.ts"
import { hssPublicKey, hssSignature, verifyLms, verifySignature } from "../toolchain/sign/lms-verify.ts"
import { signArtifact } from "../toolchain/sign/sign-artifact.ts"
import { signedSample } from "./support/lms-sample.ts"

interface RfcCase {
    name: string
    publicKey: string
    seed?: string
    message: string
    signature: string
}
const rfc: { cases: RfcCase[] } = JSON.parse(
    readFileSync(new URL("./vectors/lms-rfc8554.json", import.meta.url), "utf8"),
)
const hex = (text: string) => Buffer.from(text, "hex")

for (const vector of rfc.cases)
    test(`RFC 8554 ${vector.name} verifies, and not for another message`, () => {
        const message = hex(vector.message)
        assert.ok(verifyLms(hex(vector.publicKey), message, hex(vector.signature)))
        message[0] ^= 1
        assert.not(verifyLms(hex(vector.publicKey), message, hex(vector.signature)))
    })

for (const vector of rfc.cases.filter(({ seed }) => seed))
    test(`RFC 8554 ${vector.name}: its seed gives its public key and, with its randomizer, its signature`, async () => {
        const publicKey = hex(vector.publicKey)
        const expected = hex(vector.signature)
        const parameters = lmsParametersOfTypes(publicKey.readUInt32BE(0), publicKey.readUInt32BE(4))
        assert.ok(parameters)
        const key = await generateLmsKey(parameters, {
            identifier: publicKey.subarray(8, 24),
            seed: hex(vector.seed ?? ""),
            processes: 1,
        })
        assert.equal(Buffer.from(lmsPublicKey(key)), publicKey)
        const signature = lmsSign(key, expected.readUInt32BE(0), expected.subarray(8, 40), hex(vector.message))
        assert.equal(Buffer.from(signature), expected)
    })

for (const height of [5, 10, 15])
    for (const winternitz of [4, 8]) {
        const parameters = lmsParameters(height, winternitz)
        test(`${lmsParametersName(parameters)} signs and verifies at its first, a middle and its last leaf`, () => {
            for (const index of [0, parameters.leafCount / 2 - 1, parameters.leafCount - 1]) {
                const { publicKey, message, signature } = signedSample(parameters, index)
                assert.is(signature.length, parameters.hssSignatureSizeBytes)
                assert.ok(verifySignature(publicKey, message, signature))
                signature[7] ^= 1 // the leaf number
                assert.not(verifySignature(publicKey, message, signature))
            }
        })
    }

test("a key made by several processes is the key that one process makes", async () => {
    const parameters = lmsParameters(10, 4)
    const identifier = randomBytes(16)
    const seed = randomBytes(32)
    let last = 0
    const many = await generateLmsKey(parameters, {
        identifier,
        seed,
        processes: 3,
        onProgress: (done, of) => {
            assert.ok(done >= last && done <= of)
            last = done
        },
    })
    const one = await generateLmsKey(parameters, { identifier, seed, processes: 1 })
    assert.is(last, 1024)
    assert.ok(Buffer.compare(many.tree, one.tree) === 0)
})

test("every single-bit flip of an artifact is refused: manifest, signature size, signature, image", async () => {
    const parameters = lmsParameters(5, 4)
    const key = await generateLmsKey(parameters)
    const publicKey = hssPublicKey(lmsPublicKey(key))
    const signer = {
        publicKey: async () => publicKey,
        remaining: async () => undefined,
        sign: async (message: Uint8Array) => hssSignature(lmsSign(key, 9, randomBytes(32), message)),
    }
    const bytes = await signArtifact(
        signer,
        { baseId: "0123456789abcdef", sequence: 2, productId: 7, notAfterUnixS: 0, version: "1.1.0", downgradeAllowed: false, cold: false },
        Buffer.from("a small image of forty bytes, more or less"),
    )
    assert.ok(isAccepted(bytes, publicKey))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3] ^= 1 << (bit & 7)
        assert.not(isAccepted(bytes, publicKey), `bit ${bit}`)
        bytes[bit >> 3] ^= 1 << (bit & 7)
    }
    assert.ok(isAccepted(bytes, publicKey))
})

function isAccepted(bytes: Uint8Array, publicKey: Uint8Array): boolean {
    try {
        const { manifestBytes, signature } = parseArtifact(bytes)
        return verifySignature(publicKey, manifestBytes, signature)
    } catch {
        return false
    }
}

test("every single-bit flip of the public key is refused, and a spread of the default signature's", () => {
    const { publicKey, message, signature } = signedSample(lmsParameters(10, 8), 77)
    const flipped = (bytes: Uint8Array, step: number) => {
        for (let bit = 0; bit < bytes.length * 8; bit += step) {
            bytes[bit >> 3] ^= 1 << (bit & 7)
            assert.not(verifySignature(publicKey, message, signature), `bit ${bit}`)
            bytes[bit >> 3] ^= 1 << (bit & 7)
        }
    }
    flipped(publicKey, 1)
    flipped(signature, process.env.HANDOVER_EXHAUSTIVE ? 1 : 29)
    assert.ok(verifySignature(publicKey, message, signature))
})

test("a signature of any other length is refused, also an empty one", () => {
    const { publicKey, message, signature } = signedSample(lmsParameters(5, 8), 3)
    for (let sizeBytes = 0; sizeBytes < signature.length; sizeBytes++)
        assert.not(verifySignature(publicKey, message, signature.subarray(0, sizeBytes)))
    assert.not(verifySignature(publicKey, message, Buffer.concat([signature, Buffer.alloc(1)])))
    for (let sizeBytes = 0; sizeBytes < publicKey.length; sizeBytes++)
        assert.not(verifySignature(publicKey.subarray(0, sizeBytes), message, signature))
})

test("a signature is bound to its key: another key of the same shape refuses it", () => {
    const one = signedSample(lmsParameters(5, 8), 3)
    const two = signedSample(lmsParameters(5, 8), 3)
    assert.not(verifySignature(two.publicKey, one.message, one.signature))
    assert.not(verifySignature(one.publicKey, one.message, two.signature))
})

test.run()
