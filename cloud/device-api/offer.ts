/** What is to be told to a device: its open command as a poll's answer, and when to say it again. */
import { isBusy } from "../device-state.ts"
import type { OpenCommand } from "../store/commands.ts"

export interface Offer {
    readonly commandId: string
    readonly version: string | null
    readonly cancel: boolean
    readonly acknowledged: boolean
    /** The JSON body, ready to send. */
    readonly body: string
    deliveries: number
    /** When it may be said again, should the device ask again. */
    nextAtMs: number
}

const REPEAT_FIRST_MS = 500
const REPEAT_MAX_MS = 30_000

/** @param coldKey the key for the native cloud adapter, for a command that brings a whole base */
export function createOffer(command: OpenCommand, coldKey: (commandId: string) => Buffer): Offer {
    const cancel = command.cancelAtMs !== null
    return {
        commandId: command.id,
        version: command.version,
        cancel,
        acknowledged: command.ackedAtMs !== null,
        body: JSON.stringify({ ...answer(command, cancel), ...(command.cold === 1 && !cancel ? { cold: coldKey(command.id).toString("hex") } : {}) }),
        deliveries: cancel ? 0 : command.deliveries,
        nextAtMs: 0,
    }
}

function answer(command: OpenCommand, cancel: boolean): Record<string, unknown> {
    if (cancel) return { cmd: "cancel", id: command.id }
    if (command.kind !== "update") return { cmd: command.kind, id: command.id }
    return {
        cmd: "update",
        id: command.id,
        v: command.version,
        m: command.manifest,
        sig: command.signatureDigest,
        sigLen: command.signatureSizeBytes,
        img: command.imageDigest,
        len: command.imageSizeBytes,
    }
}

/**
 * Whether to say it now. It is the same command with the same id however often it is
 * said: a response can be lost, and a board can lose its memory; but a board that
 * does not react is not asked in a tight loop.
 */
export function isDue(offer: Offer, actual: { state: string; version: string }, nowMs: number): boolean {
    if (nowMs < offer.nextAtMs) return false
    if (offer.cancel || !offer.acknowledged) return true
    // Acknowledged, and the board is at it or has just ended it: its status is on the way.
    return !isBusy(actual.state) && actual.state === "idle" && actual.version !== offer.version
}

export function delivered(offer: Offer, nowMs: number): void {
    offer.deliveries++
    offer.nextAtMs = nowMs + Math.min(REPEAT_FIRST_MS * 2 ** (offer.deliveries - 1), REPEAT_MAX_MS)
}
