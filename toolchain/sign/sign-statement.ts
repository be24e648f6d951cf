/** Statements without an image: a key is revoked, or what the newest update is. Each uses up one signature. */
import { createHash } from "node:crypto"
import { encodeStatement, encodeStatementFile } from "../format/statement.ts"
import type { Freshness, Statement } from "../format/statement.ts"
import { HSS_PUBLIC_KEY_SIZE_BYTES } from "./lms-parameters.ts"
import { SignError } from "./sign-error.ts"
import type { Signer } from "./signer.ts"

/**
 * The `.hos` file that makes boards stop trusting `revokedKey`. A board takes it only from a key in a later
 * slot than the revoked one, so a thief of the key in daily use (slot 0) cannot revoke the one in the safe (slot 1).
 * @throws SignError `HOV_REVOKE_KEY` when the key would revoke itself
 */
export async function signRevocation(signer: Signer, revokedKey: Uint8Array): Promise<Uint8Array> {
    if (revokedKey.length !== HSS_PUBLIC_KEY_SIZE_BYTES)
        throw new SignError("HOV_REVOKE_KEY", `a public key is ${HSS_PUBLIC_KEY_SIZE_BYTES} bytes, not ${revokedKey.length}`)
    if (Buffer.compare(await signer.publicKey(), revokedKey) === 0)
        throw new SignError("HOV_REVOKE_KEY", "no board takes a revocation from the key that it revokes: sign with the next key")
    return signStatement(signer, { kind: "revoke", keyDigest: createHash("sha256").update(revokedKey).digest("hex") })
}

export const signFreshness = (signer: Signer, freshness: Omit<Freshness, "kind">): Promise<Uint8Array> =>
    signStatement(signer, { kind: "fresh", ...freshness })

async function signStatement(signer: Signer, statement: Statement): Promise<Uint8Array> {
    return encodeStatementFile(statement, await signer.sign(encodeStatement(statement)))
}
