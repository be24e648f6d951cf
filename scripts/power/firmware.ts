import { readFileSync } from "node:fs"
import { join } from "node:path"
import { buildPlainFirmware } from "../../test/support/resident-program.ts"

/** What a signature check is not about: power. The real one has its own tests, and takes a second on this VM. */
const ANY_SIGNATURE = `
export async function isSigned(manifest: Buffer, sizeBytes: number, read: (offset: number) => Promise<Buffer>) {
    return true
}
`

/** The resident with the plain loader and a driver in the place of app and server. */
export async function powerFirmware(replaced: Record<string, string> = {}): Promise<Uint8Array> {
    const driver = readFileSync(join(import.meta.dirname, "../../test/device/power-driver.ts"), "utf8")
    const { devs } = await buildPlainFirmware({ "main.ts": driver, "dfu/signature.ts": ANY_SIGNATURE, ...replaced })
    return devs
}
