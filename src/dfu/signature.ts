import { loadTrust, revokedSlots } from "./trust"
import { signerSlot } from "./trusted-keys"

/**
 * Whether a trusted key signed a manifest. The signature, about 1.5 KB, is read as it is checked and never in memory as
 * a whole; a read that throws ends the check.
 */
export async function isSigned(manifest: Buffer, sizeBytes: number, read: (offset: number) => Promise<Buffer>) {
    return (await loadTrust()) && (await signerSlot(manifest, sizeBytes, read, revokedSlots())) >= 0
}
