/**
 * The server's own secret: 32 bytes in `secret.key` of the data folder. Devices' keys lie in the
 * database only encrypted with it, so a copy of the database alone opens nothing.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"
import path from "node:path"
import { fileOnce } from "./file-once.ts"
import { hashToken } from "./tokens.ts"
import { WrongOption } from "./wrong-option.ts"

const SECRET_FILE = "secret.key"
const NONCE_BYTES = 12
const TAG_BYTES = 16

export const SEAL_KEY_BYTES = 32

export class ServerSecret {
    readonly #key: Buffer
    /** What devices' secrets are derived from, the newest first: another server's when this one took over from it. */
    #roots: readonly Buffer[]

    constructor(key: Buffer) {
        this.#key = key
        this.#roots = [derive(key, "derived secrets")]
    }

    /** The given one (64 hex digits; for servers that share a database), or the file's, made at the first start. */
    static async open(dataDir: string, given: string | undefined): Promise<ServerSecret> {
        if (given !== undefined) {
            if (!/^[0-9a-f]{64}$/.test(given)) throw new WrongOption("the server's key (HANDOVER_SECRET_KEY) must be 64 lower-case hex digits")
            return new ServerSecret(Buffer.from(given, "hex"))
        }
        const file = path.join(dataDir, SECRET_FILE)
        const text = (await fileOnce(file, () => `${randomBytes(32).toString("hex")}\n`)).trim()
        if (!/^[0-9a-f]{64}$/.test(text)) throw new WrongOption(`${file} is damaged: restore it, or remove it and give the devices new keys`)
        return new ServerSecret(Buffer.from(text, "hex"))
    }

    /** A device's key as the database has it; it opens for this device only. */
    wrap(deviceId: string, deviceKey: Uint8Array): string {
        const nonce = randomBytes(NONCE_BYTES)
        const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(deviceId))
        return Buffer.concat([nonce, cipher.update(deviceKey), cipher.final(), cipher.getAuthTag()]).toString("base64url")
    }

    /** Undefined when it was wrapped with another secret or for another device. */
    unwrap(deviceId: string, wrapped: string): Buffer | undefined {
        const bytes = Buffer.from(wrapped, "base64url")
        if (bytes.length !== NONCE_BYTES + SEAL_KEY_BYTES + TAG_BYTES) return undefined
        const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(deviceId)).setAuthTag(bytes.subarray(-TAG_BYTES))
        try {
            return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
        } catch {
            return undefined
        }
    }

    /** What the server that takes over from this one needs to tell devices the same secrets; it opens none of their keys. */
    get forNext(): Buffer {
        return this.#roots[0]
    }

    /** Goes on with the secrets of the server before; returns how to be as it was. */
    inherit(root: Buffer | undefined): () => void {
        const before = this.#roots
        if (root !== undefined) this.#roots = [root, ...before.filter(own => !own.equals(root))]
        return () => {
            this.#roots = before
        }
    }

    /**
     * The master key of one device's native cloud adapter for one command, told with the command. It is made again
     * when it is needed, so it is stored nowhere; the next command has another.
     */
    coldKey(deviceId: string, commandId: string): Buffer {
        return derive(this.#roots[0], `wssk ${deviceId} ${commandId}`)
    }

    /** A new token that can be told again until its device has used it, though only its hash is stored. */
    newToken(tokenId: string): string {
        return tokenFrom(this.#roots[0], tokenId)
    }

    /** The token of this hash; null when another server made it, and told nobody what of: a wrong one would lock the device out. */
    tokenOf(tokenId: string, hash: string): string | null {
        return this.#roots.map(root => tokenFrom(root, tokenId)).find(token => hashToken(token) === hash) ?? null
    }
}

const derive = (key: Buffer, what: string): Buffer => createHmac("sha256", key).update(what).digest()

const tokenFrom = (root: Buffer, tokenId: string): string => `hov_${derive(root, `token ${tokenId}`).subarray(0, 24).toString("base64url")}`
