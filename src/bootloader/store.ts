import * as ds from "@devicescript/core"
import { settings } from "@devicescript/settings"

/*
 * The settings store with a deadline on every wait, and raw bytes for values.
 *
 * `readSetting` waits for ever when one reply is lost, and an unbound role blocks a
 * sender for ever, so the packet is sent from a fiber of its own. The role is the one
 * of @devicescript/settings: a second Settings role would never be bound.
 */

const CMD_GET = 0x80
const CMD_SET = 0x81
const REPLY_MS = 250
const TRIES = 3

/** A larger value could be stored, but reading it back panics the device. */
export const VALUE_MAX_BYTES = 215

/** Waits until the store can be asked. False when it cannot be by `deadlineMs`. */
export async function storeReady(deadlineMs: number) {
    while (!settings.isBound && ds.millis() < deadlineMs) await ds.sleep(5)
    return settings.isBound
}

async function send(command: number, payload: Buffer) {
    await settings.sendCommand(command, payload)
}

/** The value of a key; empty when there is no such key; undefined when nobody answered. */
export async function readValue(key: string, deadlineMs: number): Promise<Buffer | undefined> {
    for (let i = 0; i < TRIES; ++i) {
        const leftMs = deadlineMs - ds.millis()
        if (leftMs <= 0 || !settings.isBound) return undefined
        const value = await ask(key, Math.min(leftMs, REPLY_MS))
        if (value) return value
    }
    return undefined
}

async function ask(key: string, timeoutMs: number): Promise<Buffer | undefined> {
    const self = ds.Fiber.self()
    let value: Buffer
    let waiting = true
    const stop = settings.report().subscribe(packet => {
        if (!waiting || packet.serviceCommand !== CMD_GET) return
        const found = valueOf(packet.payload, key)
        if (!found) return
        value = found
        if (self.suspended) self.resume(null)
    })
    send.start(CMD_GET, Buffer.from(key))
    const endMs = ds.millis() + timeoutMs
    while (!value && ds.millis() < endMs) await ds.suspend(endMs - ds.millis())
    waiting = false
    stop()
    return value
}

/** The part behind `key NUL`, when the payload begins with that. */
function valueOf(payload: Buffer, key: string): Buffer | undefined {
    const n = key.length
    if (payload.length <= n || payload[n] !== 0) return undefined
    if (payload.slice(0, n).toString() !== key) return undefined
    return payload.slice(n + 1)
}

/** Writes a value and reads it back. False when the store does not hold it by `deadlineMs`. */
export async function writeValue(key: string, value: Buffer, deadlineMs: number) {
    const n = key.length
    const payload = Buffer.alloc(n + 1 + value.length)
    payload.blitAt(0, key, 0, n)
    payload.blitAt(n + 1, value, 0, value.length)
    for (let i = 0; i < TRIES; ++i) {
        if (!settings.isBound) return false
        send.start(CMD_SET, payload)
        const back = await readValue(key, deadlineMs)
        if (!back) return false
        if (back.toString("hex") === value.toString("hex")) return true
    }
    return false
}
