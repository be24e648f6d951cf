/**
 * Statements of the signer that bring no image: a manifest (`manifest.ts`) whose flag says what it is.
 * The flags of statements and of updates exclude each other, so neither can be taken for the other.
 *
 * ```
 *  offset size  revocation (flags = 4)             freshness (flags = 8)
 *   0     4     magic "HOVM"                       same
 *   4     1     format version = 1                 same
 *   5     1     4                                  8
 *   6     2     0                                  0
 *   8     8     0: every base that has the key     base id
 *  16     4     0                                  newest sequence that the signer has made for the base
 *  20     4     0                                  0
 *  24     4     0                                  0
 *  28     4     0                                  not after: until when this holds, seconds since 1970
 *  32    32     SHA-256 of the 60-byte public key  u32 issued at, seconds since 1970, then 0
 *  64    16     "revoke"                           newest version, printable ASCII, zero padded
 * ```
 * A file of one (`.hos`) is these 80 bytes | u16 signature size | signature.
 * The board's half is `src/dfu/statement.ts`.
 */
import { MANIFEST_FORMAT_VERSION, MANIFEST_MAGIC, MANIFEST_SIZE_BYTES, ManifestError } from "./manifest.ts"

const FLAGS_OFFSET = 5
const DIGEST_OFFSET = 32
const VERSION_OFFSET = 64
const FLAG_REVOKE = 4
const FLAG_FRESHNESS = 8
const REVOKE_VERSION = "revoke"

/** One public key is not trusted any more, by any base. */
export interface Revocation {
    readonly kind: "revoke"
    /** SHA-256 of the HSS public key (60 bytes), 64 lower-case hex digits. */
    readonly keyDigest: string
}

/** What the newest update for a base is: a board that does not get it by `notAfterUnixS` is being kept back. */
export interface Freshness {
    readonly kind: "fresh"
    /** 16 lower-case hex digits. */
    readonly baseId: string
    readonly newestSequence: number
    readonly newestVersion: string
    readonly issuedAtUnixS: number
    readonly notAfterUnixS: number
}

export type Statement = Revocation | Freshness

/** @throws ManifestError `HOV_MANIFEST_FIELD`, `_VERSION` */
export function encodeStatement(statement: Statement): Uint8Array {
    const bytes = Buffer.alloc(MANIFEST_SIZE_BYTES)
    bytes.writeUInt32LE(MANIFEST_MAGIC, 0)
    bytes[4] = MANIFEST_FORMAT_VERSION
    if (statement.kind === "revoke") {
        bytes[FLAGS_OFFSET] = FLAG_REVOKE
        bytes.set(hexField("keyDigest", statement.keyDigest, 32), DIGEST_OFFSET)
        bytes.write(REVOKE_VERSION, VERSION_OFFSET, "latin1")
        return bytes
    }
    const { issuedAtUnixS, notAfterUnixS, newestVersion } = statement
    if (!(notAfterUnixS > issuedAtUnixS && issuedAtUnixS > 0))
        throw new ManifestError("HOV_MANIFEST_FIELD", `a freshness statement must hold for some time: issued at ${issuedAtUnixS}, until ${notAfterUnixS}`)
    if (!/^[\x21-\x7e]{1,16}$/.test(newestVersion))
        throw new ManifestError("HOV_MANIFEST_VERSION", `the newest version must be 1..16 printable ASCII characters, not ${JSON.stringify(newestVersion)}`)
    bytes[FLAGS_OFFSET] = FLAG_FRESHNESS
    bytes.set(hexField("baseId", statement.baseId, 8), 8)
    bytes.writeUInt32LE(u32Field("newestSequence", statement.newestSequence), 16)
    bytes.writeUInt32LE(u32Field("notAfterUnixS", notAfterUnixS), 28)
    bytes.writeUInt32LE(u32Field("issuedAtUnixS", issuedAtUnixS), DIGEST_OFFSET)
    bytes.write(newestVersion, VERSION_OFFSET, "latin1")
    return bytes
}

