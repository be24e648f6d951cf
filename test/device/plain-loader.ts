// Stands in for `src/hotswap/index.ts` in tests of the bootloader and the updater: it
// checks the header and, in place of code, does what byte 24 of the image says.
import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"

export class HotswapError extends Error {
    constructor(public code: string) {
        super(code)
    }
}

export interface LoadedImage {
    sequence: number
    sizeBytes: number
    digest8: string
    deed: number
}

export interface Fault {
    message: string
    functionIndex: number
    pc: number
    native: string
    uptimeMs: number
}

enum Deed {
    Nothing = 0,
    Throw = 1,
    Panic = 2,
    RefuseToLoad = 3,
    PanicAtBoot = 4,
    Hang = 5,
    OutOfMemory = 6,
    StackOverflow = 7,
    Starve = 8,
    StarveLater = 9,
}

export type Reason = "boot" | "hot" | "rollback"

let handler: (fault: Fault) => void
let onTrial = false

export function baseId(): string {
    return "00c0ffee00c0ffee"
}

export function baseVersion(): string {
    return "1.0.0"
}

export async function loadImage(bytes: Buffer): Promise<LoadedImage> {
    if (bytes.getAt(0, "u32") !== 0x31564f48) throw new HotswapError("HOV_IMAGE_MAGIC")
    if (bytes.slice(8, 16).toString("hex") !== baseId()) throw new HotswapError("HOV_IMAGE_BASE")
    if (bytes.getAt(20, "u32") !== bytes.length) throw new HotswapError("HOV_IMAGE_SIZE")
    if (bytes[24] === Deed.RefuseToLoad) throw new HotswapError("HOV_IMAGE_LOAD")
    return {
        sequence: bytes.getAt(16, "u32"),
        sizeBytes: bytes.length,
        digest8: digest("sha256", bytes).slice(0, 4).toString("hex"),
        deed: bytes[24],
    }
}

function useMemory() {
    const all: Buffer[] = []
    while (true) all.push(Buffer.alloc(2000))
}

function recurse(n: number): number {
    return recurse(n + 1) + 1
}

async function doIt(deed: number, reason: string) {
    await ds.sleep(200)
    if (deed === Deed.Throw && onTrial) {
        onTrial = false
        console.log("plain went back")
        handler({ message: "deed 1", functionIndex: 7, pc: 42, native: "0102", uptimeMs: ds.millis() })
    }
    if (deed === Deed.Panic) ds._panic(1234)
    if (deed === Deed.PanicAtBoot && reason === "boot") ds._panic(1234)
    if (deed === Deed.Hang) while (true) {}
    if (deed === Deed.OutOfMemory) useMemory()
    if (deed === Deed.StackOverflow) recurse(1)
    // other fibers run, the VM's main loop does not
    if (deed === Deed.StarveLater) await ds.sleep(3000)
    if (deed === Deed.Starve || deed === Deed.StarveLater) while (true) await ds.sleep(0)
}

export async function activate(
    image: LoadedImage,
    options: { trial: boolean; reason: Reason; version: string }
) {
    onTrial = options.trial
    console.log(`plain active=${image.sequence} reason=${options.reason} sum=${image.digest8} trial=${options.trial}`)
    if (image.deed) doIt.start(image.deed, options.reason)
}

export async function ready(image: LoadedImage) {}

export function deactivate(): void {
    console.log("plain active=0")
}

export function onFault(f: (fault: Fault) => void): void {
    handler = f
}

export function confirmTrial(): void {
    onTrial = false
}

export function isMigrationStuck(): boolean {
    return false
}

/** It has no functions of its own that could still run. */
export function oldCalls(): any[] {
    return []
}
