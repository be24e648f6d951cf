import { decrypt, encrypt, sha256Hkdf } from "@devicescript/crypto"
import { randomBytes } from "./chance"

/*
 * Requests sealed with the device's key, for boards without TLS; the protocol is in
 * `cloud/device-api/seal.ts`. Used when the setting `hKey` is there, whatever the URL.
 */

const TAG_BYTES = 16

let deviceKey: Buffer
let deviceNonce = ""
let sid = ""
let key: Buffer
let count = 0

/** 64 hex digits; anything else: no sealing. */
export function setSealKey(hex: string) {
    deviceKey = hex.length === 64 ? Buffer.from(hex, "hex") : undefined
    endSession()
}

export function isSealed() {
    return !!deviceKey
}

export function hasSession() {
    return !!key
}

/** The server does not take the session any more, or it is another server. */
export function endSession() {
    key = undefined
}

/** The body of a hello. */
export function hello() {
    deviceNonce = randomBytes(16).toString("hex")
    return `{"n":"${deviceNonce}"}`
}

export function beginSession(serverSid: string) {
    if (serverSid.length !== 44) return
    sid = serverSid
    key = sha256Hkdf(deviceKey, "handover-seal-1", Buffer.from(deviceNonce + sid, "hex"))
    count = 0
}

/** The credentials of the next request; each has its own count, so no nonce comes twice. */
export function nextCredentials() {
    return `Seal ${deviceNonce}.${sid}.${++count}`
}

/** What the server knows the session by when it gives out blobs. */
export function blobBearer() {
    return `Bearer hovb_${sha256Hkdf(key, "blob").toString("hex")}`
}

function crypt(data: Buffer, direction: number, opens: boolean): Buffer {
    const iv = Buffer.alloc(13)
    iv[0] = direction
    for (let i = 0; i < 4; ++i) iv[12 - i] = (count >> (8 * i)) & 255
    const options: any = { data, algo: "aes-256-ccm", key, iv, tagLength: TAG_BYTES }
    return opens ? decrypt(options) : encrypt(options)
}

/** The body of the request whose credentials were made last. */
export function sealBody(text: string) {
    return crypt(Buffer.from(text), 1, false).toString("hex")
}

/** Three digits of status and the body of its answer. Throws when it is not the server's. */
export function openAnswer(answer: Buffer) {
    try {
        return crypt(answer, 2, true)
    } catch (e) {
        throw new Error("HOV_SEAL")
    }
}
