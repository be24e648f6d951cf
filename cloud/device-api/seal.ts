/**
 * Requests that are encrypted end to end where there is no TLS (a Pico W has none).
 *
 * 1. `POST /v1/dfu/{device}/hello {"n": dn}`: the board's 16 random bytes; the answer `{"s": sid}` is
 *    6 bytes of time and a 16-byte MAC over device, dn and time, so the server keeps nothing yet.
 * 2. Session key = HKDF-SHA256(device key, salt dn | sid, info "handover-seal-1"). Both sides put
 *    random or unique bytes in, so no key ever comes again, whatever the board's random numbers are like.
 * 3. A request has `Authorization: Seal <dn>.<sid>.<count>` (hex, hex, decimal) and a body of hex digits:
 *    AES-256-CCM, 16-byte tag, of `P` (poll) or `S` (status) | token | "\n" | JSON.
 * 4. Its answer is 200 with AES-256-CCM of three digits of status | body.
 *
 * A nonce is direction (1 up, 2 down) | 8 zero bytes | u32 count, big-endian. The count rises with each
 * request of a session; one that does not is a replay. A session ends when a later one has been used, so an
 * old one cannot be played again, and with the process. Blobs are signed and named by their content; they go
 * in the clear, with a bearer made from the session key in place of the token.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto"
import type { Clock } from "../clock.ts"
import { Problem } from "../problems.ts"

const TAG_BYTES = 16
const HELLO_MAX_AGE_MS = 60_000
const HEADER = /^Seal ([0-9a-f]{32})\.([0-9a-f]{44})\.([0-9]{1,10})$/
const UP = 1
const DOWN = 2

export type SealedKind = "P" | "S"

interface SealSession {
    readonly sid: string
    readonly atMs: number
    readonly key: Buffer
    readonly blobBearer: string
    count: number
}

/** Answers one request; each count is accepted once, so each nonce is used once. */
export interface Seal {
    close(status: number, body: string | Uint8Array): Buffer
}

export interface Unsealed {
    readonly token: string
    readonly json: string
    readonly seal: Seal
}

export interface SealHeader {
    readonly deviceNonce: string
    readonly sid: string
    readonly count: number
}

/** Undefined when the header is not that of a sealed request. */
export function sealHeader(authorization: string | undefined): SealHeader | undefined {
    const found = authorization === undefined ? null : HEADER.exec(authorization)
    return found === null ? undefined : { deviceNonce: found[1], sid: found[2], count: Number(found[3]) }
}

export class Seals {
    readonly #now: Clock
    /** Of this process alone: another one, or the next, takes none of its sessions and so no replay of them. */
    readonly #secret = randomBytes(32)
    readonly #byDevice = new Map<string, SealSession>()
    readonly #bearers = new Map<string, string>()
    #lastMs = 0

    constructor(now: Clock) {
        this.#now = now
    }

    hello(deviceId: string, deviceNonce: string): string {
        // Two hellos in one millisecond are told apart: a session's time is its rank.
        this.#lastMs = Math.max(this.#now(), this.#lastMs + 1)
        return this.#sid(deviceId, deviceNonce, this.#lastMs)
    }

    /** The device whose session has this bearer for blobs. */
    blobDevice(bearer: string): string | undefined {
        return this.#bearers.get(bearer)
    }

    /** Ends the device's session: its key or token is not what it was. */
    end(deviceId: string): void {
        const session = this.#byDevice.get(deviceId)
        if (session === undefined) return
        this.#bearers.delete(session.blobBearer)
        // Its time stays, so that no session begun before comes back.
        this.#byDevice.set(deviceId, { ...session, sid: "", key: randomBytes(32), blobBearer: "" })
    }

    /** @throws Problem HOV_API_SEAL: whatever is wrong, the board begins again with a hello. */
    open(deviceId: string, deviceKey: Buffer, header: SealHeader, kind: SealedKind, hex: string): Unsealed {
        const current = this.#byDevice.get(deviceId)
        const session = current?.sid === header.sid ? current : this.#next(deviceId, deviceKey, header, current)
        if (header.count <= session.count || header.count > 0xffffffff) throw refused("the request was made before")
        if (!/^([0-9a-f]{2})+$/.test(hex)) throw refused("the body is not hex digits")
        const text = decrypt(session.key, nonce(UP, header.count), Buffer.from(hex, "hex"))
        if (text === undefined) throw refused("the key does not fit")
        if (session !== current) this.#adopt(deviceId, session, current)
        session.count = header.count
        const line = text.indexOf("\n")
        if (text[0] !== kind || line < 0) throw refused("the request was made for another address")
        const answerNonce = nonce(DOWN, header.count)
        return {
            token: text.slice(1, line),
            json: text.slice(line + 1),
            seal: { close: (status, body) => encrypt(session.key, answerNonce, Buffer.concat([Buffer.from(String(status)), Buffer.from(body as string)])) },
        }
    }

    #next(deviceId: string, deviceKey: Buffer, header: SealHeader, current: SealSession | undefined): SealSession {
        const atMs = Number.parseInt(header.sid.slice(0, 12), 16)
        const expected = this.#sid(deviceId, header.deviceNonce, atMs)
        if (!timingSafeEqual(Buffer.from(expected), Buffer.from(header.sid))) throw refused("the session is not known")
        if (this.#now() - atMs > HELLO_MAX_AGE_MS) throw refused("the session was not begun in time")
        if (current !== undefined && atMs <= current.atMs) throw refused("the session has ended")
        const key = sessionKey(deviceKey, header.deviceNonce, header.sid)
        return { sid: header.sid, atMs, key, blobBearer: blobBearer(key), count: 0 }
    }

    #adopt(deviceId: string, session: SealSession, before: SealSession | undefined): void {
        if (before !== undefined) this.#bearers.delete(before.blobBearer)
        this.#byDevice.set(deviceId, session)
        this.#bearers.set(session.blobBearer, deviceId)
    }

    #sid(deviceId: string, deviceNonce: string, atMs: number): string {
        const time = atMs.toString(16).padStart(12, "0")
        const mac = createHmac("sha256", this.#secret).update(`${deviceId} ${deviceNonce} ${time}`).digest("hex")
        return time + mac.slice(0, 32)
    }
}

export function sessionKey(deviceKey: Uint8Array, deviceNonce: string, sid: string): Buffer {
    return Buffer.from(hkdfSync("sha256", deviceKey, Buffer.from(deviceNonce + sid, "hex"), "handover-seal-1", 32))
}

export const blobBearer = (key: Uint8Array): string =>
    `hovb_${Buffer.from(hkdfSync("sha256", key, "", "blob", 32)).toString("hex")}`

export function nonce(direction: number, count: number): Buffer {
    const bytes = Buffer.alloc(13)
    bytes[0] = direction
    bytes.writeUInt32BE(count, 9)
    return bytes
}

export function encrypt(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Buffer {
    const cipher = createCipheriv("aes-256-ccm", key, iv, { authTagLength: TAG_BYTES })
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
}

export function decrypt(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): string | undefined {
    if (sealed.length < TAG_BYTES) return undefined
    const end = sealed.length - TAG_BYTES
    const decipher = createDecipheriv("aes-256-ccm", key, iv, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(sealed.subarray(end))
    try {
        const text = decipher.update(sealed.subarray(0, end))
        decipher.final()
        return text.toString()
    } catch {
        return undefined
    }
}

const refused = (why: string): Problem => new Problem("HOV_API_SEAL", why)
