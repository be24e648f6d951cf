import { createHash } from "node:crypto"
import { createRequire } from "node:module"
import { gunzipSync, gzipSync } from "node:zlib"
import { type LinkedBase, linkBase } from "../link/link-base.ts"
import { type CompiledProgram, type Ownership, readProgram } from "../program/compiled-program.ts"
import { readProductId, readTrustedKeys, SignError } from "../sign/index.ts"
import { PackError } from "./pack-error.ts"

/**
 * All that later builds need to make images for a base that is out in the field. Keep it as long as boards run that base,
 * like the base's own source: without it there is no update for them but a new base.
 *
 * ```json
 * {
 *   "format": "handover-base", "formatVersion": 1, "toolchain": "0.1.0",
 *   "version": "1.0.0", "baseId": "<16 hex digits>",
 *   "trustedKeys": ["<60 bytes as hex>"],
 *   "program": "<.devs as compiled, keys in it; base64>", "programSha256": "...",
 *   "debug": "<debug info as compiled, with the sources; gzip, base64>", "debugSha256": "...",
 *   "ownership": { "residentPaths": [...] },
 *   "linkedSha256": "...", "linkedSizeBytes": 53000
 * }
 * ```
 * The linked program is not in it: linking gives the same bytes again, which `linkedSha256` proves. When it does not,
 * this toolchain numbers handlers and values otherwise than the board does, and every image would be wrong.
 */
export interface BaseBundle {
    readonly version: string
    /** 16 hex digits */
    readonly baseId: string
    /** 60-byte public keys that the board trusts */
    readonly trustedKeys: readonly Uint8Array[]
    /** vendor and class of the boards: they take no other product's updates */
    readonly productId: number
    /** version of the toolchain that wrote it */
    readonly toolchain: string
    readonly linked: LinkedBase
}

const bundleFormat = "handover-base"
const bundleVersion = 1

interface BundleFile {
    readonly format: string
    readonly formatVersion: number
    readonly toolchain: string
    readonly version: string
    readonly baseId: string
    readonly trustedKeys: readonly string[]
    readonly program: string
    readonly programSha256: string
    readonly debug: string
    readonly debugSha256: string
    readonly ownership: Ownership
    readonly linkedSha256: string
    readonly linkedSizeBytes: number
}

const require = createRequire(import.meta.url)
export const toolchainVersion = (require("../../package.json") as { version: string }).version

/** Links a program and makes the bundle of the base it becomes. */
export function baseBundle(program: CompiledProgram, version: string): BaseBundle {
    const linked = linkBase(program, version)
    return {
        version,
        baseId: Buffer.from(linked.baseId).toString("hex"),
        trustedKeys: keysIn(program),
        productId: productOf(program),
        toolchain: toolchainVersion,
        linked,
    }
}

function productOf(program: CompiledProgram): number {
    return keysIn(program).length ? readProductId(program.file) : 0
}

/** None for a program that was built without the part of the resident that checks signatures. */
function keysIn(program: CompiledProgram): Uint8Array[] {
    try {
        return readTrustedKeys(program.file)
    } catch (e) {
        if (e instanceof SignError && e.code === "HOV_TRUSTED_KEYS") return []
        throw e
    }
}

export function encodeBaseBundle(bundle: BaseBundle): string {
    const { program, file } = bundle.linked
    const debug = JSON.stringify(program.debug)
    const content: BundleFile = {
        format: bundleFormat,
        formatVersion: bundleVersion,
        toolchain: bundle.toolchain,
        version: bundle.version,
        baseId: bundle.baseId,
        trustedKeys: bundle.trustedKeys.map(k => Buffer.from(k).toString("hex")),
        program: Buffer.from(program.file).toString("base64"),
        programSha256: sha256(program.file),
        debug: gzipSync(debug).toString("base64"),
        debugSha256: sha256(debug),
        ownership: program.ownership,
        linkedSha256: sha256(file),
        linkedSizeBytes: file.length,
    }
    return `${JSON.stringify(content, undefined, 1)}\n`
}

