export type PackErrorCode =
    | "HOV_BUNDLE_FORMAT"
    | "HOV_BUNDLE_VERSION"
    | "HOV_BUNDLE_DAMAGED"
    | "HOV_BUNDLE_TOOLCHAIN"
    | "HOV_MAP_FORMAT"
    | "HOV_MAP_VERSION"
    | "HOV_MAP_BASE"
    | "HOV_MAP_IMAGE"

/** A file beside a base or an image is not what it should be; the message says what to do. */
export class PackError extends Error {
    readonly code: PackErrorCode
    constructor(code: PackErrorCode, message: string) {
        super(message)
        this.name = "PackError"
        this.code = code
    }
}
