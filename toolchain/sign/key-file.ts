/**
 * A signing key in an encrypted file.
 *
 * LMS is stateful: whoever sees two signatures of one leaf can forge a third. So
 * every leaf is *reserved* before it is used: the file with the next counter is
 * on the disk (file and directory synced) before a signature exists, and a lock
 * keeps a second process out. A crash in between wastes a leaf and never repeats one.
 *
 * What this cannot see is a copy: **never restore a key file from a backup and
 * never use one on two machines.** After a loss, make a new key and rotate; when
 * an old copy must be used, `skipTo` a leaf that is surely above all signatures
 * ever published (a signature's bytes 4..7 are its leaf).
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { writeDurably } from "./durable-write.ts"
import { encodeKeyRecord, newRecordSecret, openKeyRecord, parseKeyRecordHeader } from "./key-record.ts"
import type { OpenKeyRecord } from "./key-record.ts"
import { generateLmsKey } from "./lms-keygen.ts"
import type { KeygenOptions } from "./lms-keygen.ts"
import { DEFAULT_LMS_PARAMETERS, HASH_SIZE_BYTES } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"
import { lmsSign } from "./lms-sign.ts"
import { hssPublicKey, hssSignature, verifySignature } from "./lms-verify.ts"
import { withProcessLock } from "./process-lock.ts"
import type { LockOptions } from "./process-lock.ts"
import { SignError } from "./sign-error.ts"
import { keyIdOf, LOW_REMAINING_RATIO } from "./signer.ts"
import type { Signer } from "./signer.ts"

/** About 0.1 s and 32 MB per guess of the passphrase. */
const DEFAULT_SCRYPT_LOG_N = 15

export interface CreateKeyOptions extends KeygenOptions {
    parameters?: LmsParameters
    scryptLogN?: number
}

export interface KeyInfo {
    readonly keyId: string
    readonly parameters: LmsParameters
    /** 60 bytes. */
    readonly publicKey: Uint8Array
    readonly remaining: number
    readonly total: number
    /** Fewer than a tenth are left: make the next key and rotate. */
    readonly low: boolean
}

/**
 * Makes a key and writes it; an existing file is never overwritten.
 * @throws SignError `HOV_KEY_EXISTS`, `HOV_KEY_NO_PASSPHRASE`
 */
export async function createKeyFile(
    path: string,
    passphrase: string,
    options: CreateKeyOptions = {},
): Promise<KeyInfo> {
    const secret = newRecordSecret(passphrase, options.scryptLogN ?? DEFAULT_SCRYPT_LOG_N)
    return withProcessLock(lockPathOf(path), { waitMs: 0 }, async () => {
        if (existsSync(path))
            throw new SignError("HOV_KEY_EXISTS", `${path} exists already: a key is never overwritten, choose another name`)
        const key = await generateLmsKey(options.parameters ?? DEFAULT_LMS_PARAMETERS, options)
        writeDurably(path, encodeKeyRecord(key, 0, secret))
        return readKeyInfo(path)
    })
}

/**
 * What the file says in the clear; not authenticated, so it is for showing only.
 * @throws SignError `HOV_KEY_MISSING`, `HOV_KEY_FORMAT`
 */
export function readKeyInfo(path: string): KeyInfo {
    const { parameters, publicKey, nextIndex } = parseKeyRecordHeader(readKeyBytes(path), path)
    const total = parameters.leafCount
    const remaining = Math.max(0, total - nextIndex)
    const hssKey = hssPublicKey(publicKey)
    return {
        keyId: keyIdOf(hssKey),
        parameters,
        publicKey: hssKey,
        remaining,
        total,
        low: remaining < total * LOW_REMAINING_RATIO,
    }
}

/**
 * Takes the next leaf for ever: when this resolves, no later call gets the same one, whatever crashes.
 * @throws SignError `HOV_KEY_EXHAUSTED`, `HOV_KEY_LOCKED`, `HOV_KEY_PASSPHRASE`, `HOV_KEY_FORMAT`, `HOV_KEY_MISSING`
 */
export async function reserveLeaf(
    path: string,
    passphrase: string,
    lock: LockOptions = {},
): Promise<{ index: number; record: OpenKeyRecord }> {
    return withProcessLock(lockPathOf(path), lock, () => {
        const record = openKeyRecord(readKeyBytes(path), path, passphrase)
        const index = record.nextIndex
        if (index >= record.key.parameters.leafCount)
            throw new SignError(
                "HOV_KEY_EXHAUSTED",
                `${path} has no signature left: make a new key and let boards trust it before the old one is gone`,
            )
        writeDurably(path, encodeKeyRecord(record.key, index + 1, record.secret))
        return { index, record }
    })
}

/** Gives up all leaves below `index`. The counter only ever rises. */
export async function skipTo(path: string, passphrase: string, index: number, lock: LockOptions = {}): Promise<KeyInfo> {
    return withProcessLock(lockPathOf(path), lock, () => {
        const record = openKeyRecord(readKeyBytes(path), path, passphrase)
        const nextIndex = Math.min(Math.max(index, record.nextIndex), record.key.parameters.leafCount)
        writeDurably(path, encodeKeyRecord(record.key, nextIndex, record.secret))
        return readKeyInfo(path)
    })
}

/** The file as a signer. The passphrase is used for each signature and checked at the first. */
export function keyFileSigner(path: string, passphrase: string, lock: LockOptions = {}): Signer {
    return {
        publicKey: async () => readKeyInfo(path).publicKey,
        remaining: async () => readKeyInfo(path).remaining,
        sign: async message => {
            const { index, record } = await reserveLeaf(path, passphrase, lock)
            const signature = hssSignature(lmsSign(record.key, index, randomBytes(HASH_SIZE_BYTES), message))
            record.key.seed.fill(0)
            // A wrong bit in memory must not leave this process: it could give away part of the key.
            if (!verifySignature(readKeyInfo(path).publicKey, message, signature))
                throw new SignError("HOV_KEY_SELF_CHECK", `the signature that ${path} made does not verify: check this machine`)
            return signature
        },
    }
}

function readKeyBytes(path: string): Buffer {
    try {
        return readFileSync(path)
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT")
            throw new SignError("HOV_KEY_MISSING", `there is no key at ${path}: make one with "handover keys new"`)
        throw error
    }
}

function lockPathOf(path: string): string {
    return `${path}.lock`
}