/**
 * Reads a bundle and links its base again.
 * @throws PackError `HOV_BUNDLE_FORMAT`, `HOV_BUNDLE_VERSION`, `HOV_BUNDLE_DAMAGED`, `HOV_BUNDLE_TOOLCHAIN`
 */
export function readBaseBundle(text: string): BaseBundle {
    const content = parse(text)
    const program = Buffer.from(content.program, "base64")
    if (sha256(program) !== content.programSha256) throw damaged("program")
    const debug = unzip(content.debug)
    if (sha256(debug) !== content.debugSha256) throw damaged("debug information")
    let linked: LinkedBase
    try {
        linked = linkBase(readProgram(new Uint8Array(program), debug, content.ownership), content.version)
    } catch (e) {
        throw otherToolchain(content, `it cannot link the program: ${(e as Error).message}`)
    }
    if (sha256(linked.file) !== content.linkedSha256) throw otherToolchain(content, "it links the program to other bytes")
    const baseId = Buffer.from(linked.baseId).toString("hex")
    if (baseId !== content.baseId) throw damaged("base id")
    return {
        version: content.version,
        baseId,
        trustedKeys: content.trustedKeys.map(k => new Uint8Array(Buffer.from(k, "hex"))),
        productId: productOf(linked.program),
        toolchain: content.toolchain,
        linked,
    }
}

/** Whether a text is meant to be a bundle, valid or not: to tell it from other JSON files. */
export function looksLikeBaseBundle(text: string): boolean {
    return text.slice(0, 200).includes(`"${bundleFormat}"`)
}

function parse(text: string): BundleFile {
    let content: Partial<BundleFile>
    try {
        content = JSON.parse(text) as Partial<BundleFile>
    } catch {
        throw notABundle("it is not JSON")
    }
    if (content?.format !== bundleFormat) throw notABundle(`its "format" is not "${bundleFormat}"`)
    if (content.formatVersion !== bundleVersion)
        throw new PackError(
            "HOV_BUNDLE_VERSION",
            `bundle format ${content.formatVersion} is not known, only ${bundleVersion}: use handover ${content.toolchain ?? "of its time"}`,
        )
    for (const field of ["toolchain", "version", "baseId", "program", "programSha256", "debug", "debugSha256", "linkedSha256"] as const)
        if (typeof content[field] !== "string") throw notABundle(`"${field}" is missing`)
    if (!Array.isArray(content.trustedKeys) || !content.trustedKeys.every(k => typeof k === "string" && /^[0-9a-f]{120}$/.test(k)))
        throw notABundle(`"trustedKeys" are not public keys of 60 bytes`)
    if (!Array.isArray(content.ownership?.residentPaths)) throw notABundle(`"ownership" is missing`)
    return content as BundleFile
}

function unzip(text: string): string {
    try {
        // a debug info is about 1 MB; a file made to burst is refused
        return gunzipSync(Buffer.from(text, "base64"), { maxOutputLength: 64 << 20 }).toString("utf8")
    } catch {
        throw damaged("debug information")
    }
}

function sha256(bytes: Uint8Array | string): string {
    return createHash("sha256").update(bytes).digest("hex")
}

function notABundle(why: string): PackError {
    return new PackError("HOV_BUNDLE_FORMAT", `not a base bundle: ${why}. Take the base.json that "handover build" wrote`)
}

function damaged(what: string): PackError {
    return new PackError("HOV_BUNDLE_DAMAGED", `the bundle's ${what} does not match its digest: take an undamaged copy of base.json`)
}

function otherToolchain(content: BundleFile, why: string): PackError {
    const writer = `handover ${content.toolchain}`
    const known = content.toolchain === toolchainVersion ? `another build of ${writer}` : `${writer}, this is ${toolchainVersion}`
    return new PackError(
        "HOV_BUNDLE_TOOLCHAIN",
        `base ${content.baseId} was linked by ${known}, and ${why}. Use the toolchain that linked it, or release a new base`,
    )
}
