import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { test } from "./support/suite.ts"
import * as assert from "uvu/assert"
import { encodeArtifact, parseArtifact } from "../toolchain/format/artifact.ts"
import { encodeManifest, parseManifest } from "../toolchain/format/manifest.ts"
import type { Manifest } from "../toolchain/format/manifest.ts"

interface Vectors {
    valid: { name: string; manifest: Manifest; bytes: string }[]
    refused: { name: string; code: string; bytes: string }[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL("./vectors/manifest.json", import.meta.url), "utf8"))

const image = Buffer.from("a script image")
const manifest = vectors.valid[0].manifest
const signature = Buffer.alloc(1452, 7)

function codeOf(act: () => unknown): string {
    try {
        act()
    } catch (error) {
        return (error as { code?: string }).code ?? String(error)
    }
    return "accepted"
}

for (const vector of vectors.valid)
    test(`a manifest of ${vector.name} has its golden bytes and reads back`, () => {
        assert.is(Buffer.from(encodeManifest(vector.manifest)).toString("hex"), vector.bytes)
        assert.equal(parseManifest(Buffer.from(vector.bytes, "hex")), vector.manifest)
    })

for (const vector of vectors.refused)
    test(`a manifest with ${vector.name} is refused with ${vector.code}`, () => {
        assert.is(
            codeOf(() => parseManifest(Buffer.from(vector.bytes, "hex"))),
            vector.code,
        )
    })

test("no two different manifests have the same meaning: each single-bit flip is refused or read differently", () => {
    const bytes = encodeManifest(manifest)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Uint8Array.from(bytes)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        let read: Manifest
        try {
            read = parseManifest(flipped)
        } catch {
            continue
        }
        assert.is.not(JSON.stringify(read), JSON.stringify(manifest), `bit ${bit}`)
        assert.equal(encodeManifest(read), flipped)
    }
})

test("a value that does not fit its field is refused when a manifest is made", () => {
    for (const wrong of [
        { sequence: -1 },
        { sequence: 2 ** 32 },
        { productId: 1.5 },
        { notAfterUnixS: Number.NaN },
        { baseId: "0123" },
        { baseId: "0123456789ABCDEF" },
        { imageDigest: "zz".repeat(32) },
    ])
        assert.is(
            codeOf(() => encodeManifest({ ...manifest, ...wrong })),
            "HOV_MANIFEST_FIELD",
        )
    for (const version of ["", "1.0.0-rc.1+build9", "1 0", "é"])
        assert.is(
            codeOf(() => encodeManifest({ ...manifest, version })),
            "HOV_MANIFEST_VERSION",
        )
    for (const imageSizeBytes of [0, -1, 229377])
        assert.is(
            codeOf(() => encodeManifest({ ...manifest, imageSizeBytes })),
            "HOV_MANIFEST_IMAGE_SIZE",
        )
})

test("an artifact reads back as its manifest, signature and image", () => {
    const bytes = encodeArtifact(manifest, signature, image)
    const artifact = parseArtifact(bytes)
    assert.equal(artifact.manifest, manifest)
    assert.equal(artifact.manifestBytes, encodeManifest(manifest))
    assert.equal(Buffer.from(artifact.signature), signature)
    assert.equal(Buffer.from(artifact.image), image)
})

test("an artifact cut anywhere, or with a byte more, is refused", () => {
    const bytes = encodeArtifact(manifest, Buffer.alloc(20, 7), image)
    for (let sizeBytes = 0; sizeBytes < bytes.length; sizeBytes++)
        assert.is(
            codeOf(() => parseArtifact(bytes.subarray(0, sizeBytes))),
            "HOV_ARTIFACT_TRUNCATED",
        )
    assert.is(
        codeOf(() => parseArtifact(Buffer.concat([bytes, Buffer.alloc(1)]))),
        "HOV_ARTIFACT_TRAILING",
    )
})

test("an image that is not the manifest's is refused, when written and when read", () => {
    const other = Buffer.from("a Script image")
    assert.is(
        codeOf(() => encodeArtifact(manifest, signature, other)),
        "HOV_ARTIFACT_DIGEST",
    )
    const bytes = encodeArtifact(manifest, signature, image)
    bytes[bytes.length - 1] ^= 1
    assert.is(
        codeOf(() => parseArtifact(bytes)),
        "HOV_ARTIFACT_DIGEST",
    )
    assert.is(createHash("sha256").update(image).digest("hex"), manifest.imageDigest)
})

test("an artifact without a signature is refused, when written and when read", () => {
    assert.is(
        codeOf(() => encodeArtifact(manifest, new Uint8Array(), image)),
        "HOV_ARTIFACT_UNSIGNED",
    )
    const bytes = encodeArtifact(manifest, signature, image)
    bytes.fill(0, 80, 82)
    assert.is(
        codeOf(() => parseArtifact(bytes)),
        "HOV_ARTIFACT_UNSIGNED",
    )
})

test.run()
