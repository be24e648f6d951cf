/* The one place where the updater asks whether a manifest is signed. */

let manifest: Buffer
let signature: Buffer
let have = 0

export function beginSignature(manifestBytes: Buffer, sizeBytes: number) {
    manifest = manifestBytes
    signature = Buffer.alloc(sizeBytes)
    have = 0
}

export async function addSignature(bytes: Buffer) {
    signature.blitAt(have, bytes, 0, bytes.length)
    have += bytes.length
}

/** Ends the check and frees its memory. */
export async function endSignature() {
    const good = manifest.length === 80 && have === signature.length
    manifest = undefined
    signature = undefined
    return good
}
