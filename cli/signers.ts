import { commandSigner, keyFileSigner, keyIdOf, readKeyInfo, readPassphrase, type Signer } from "../toolchain/sign/index.ts"
import type { BaseBundle } from "../toolchain/pack/base-bundle.ts"
import { CliError } from "./cli-error.ts"
import type { Config } from "./config.ts"
import { existsSync, readFileSync } from "node:fs"
import { shown } from "./paths.ts"
import type { Output } from "./output.ts"

/** Public keys for a new base, in their slots: of the key files, the outside signer, or files that `keys export-public` wrote. */
export function keysToTrust(config: Config, files: readonly string[]): Uint8Array[] {
    if (files.length) return files.map(publicKeyOf)
    const keys = config.keyFiles.map(publicKeyOf)
    if (config.signer) keys.push(fromHex(config.signer.publicKey))
    return keys
}

export function publicKeyOf(file: string): Uint8Array {
    const text = existsSync(file) ? readFileSync(file, "latin1").trim() : ""
    return /^[0-9a-f]{120}$/.test(text) ? fromHex(text) : readKeyInfo(file).publicKey
}

export interface ChosenSigner {
    readonly signer: Signer
    /** undefined for a signer outside of this process */
    readonly keyFile?: string
}

/**
 * The signer whose public key this base trusts.
 * @throws CliError `HOV_CLI_NO_KEY`, `HOV_CLI_KEY_NOT_TRUSTED`
 */
export async function signerFor(base: BaseBundle, config: Config, files: readonly string[], env: NodeJS.ProcessEnv): Promise<ChosenSigner> {
    const trusts = (key: Uint8Array) => base.trustedKeys.some(k => Buffer.compare(k, key) === 0)
    const keyFiles = files.length ? files : config.keyFiles
    if (!keyFiles.length && !config.signer) throw noKey()
    for (const file of keyFiles) if (trusts(readKeyInfo(file).publicKey)) return { signer: keyFileSigner(file, readPassphrase(env)), keyFile: file }
    if (config.signer && !files.length) {
        const publicKey = fromHex(config.signer.publicKey)
        if (trusts(publicKey)) return { signer: commandSigner({ command: config.signer.command, publicKey }) }
    }
    const wanted = base.trustedKeys.map(keyIdOf).join(", ") || "none: it was built with --no-keys"
    throw new CliError(
        "HOV_CLI_KEY_NOT_TRUSTED",
        `base ${base.baseId} does not trust ${keyFiles.map(shown).join(" or ") || "the signer"}; it trusts ${wanted}. Sign with that key`,
    )
}

export function noKey(): CliError {
    return new CliError("HOV_CLI_NO_KEY", `no signing key: make one with "handover keys new FILE", or name one with --key or "keys" in handover.json`)
}

/** Says so when fewer than a tenth of a key's signatures are left. */
export function warnWhenLow(out: Output, keyFile: string | undefined): void {
    if (keyFile === undefined) return
    const { low, remaining, total } = readKeyInfo(keyFile)
    if (low) out.warn(`${shown(keyFile)} has ${remaining} of ${total} signatures left: make the next key with "handover keys rotate FILE"`)
}

function fromHex(text: string): Uint8Array {
    return new Uint8Array(Buffer.from(text, "hex"))
}
