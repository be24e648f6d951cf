import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createKeyFile, keyFileSigner, lmsParameters, readKeyInfo, type Signer } from "../../toolchain/sign/index.ts"

/**
 * 1,024 edits; verifying with W4 costs a board an eighth of what W8 does. The passphrase is random and never leaves this
 * process, so that stretching it would only make each edit slower.
 */
const KEY = { parameters: lmsParameters(10, 4), scryptLogN: 10 }

/** A signing key for the base of a simulated board, which nothing else trusts. It ends with the session. */
export class SessionKey {
    private readonly folder: string
    readonly publicKey: Uint8Array
    readonly signer: Signer

    private constructor(folder: string, file: string, passphrase: string) {
        this.folder = folder
        this.publicKey = readKeyInfo(file).publicKey
        this.signer = keyFileSigner(file, passphrase)
    }

    static async make(): Promise<SessionKey> {
        const folder = mkdtempSync(join(tmpdir(), "handover-dev-"))
        const [file, passphrase] = [join(folder, "session.key"), randomBytes(16).toString("hex")]
        await createKeyFile(file, passphrase, KEY)
        return new SessionKey(folder, file, passphrase)
    }

    remove(): void {
        rmSync(this.folder, { recursive: true, force: true })
    }
}
