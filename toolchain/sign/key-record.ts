/**
 * The bytes of a signing key's file.
 *
 * ```
 *  offset size  field (little-endian, except the public key, which is RFC 8554's)
 *   0     4     magic "HOVK"
 *   4     1     format version = 1
 *   5     3     scrypt: log2 N, r, p
 *   8    16     scrypt salt
 *  24    56     LMS public key
 *  80     4     next leaf to be used
 *  84    12     AES-256-GCM nonce, a new one for each write
 *  96    32     the seed, encrypted
 * 128    16     GCM tag
 * 144     -     nodes of the tree, from node 1, 32 bytes each (2^(h+1) - 1 of them)
 * ```
 * The tag covers everything: bytes 0..84 and the SHA-256 of the nodes are its
 * additional data. So a counter set back, a changed parameter or a damaged tree
 * is found before anything is signed.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scryptSync } from "node:crypto"
import { HASH_SIZE_BYTES, lmsParametersOfTypes } from "./lms-parameters.ts"
import type { LmsParameters } from "./lms-parameters.ts"
import { lmsPublicKey } from "./lms-sign.ts"
import type { LmsPrivateKey } from "./lms-sign.ts"
import { SignError } from "./sign-error.ts"

const MAGIC = 0x4b564f48
const FORMAT_VERSION = 1
const AUTHENTICATED_END = 84
const NODES_OFFSET = 144
const CIPHER = "aes-256-gcm"
const SCRYPT_MAX_LOG_N = 20

/** What anyone may read from a key file. Not authenticated before it is opened. */
export interface KeyRecordHeader {
    readonly parameters: LmsParameters
    readonly scryptLogN: number
    readonly salt: Uint8Array
    /** 56 bytes. */
    readonly publicKey: Uint8Array
    readonly nextIndex: number
}

export interface OpenKeyRecord {
    readonly key: LmsPrivateKey
    readonly nextIndex: number
    /** Derived from the passphrase; kept so that the counter's write does not derive it again. */
    readonly secret: RecordSecret
}

export interface RecordSecret {
    readonly scryptLogN: number
    readonly salt: Uint8Array
    readonly encryptionKey: Uint8Array
}

/** @throws SignError `HOV_KEY_NO_PASSPHRASE` */
export function newRecordSecret(passphrase: string, scryptLogN: number): RecordSecret {
    return deriveSecret(passphrase, scryptLogN, randomBytes(16))
}

export function encodeKeyRecord(key: LmsPrivateKey, nextIndex: number, secret: RecordSecret): Uint8Array {
    const nodes = key.tree.subarray(HASH_SIZE_BYTES)
    const bytes = Buffer.alloc(NODES_OFFSET + nodes.length)
    bytes.writeUInt32LE(MAGIC, 0)
    bytes.set([FORMAT_VERSION, secret.scryptLogN, 8, 1], 4)
    bytes.set(secret.salt, 8)
    bytes.set(lmsPublicKey(key), 24)
    bytes.writeUInt32LE(nextIndex, 80)
    const nonce = randomBytes(12)
    const cipher = createCipheriv(CIPHER, secret.encryptionKey, nonce)
    cipher.setAAD(additionalData(bytes, nodes))
    bytes.set(nonce, AUTHENTICATED_END)
    bytes.set(Buffer.concat([cipher.update(key.seed), cipher.final()]), 96)
    bytes.set(cipher.getAuthTag(), 128)
    bytes.set(nodes, NODES_OFFSET)
    return bytes
}

/** @throws SignError `HOV_KEY_FORMAT` */
export function parseKeyRecordHeader(bytes: Buffer, path: string): KeyRecordHeader {
    const format = (what: string) =>
        new SignError("HOV_KEY_FORMAT", `${path} is not a usable Handover key: ${what}. Restore the file or make a new key`)
    if (bytes.length < NODES_OFFSET || bytes.readUInt32LE(0) !== MAGIC) throw format("it does not start with HOVK")
    if (bytes[4] !== FORMAT_VERSION) throw format(`format ${bytes[4]} is not known`)
    const scryptLogN = bytes[5]
    if (scryptLogN < 1 || scryptLogN > SCRYPT_MAX_LOG_N || bytes[6] !== 8 || bytes[7] !== 1)
        throw format("its scrypt parameters are out of range")
    const publicKey = bytes.subarray(24, 80)
    const parameters = lmsParametersOfTypes(publicKey.readUInt32BE(0), publicKey.readUInt32BE(4))
    if (!parameters) throw format("its LMS parameter set is not known")
    const nodesSizeBytes = (2 * parameters.leafCount - 1) * HASH_SIZE_BYTES
    if (bytes.length !== NODES_OFFSET + nodesSizeBytes) throw format("its size is wrong")
    return { parameters, scryptLogN, salt: bytes.subarray(8, 24), publicKey, nextIndex: bytes.readUInt32LE(80) }
}

/** @throws SignError `HOV_KEY_FORMAT`, `HOV_KEY_PASSPHRASE`, `HOV_KEY_NO_PASSPHRASE` */
export function openKeyRecord(bytes: Buffer, path: string, passphrase: string): OpenKeyRecord {
    const header = parseKeyRecordHeader(bytes, path)
    const secret = deriveSecret(passphrase, header.scryptLogN, header.salt)
    const nodes = bytes.subarray(NODES_OFFSET)
    const decipher = createDecipheriv(CIPHER, secret.encryptionKey, bytes.subarray(84, 96), { authTagLength: 16 })
    decipher.setAAD(additionalData(bytes, nodes))
    decipher.setAuthTag(bytes.subarray(128, NODES_OFFSET))
    let seed: Uint8Array
    try {
        seed = Buffer.concat([decipher.update(bytes.subarray(96, 128)), decipher.final()])
    } catch {
        throw new SignError("HOV_KEY_PASSPHRASE", `${path} cannot be opened: the passphrase is wrong, or the file was changed`)
    }
    const tree = Buffer.concat([new Uint8Array(HASH_SIZE_BYTES), nodes])
    const identifier = header.publicKey.subarray(8, 24)
    return { key: { parameters: header.parameters, identifier, seed, tree }, nextIndex: header.nextIndex, secret }
}

function deriveSecret(passphrase: string, scryptLogN: number, salt: Uint8Array): RecordSecret {
    if (passphrase === "")
        throw new SignError(
            "HOV_KEY_NO_PASSPHRASE",
            "a signing key needs a passphrase: set HANDOVER_KEY_PASSPHRASE or HANDOVER_KEY_PASSPHRASE_FILE",
        )
    const N = 2 ** scryptLogN
    const encryptionKey = scryptSync(passphrase.normalize("NFKC"), salt, 32, { N, r: 8, p: 1, maxmem: 256 * N * 8 })
    return { scryptLogN, salt, encryptionKey }
}

function additionalData(bytes: Uint8Array, nodes: Uint8Array): Uint8Array {
    const nodesDigest = createHash("sha256").update(nodes).digest()
    return Buffer.concat([bytes.subarray(0, AUTHENTICATED_END), nodesDigest])
}
