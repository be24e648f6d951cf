import { createHash } from "node:crypto"

/**
 * The head of a base bundle (toolchain/pack/base-bundle.ts has the whole format): what a keeper of bundles has to
 * know. It does not link; that the bundle gives the base it names again is proved by the toolchain that reads it.
 */
export interface BaseBundleHead {
    readonly version: string
    /** 16 hex digits */
    readonly baseId: string
    readonly toolchain: string
    /** SHA-256 of the linked program, 64 hex digits */
    readonly linkedSha256: string
}

export class BaseBundleFileError extends Error {
    readonly code: "HOV_BUNDLE_FORMAT" | "HOV_BUNDLE_VERSION" | "HOV_BUNDLE_DAMAGED"
    constructor(code: BaseBundleFileError["code"], message: string) {
        super(message)
        this.name = "BaseBundleFileError"
        this.code = code
    }
}

/** @throws BaseBundleFileError when it is not a bundle, or its program is not the one that its digest names */
export function readBaseBundleHead(text: string): BaseBundleHead {
    let content: Record<string, unknown>
    try {
        content = JSON.parse(text)
    } catch {
        throw new BaseBundleFileError("HOV_BUNDLE_FORMAT", "not a base bundle: it is not JSON")
    }
    if (content?.format !== "handover-base") throw new BaseBundleFileError("HOV_BUNDLE_FORMAT", `not a base bundle: its "format" is not "handover-base"`)
    if (content.formatVersion !== 1) throw new BaseBundleFileError("HOV_BUNDLE_VERSION", `bundle format ${content.formatVersion} is not known`)
    const field = (name: string, pattern: RegExp): string => {
        const value = content[name]
        if (typeof value !== "string" || !pattern.test(value)) throw new BaseBundleFileError("HOV_BUNDLE_FORMAT", `not a base bundle: "${name}" is missing or odd`)
        return value
    }
    const digest = /^[0-9a-f]{64}$/
    const program = Buffer.from(field("program", /^[A-Za-z0-9+/=]+$/), "base64")
    if (createHash("sha256").update(program).digest("hex") !== field("programSha256", digest))
        throw new BaseBundleFileError("HOV_BUNDLE_DAMAGED", "the bundle's program does not match its digest: take an undamaged copy of base.json")
    return {
        version: field("version", /^[!-~]{1,16}$/),
        baseId: field("baseId", /^[0-9a-f]{16}$/),
        toolchain: field("toolchain", /^[!-~]{1,40}$/),
        linkedSha256: field("linkedSha256", digest),
    }
}
