// Placeholder with the loader's interface, until the loader itself is here.
export class HotswapError extends Error {
    constructor(public code: string) {
        super(code)
    }
}

export interface LoadedImage {
    sequence: number
    sizeBytes: number
    digest8: string
}

export interface Fault {
    message: string
    functionIndex: number
    pc: number
    native: string
    uptimeMs: number
}

let faultHandler: (fault: Fault) => void

export function baseId(): string {
    return "0000000000000000"
}

export function baseVersion(): string {
    return "1.0.0"
}

export function loadImage(bytes: Buffer): LoadedImage {
    if (bytes.length < 24 || bytes.getAt(0, "u32") !== 0x31564f48)
        throw new HotswapError("HOV_IMAGE_MAGIC")
    if (bytes.slice(8, 16).toString("hex") !== baseId())
        throw new HotswapError("HOV_IMAGE_BASE")
    if (bytes.getAt(20, "u32") !== bytes.length)
        throw new HotswapError("HOV_IMAGE_SIZE")
    return { sequence: bytes.getAt(16, "u32"), sizeBytes: bytes.length, digest8: "" }
}

export function activate(
    image: LoadedImage,
    options: { trial: boolean; reason: "boot" | "hot"; version: string }
): void {
    console.log(`hotswap placeholder seq=${image.sequence} trial=${options.trial}`)
}

export function deactivate(): void {}

export function onFault(handler: (fault: Fault) => void): void {
    faultHandler = handler
}

export function confirmTrial(): void {
    if (!faultHandler) console.log("hotswap placeholder confirmed")
}
