/** The threats that RFC 9124 lists against a manifest, one test each, on the host's half; the board's are in `sign-device-manifest` and `device-*`. */
import { createHash, randomBytes } from "node:crypto"
import { suite } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeArtifact, parseArtifact } from "../toolchain/format/artifact.ts"
import { encodeManifest, parseManifest } from "../toolchain/format/manifest.ts"
import type { Manifest } from "../toolchain/format/manifest.ts"
import { encodeStatement, encodeStatementFile, parseStatement, parseStatementFile } from "../toolchain/format/statement.ts"
import type { Statement } from "../toolchain/format/statement.ts"
import { lmsParameters } from "../toolchain/sign/lms-parameters.ts"
import { verifySignature } from "../toolchain/sign/lms-verify.ts"
import { signedSample } from "./support/lms-sample.ts"

const test = suite("threats against a manifest")
const image = randomBytes(200)
const manifest: Manifest = {
    baseId: "0123456789abcdef",
    sequence: 7,
    imageSizeBytes: image.length,
    productId: 1,
    notAfterUnixS: 0,
    imageDigest: createHash("sha256").update(image).digest("hex"),
    version: "1.1.0",
    downgradeAllowed: false,
    cold: false,
}
const signature = randomBytes(1456)
const artifact = Buffer.from(encodeArtifact(manifest, signature, image))
const statements: Statement[] = [
    { kind: "revoke", keyDigest: "ab".repeat(32) },
    { kind: "fresh", baseId: "0123456789abcdef", newestSequence: 3_000_000_000, newestVersion: "1.1.0", issuedAtUnixS: 1_800_000_000, notAfterUnixS: 4_000_000_000 },
]

test("mix-and-match: an image of another release under this manifest is refused", () => {
    const other = Buffer.from(artifact)
    randomBytes(image.length).copy(other, other.length - image.length)
    assert.throws(() => parseArtifact(other), hasCode("HOV_ARTIFACT_DIGEST"))
})

test("mix-and-match: the signature of another manifest does not fit", () => {
    const one = signedSample(lmsParameters(5, 4), 1, encodeManifest(manifest))
    assert.ok(verifySignature(one.publicKey, one.message, one.signature))
    assert.not(verifySignature(one.publicKey, encodeManifest({ ...manifest, sequence: 8 }), one.signature))
})

test("truncation: an artifact that ends anywhere is refused", () => {
    for (let size = 0; size < artifact.length; size++) assert.throws(() => parseArtifact(artifact.subarray(0, size)), (error: { code: string }) => /^HOV_(ARTIFACT|MANIFEST)_/.test(error.code))
})

test("oversize: bytes behind the image, and a size over every board's, are refused", () => {
    assert.throws(() => parseArtifact(Buffer.concat([artifact, Buffer.alloc(1)])), hasCode("HOV_ARTIFACT_TRAILING"))
    assert.throws(() => encodeManifest({ ...manifest, imageSizeBytes: 300_000 }), hasCode("HOV_MANIFEST_IMAGE_SIZE"))
})

test("unknown fields: a byte that means nothing must be 0, an unknown flag is refused", () => {
    for (const flags of [4, 8, 16, 32, 64, 128, 5, 6]) {
        const bytes = Buffer.from(encodeManifest(manifest))
        bytes[5] = flags
        assert.throws(() => parseManifest(bytes), hasCode("HOV_MANIFEST_FLAGS"))
    }
})

test("a statement is read back as it was written; no update is a statement and no statement an update", () => {
    for (const statement of statements) {
        const bytes = encodeStatement(statement)
        assert.equal(parseStatement(bytes), statement)
        assert.throws(() => parseManifest(bytes), hasCode("HOV_MANIFEST_FLAGS"))
        assert.equal(parseStatementFile(encodeStatementFile(statement, signature)).statement, statement)
    }
    assert.throws(() => parseStatement(encodeManifest(manifest)), hasCode("HOV_MANIFEST_FLAGS"))
})

test("every flipped bit of a statement is refused or another statement, never the same", () => {
    for (const statement of statements) {
        const bytes = Buffer.from(encodeStatement(statement))
        for (let bit = 0; bit < bytes.length * 8; bit++) {
            bytes[bit >> 3] ^= 1 << (bit & 7)
            let read: Statement | undefined
            try {
                read = parseStatement(bytes)
            } catch {
                read = undefined
            }
            assert.not.equal(read, statement, `bit ${bit}`)
            bytes[bit >> 3] ^= 1 << (bit & 7)
        }
    }
})

test("a statement's file that is cut or goes on is refused", () => {
    const file = Buffer.from(encodeStatementFile(statements[0], signature))
    for (let size = 0; size < file.length; size++) assert.throws(() => parseStatementFile(file.subarray(0, size)), /HOVM|bytes|statement/)
    assert.throws(() => parseStatementFile(Buffer.concat([file, Buffer.alloc(1)])), hasCode("HOV_MANIFEST_SIZE"))
})

test("freshness that holds for no time at all is not signed", () => {
    assert.throws(() => encodeStatement({ ...statements[1], notAfterUnixS: 1_800_000_000 } as Statement), hasCode("HOV_MANIFEST_FIELD"))
})

function hasCode(code: string) {
    return (error: { code: string }) => error.code === code
}

test.run()
