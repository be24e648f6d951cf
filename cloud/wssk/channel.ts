/**
 * The encrypted channel of DeviceScript's native cloud adapter ("WSSK", version 2): pure, messages in and out.
 *
 * 1. The board opens a WebSocket whose subprotocol is `devs-key-` and its 16 random bytes in hex.
 * 2. The server says hello in the clear: magic, version, its own 16 random bytes.
 * 3. The key of the session is HKDF-SHA256(master key, no salt, info = board's bytes | server's bytes): both bring
 *    random bytes, so no key comes twice, and a recorded session fits no later one.
 * 4. All else is AES-256-CCM with a tag of 4 bytes. A nonce is 1 (board) or 2 (server), then a count from 0,
 *    big-endian: each direction counts its own, so no message can be left out, repeated or turned round.
 * 5. Each side proves its key with 32 zero bytes.
 *
 * A wrong message ends the channel: a forger has one guess in 2^32 per connection.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"

const MAGIC = 0xcee428ca
const VERSION = 2
const SEED_BYTES = 16
const TAG_BYTES = 4
const NONCE_BYTES = 13
const PROTOCOL = /^devs-key-([0-9a-f]{32})$/
const PROOF_BYTES = 32

/** The board's random bytes; undefined when this is not the adapter. */
export function boardSeed(protocol: string | undefined): Buffer | undefined {
    const found = protocol === undefined ? null : PROTOCOL.exec(protocol)
    return found === null ? undefined : Buffer.from(found[1], "hex")
}

export class WsskChannel {
    /** The first message of the server, in the clear. */
    readonly hello: Buffer
    readonly #key: Buffer
    #received = 0
    #sent = 0
    #proved = false

    constructor(masterKey: Uint8Array, board: Uint8Array, server: Uint8Array = randomBytes(SEED_BYTES)) {
        this.hello = Buffer.alloc(8 + SEED_BYTES)
        this.hello.writeUInt32LE(MAGIC, 0)
        this.hello.writeUInt32LE(VERSION, 4)
        this.hello.set(server, 8)
        this.#key = Buffer.from(hkdfSync("sha256", masterKey, Buffer.alloc(0), Buffer.concat([board, server]), 32))
    }

    /** The board has proved that it has the key. */
    get proved(): boolean {
        return this.#proved
    }

    /** The board's proof is its first message; the server's own is the answer. Undefined: it has another key. */
    prove(message: Uint8Array): Buffer | undefined {
        const proof = this.open(message)
        if (proof === undefined || proof.length !== PROOF_BYTES || proof.some(byte => byte !== 0)) return undefined
        this.#proved = true
        return this.seal(Buffer.alloc(PROOF_BYTES))
    }

    /** Undefined when it is not the board's next message. */
    open(message: Uint8Array): Buffer | undefined {
        const end = message.length - TAG_BYTES
        if (end < 1) return undefined
        const decipher = createDecipheriv("aes-256-ccm", this.#key, nonce(1, this.#received++), { authTagLength: TAG_BYTES })
        decipher.setAuthTag(message.subarray(end))
        try {
            const text = decipher.update(message.subarray(0, end))
            decipher.final()
            return text
        } catch {
            return undefined
        }
    }

    seal(text: Uint8Array): Buffer {
        const cipher = createCipheriv("aes-256-ccm", this.#key, nonce(2, this.#sent++), { authTagLength: TAG_BYTES })
        return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
    }
}

function nonce(direction: number, count: number): Buffer {
    const bytes = Buffer.alloc(NONCE_BYTES)
    bytes[0] = direction
    bytes.writeUInt32BE(count, NONCE_BYTES - 4)
    return bytes
}