/**
 * Reads exactly 80 bytes. Every byte is checked or carries a value.
 * @throws ManifestError `HOV_MANIFEST_SIZE`, `_MAGIC`, `_FORMAT`, `_FLAGS`, `_FIELD`, `_VERSION`
 */
export function parseStatement(file: Uint8Array): Statement {
    if (file.length !== MANIFEST_SIZE_BYTES)
        throw new ManifestError("HOV_MANIFEST_SIZE", `a statement is ${MANIFEST_SIZE_BYTES} bytes, not ${file.length}`)
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
    if (bytes.readUInt32LE(0) !== MANIFEST_MAGIC) throw new ManifestError("HOV_MANIFEST_MAGIC", `not a statement: it does not start with "HOVM"`)
    if (bytes[4] !== MANIFEST_FORMAT_VERSION)
        throw new ManifestError("HOV_MANIFEST_FORMAT", `statement format ${bytes[4]} is not known, only ${MANIFEST_FORMAT_VERSION}`)
    const statement = readFields(bytes)
    // Whatever is not a field must be as the encoder leaves it: two inputs never mean the same.
    if (!bytes.equals(encodeStatement(statement))) throw new ManifestError("HOV_MANIFEST_FIELD", "bytes of the statement that must be 0 are not")
    return statement
}

function readFields(bytes: Buffer): Statement {
    const flags = bytes[FLAGS_OFFSET]
    if (flags === FLAG_REVOKE) return { kind: "revoke", keyDigest: bytes.toString("hex", DIGEST_OFFSET, VERSION_OFFSET) }
    if (flags !== FLAG_FRESHNESS)
        throw new ManifestError("HOV_MANIFEST_FLAGS", `flags 0x${flags.toString(16)} are not those of a statement (4 revocation, 8 freshness)`)
    return {
        kind: "fresh",
        baseId: bytes.toString("hex", 8, 16),
        newestSequence: bytes.readUInt32LE(16),
        newestVersion: bytes.toString("latin1", VERSION_OFFSET).replace(/\0+$/, ""),
        issuedAtUnixS: bytes.readUInt32LE(DIGEST_OFFSET),
        notAfterUnixS: bytes.readUInt32LE(28),
    }
}

export interface SignedStatement {
    readonly statement: Statement
    /** The 80 bytes that were signed. */
    readonly statementBytes: Uint8Array
    readonly signature: Uint8Array
}

export function encodeStatementFile(statement: Statement, signature: Uint8Array): Uint8Array {
    const size = Buffer.alloc(2)
    size.writeUInt16LE(signature.length)
    return Buffer.concat([encodeStatement(statement), size, signature])
}

/** @throws ManifestError also `HOV_MANIFEST_SIZE` when the file is cut or goes on behind the signature. */
export function parseStatementFile(file: Uint8Array): SignedStatement {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
    const statementBytes = bytes.subarray(0, MANIFEST_SIZE_BYTES)
    const statement = parseStatement(statementBytes)
    const signature = bytes.subarray(MANIFEST_SIZE_BYTES + 2)
    if (signature.length === 0 || bytes.readUInt16LE(MANIFEST_SIZE_BYTES) !== signature.length)
        throw new ManifestError("HOV_MANIFEST_SIZE", `the statement's file has ${signature.length} bytes of signature, which is not what it says`)
    return { statement, statementBytes, signature }
}

function u32Field(name: string, value: number): number {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
        throw new ManifestError("HOV_MANIFEST_FIELD", `${name} must be an integer 0..4294967295, not ${value}`)
    return value
}

function hexField(name: string, hex: string, sizeBytes: number): Buffer {
    if (!/^[0-9a-f]*$/.test(hex) || hex.length !== sizeBytes * 2)
        throw new ManifestError("HOV_MANIFEST_FIELD", `${name} must be ${sizeBytes * 2} lower-case hex digits, not ${JSON.stringify(hex)}`)
    return Buffer.from(hex, "hex")
}
