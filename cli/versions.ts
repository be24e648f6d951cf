import { CliError } from "./cli-error.ts"

/** A version has 16 bytes in the manifest, and is a piece of an address at the server. */
export function checkVersion(version: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,15}$/.test(version))
        throw new CliError("HOV_CLI_USAGE", `"${version}" is no version: at most 16 letters, digits, '.', '_', '+' and '-', like 1.4.0`)
    return version
}
