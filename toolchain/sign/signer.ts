/**
 * Who signs: a key file on this machine (`key-file.ts`), or anything outside,
 * such as an HSM or a step of a CI system (`command-signer.ts`).
 */
export interface Signer {
    /** The HSS public key (60 bytes) that boards check against. */
    publicKey(): Promise<Uint8Array>
    /** Signatures left, or undefined when the signer does not tell. */
    remaining(): Promise<number | undefined>
    /** The HSS signature of `message`. Each call may use up one leaf, also when it fails. */
    sign(message: Uint8Array): Promise<Uint8Array>
}

/** Warn when fewer than this part of a key's signatures are left. */
export const LOW_REMAINING_RATIO = 0.1

/** What names a key in lists and logs: the first 8 bytes of its LMS identifier, as hex. */
export function keyIdOf(hssPublicKey: Uint8Array): string {
    return Buffer.from(hssPublicKey.subarray(12, 20)).toString("hex")
}
