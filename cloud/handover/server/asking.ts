/** What the two servers of a handover ask each other besides its messages. */
import { exchange, LONG_MS, type Peer, Refused } from "./exchange.ts"
import type { Offer } from "./ground.ts"

/** Next takes what is not a device's meanwhile, and shows the key for it; returns its name. */
export async function askNext(to: { url: string; token: string }, offer: Offer, signal: AbortSignal): Promise<string> {
    const answer = await exchange(to, "POST", "/api/v1/server/handover/accept", { json: offer, timeoutMs: LONG_MS, signal })
    return JSON.parse(answer.toString()).id
}

/** Whether current goes on with the handover; one that is not there does not. */
export async function isKnownTo(peer: Peer, signal: AbortSignal): Promise<boolean> {
    try {
        const { phase } = JSON.parse((await exchange(peer, "GET", "/handover/v1/phase", { signal })).toString())
        return phase !== "aborted"
    } catch (error) {
        // 401: it does not have the key. An earlier version does not have the question.
        return error instanceof Refused && error.status === 404
    }
}

/** What current derives devices' secrets from; undefined: a version that does not have the question. */
export async function rootOf(peer: Peer, signal: AbortSignal): Promise<string | undefined> {
    try {
        return JSON.parse((await exchange(peer, "GET", "/handover/v1/root", { signal })).toString()).root
    } catch (error) {
        if (error instanceof Refused && error.status === 404) return undefined
        throw error
    }
}
