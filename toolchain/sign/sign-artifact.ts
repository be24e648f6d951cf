/** From an image and what it is for to the `.hoa` file that is published. */
import { createHash } from "node:crypto"
import { encodeArtifact } from "../format/artifact.ts"
import { encodeManifest } from "../format/manifest.ts"
import type { Manifest } from "../format/manifest.ts"
import type { Signer } from "./signer.ts"

/** What the image itself does not say; size and digest are taken from its bytes. */
export type ArtifactDescription = Omit<Manifest, "imageSizeBytes" | "imageDigest">

/**
 * Uses up one signature. The manifest is checked before the signer is asked.
 * @throws ManifestError
 * @throws SignError
 */
export async function signArtifact(
    signer: Signer,
    description: ArtifactDescription,
    image: Uint8Array,
): Promise<Uint8Array> {
    const imageDigest = createHash("sha256").update(image).digest("hex")
    const manifest: Manifest = { ...description, imageSizeBytes: image.length, imageDigest }
    const signature = await signer.sign(encodeManifest(manifest))
    return encodeArtifact(manifest, signature, image)
}
