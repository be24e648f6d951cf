import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"
import { runningSequence } from "../bootloader/boot"
import { readValue, writeValue } from "../bootloader/store"
import { baseId } from "../hotswap"
import { parseStatement } from "./statement"
import { signerSlot, trustedKey, TRUSTED_KEY_SLOTS } from "./trusted-keys"

/**
 * What the signer has said beyond updates: which key is not trusted any more, and what the
 * newest update is. Kept in the setting `hTrust`, written once for each statement:
 *
 * ```
 *  offset size  field
 *   0     4     1
 *   4     4     newest freshness: issued at, seconds since 1970 (0 = none yet)
 *   8     4     it holds until
 *  12     4     newest sequence
 *  16    16     start of the SHA-256 of the revoked key (0 = none)
 * ```
 * A board has no clock. The signed time of issue, plus the time since, is a lower bound of
 * the time: enough to see that an update has expired, and that no news comes any more.
 */
const RECORD_BYTES = 32
const STORE_MS = 1000

let record: Buffer
/** `ds.millis()` when the newest freshness statement came; 0 = before this start. */
let receivedMs = 0
/** Until when the board may be behind. */
let deadlineUnixS = 0
let offeredSequence = 0

/** False while the store is silent: then no signature is believed, as its key may be revoked. */
export async function loadTrust() {
    if (record) return true
    const value = await readValue("hTrust", ds.millis() + STORE_MS)
    if (!value) return false
    record = value.length === RECORD_BYTES ? value : Buffer.alloc(RECORD_BYTES)
    record[0] = 1
    deadlineUnixS = record.getAt(8, "u32")
    return true
}

/** Compare it with 0: a number of 2^31 and more is falsy on the VM. */
function u32(offset: number): number {
    return record ? record.getAt(offset, "u32") : 0
}

/** When the newest freshness statement was issued; 0 = there is none. */
export function freshAt() {
    return u32(4)
}

/** What the revoked key is called: 8 hex digits, or "". */
export function revokedName() {
    return u32(16) > 0 ? record.slice(16, 20).toString("hex") : ""
}

/** The earliest that it can be now, in seconds since 1970; 0 = not known. */
export function nowUnixS() {
    const issued = u32(4)
    return issued > 0 ? issued + Math.idiv(ds.millis() - receivedMs, 1000) : 0
}

/** The signature of this sequence was good: the board is offered it, whatever comes of it. */
export function noteOffered(sequence: number) {
    if (sequence > offeredSequence) offeredSequence = sequence
}

function isBehind() {
    return u32(12) > Math.max(runningSequence(), offeredSequence)
}

/** The board is kept back: it gets no newer statement, or not the update that one speaks of. */
export function frozen() {
    return freshAt() > 0 && nowUnixS() > deadlineUnixS
}

function keyName(slot: number): string {
    const key = trustedKey(slot)
    return key ? digest("sha256", key).slice(0, 16).toString("hex") : ""
}

/** Bit n set: the key in slot n is not trusted any more. */
export function revokedSlots() {
    if (!revokedName()) return 0
    const revoked = record.slice(16, 32).toString("hex")
    let slots = 0
    for (let slot = 0; slot < TRUSTED_KEY_SLOTS; ++slot) if (keyName(slot) === revoked) slots |= 1 << slot
    return slots
}

/**
 * Takes a statement. Its code when it is refused, "" when it is taken or known already.
 * Throws when its signature cannot be fetched.
 */
export async function takeStatement(
    manifest: Buffer,
    signatureBytes: number,
    read: (offset: number) => Promise<Buffer>
): Promise<string> {
    const s = parseStatement(manifest)
    if (!s || !(signatureBytes > 0 && signatureBytes <= 4096)) return "HOV_STATEMENT"
    if (!(await loadTrust())) return "HOV_STORE"
    let revokedSlot = -1
    if (s.revokes) {
        const name = s.keyDigest.slice(0, 16).toString("hex")
        for (let slot = 0; slot < TRUSTED_KEY_SLOTS; ++slot) if (keyName(slot) === name) revokedSlot = slot
        // a key that this base does not have needs no revoking
        if (revokedSlot < 0 || revokedSlots() & (1 << revokedSlot)) return ""
    } else {
        if (s.baseId !== baseId()) return "HOV_STATEMENT_BASE"
        if (s.issuedAtUnixS === freshAt()) return ""
        if (s.issuedAtUnixS < freshAt()) return "HOV_STATEMENT_OLD"
    }
    const signer = await signerSlot(manifest, signatureBytes, read, revokedSlots())
    if (signer < 0) return "HOV_SIGNATURE"
    // the key in daily use is the first to be stolen: it cannot revoke the one kept behind it
    if (signer <= revokedSlot) return "HOV_REVOKE_KEY"
    const before = record.slice()
    if (s.revokes) record.blitAt(16, s.keyDigest, 0, 16)
    else record.blitAt(4, freshRecord(s.issuedAtUnixS, s.notAfterUnixS, s.newestSequence), 0, 12)
    if (!(await writeValue("hTrust", record, ds.millis() + STORE_MS))) {
        record = before
        return "HOV_STORE"
    }
    if (s.revokes) return ""
    const wasBehind = before.getAt(12, "u32") > Math.max(runningSequence(), offeredSequence)
    receivedMs = ds.millis()
    // who stays behind does not get more time with every statement
    if (!wasBehind || !isBehind()) deadlineUnixS = s.notAfterUnixS
    return ""
}

function freshRecord(issuedAtUnixS: number, notAfterUnixS: number, newestSequence: number) {
    const b = Buffer.alloc(12)
    b.setAt(0, "u32", issuedAtUnixS)
    b.setAt(4, "u32", notAfterUnixS)
    b.setAt(8, "u32", newestSequence)
    return b
}
