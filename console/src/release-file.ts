/** What a file of a release says about itself, before it is sent; the server checks it all again. */
export interface ReleaseFile {
    readonly name: string
    readonly kind: "artifact" | "map" | "base"
    readonly version: string
    readonly base: string
    readonly sequence?: number
    readonly cold?: boolean
    readonly blob: Blob
}

/** The manifest at the head of an artifact (toolchain/format/manifest.ts). */
const MANIFEST_BYTES = 80
const MAGIC = 0x4d564f48
const COLD = 2

/** Undefined when it is none of what a release is made of. */
export async function readReleaseFile(file: File): Promise<ReleaseFile | undefined> {
    const { name } = file
    if (file.size >= MANIFEST_BYTES) {
        const head = new DataView(await file.slice(0, MANIFEST_BYTES).arrayBuffer())
        if (head.getUint32(0, true) === MAGIC) {
            const bytes = new Uint8Array(head.buffer)
            const version = new TextDecoder().decode(bytes.subarray(64, 80)).replace(/\0+$/, "")
            const base = [...bytes.subarray(8, 16)].map(byte => byte.toString(16).padStart(2, "0")).join("")
            return { name, kind: "artifact", version, base, sequence: head.getUint32(16, true), cold: (bytes[5] & COLD) !== 0, blob: file }
        }
    }
    try {
        const { format, version, baseId } = JSON.parse(await file.text()) as Record<string, string>
        if (format === "handover-image-map") return { name, kind: "map", version, base: baseId, blob: file }
        if (format === "handover-base") return { name, kind: "base", version, base: baseId, blob: file }
    } catch {
        // Not JSON: none of ours.
    }
    return undefined
}
