/**
 * What DDI says about a file beyond its bytes. It is kept as a blob, and an artifact row
 * of a DDI kind names it where that of a board names the signature: what signs these files
 * is inside of them (swupdate's CMS, RAUC's bundles), and is the device's to check.
 */
import { createHash } from "node:crypto"
import type { BlobStore } from "../store/blobs.ts"

export interface FileDescriptor {
    readonly kind: string
    readonly filename: string
    readonly sizeBytes: number
    readonly sha1: string
    readonly md5: string
    readonly sha256: string
}

export const FILENAME_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$"

const digestOf = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest("hex")

export const describeFile = (kind: string, filename: string, bytes: Uint8Array): FileDescriptor => ({
    kind,
    filename,
    sizeBytes: bytes.length,
    sha1: digestOf("sha1", bytes),
    md5: digestOf("md5", bytes),
    sha256: digestOf("sha256", bytes),
})

export async function readDescriptor(blobs: BlobStore, digest: string): Promise<FileDescriptor> {
    const bytes = await blobs.get(digest)
    if (bytes === undefined) throw new Error(`the description of a file, blob ${digest}, is gone`)
    return JSON.parse(Buffer.from(bytes).toString()) as FileDescriptor
}
