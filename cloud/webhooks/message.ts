/**
 * One event as a webhook sends it: a CloudEvent 1.0 in structured mode, signed as
 * Standard Webhooks does it (HMAC-SHA-256 over `id.timestamp.body`).
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import type { StoredEvent } from "../store/events.ts"

export interface Message {
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
}

/** An event has the same id each time it is sent: a receiver can tell a repetition. */
export function createMessage(event: StoredEvent, source: string, secret: string, nowMs: number): Message {
    const id = `${event.seq}`
    const body = JSON.stringify({
        specversion: "1.0",
        id,
        source,
        type: `handover.${event.type}`,
        time: new Date(event.atMs).toISOString(),
        ...(event.deviceId === null ? {} : { subject: event.deviceId }),
        datacontenttype: "application/json",
        data: event.data,
    })
    const timestamp = String(Math.floor(nowMs / 1000))
    return {
        headers: {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": id,
            "webhook-timestamp": timestamp,
            "webhook-signature": `v1,${sign(secret, id, timestamp, body)}`,
        },
        body,
    }
}

/** What a receiver does with the headers and the body; here for tests and for users of the library. */
export function isGenuine(headers: Readonly<Record<string, string>>, body: string, secret: string): boolean {
    const expected = Buffer.from(`v1,${sign(secret, headers["webhook-id"], headers["webhook-timestamp"], body)}`)
    const given = Buffer.from(headers["webhook-signature"] ?? "")
    return given.length === expected.length && timingSafeEqual(given, expected)
}

/** As Standard Webhooks has it: the key is the bytes that stand in base64 behind `whsec_`. */
const PREFIX = "whsec_"
const KEY_BYTES = 32

export const newWebhookSecret = (): string => PREFIX + randomBytes(KEY_BYTES).toString("base64")

const keyOf = (secret: string): Buffer => Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, "base64")

const sign = (secret: string, id: string, timestamp: string, body: string): string =>
    createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64")
