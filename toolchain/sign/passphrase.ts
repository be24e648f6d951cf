/** Where a key's passphrase comes from: never from an argument, which other users of the machine can read. */
import { readFileSync } from "node:fs"
import { SignError } from "./sign-error.ts"

/**
 * `HANDOVER_KEY_PASSPHRASE`, else the first line of the file that `HANDOVER_KEY_PASSPHRASE_FILE` names.
 * @throws SignError `HOV_KEY_NO_PASSPHRASE`
 */
export function readPassphrase(environment: NodeJS.ProcessEnv = process.env): string {
    const { HANDOVER_KEY_PASSPHRASE: direct, HANDOVER_KEY_PASSPHRASE_FILE: path } = environment
    if (direct) return direct
    if (path) {
        const line = readFileSync(path, "utf8").split(/\r?\n/, 1)[0]
        if (line) return line
    }
    throw new SignError(
        "HOV_KEY_NO_PASSPHRASE",
        "no passphrase for the signing key: set HANDOVER_KEY_PASSPHRASE, or HANDOVER_KEY_PASSPHRASE_FILE to a file that holds it",
    )
}
