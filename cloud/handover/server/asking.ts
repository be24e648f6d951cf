/** What the two servers of a handover ask each other besides its messages. */
import { exchange, LONG_MS, type Peer, Refused } from "./exchange.ts"
import type { Offer } from "./ground.ts"

/** How current shows next that it may ask. */
export interface Credentials {
    /** Of an introduction; else the token itself, for a next of an earlier version. */
    readonly proof?: string
    readonly token?: string
}

/** Next takes what is not a device's meanwhile, and shows the key for it; returns its name. */
export async function askNext(url: string, { proof, token }: Credentials, { key, ...terms }: Offer, signal: AbortSignal): Promise<string> {
    const path = proof === undefined ? "/api/v1/server/handover/accept" : "/handover/v1/accept"
    const json = proof === undefined ? { ...terms, key } : { ...terms, proof }
    const answer = await exchange({ url, token }, "POST", path, { json, timeoutMs: LONG_MS, signal })
    return JSON.parse(answer.toString()).id
}

/** Whether current goes on with this handover. @throws when it does not say: that it cannot be reached from here tells nothing */
export async function isKnownTo(peer: Peer, id: string, signal: AbortSignal): Promise<boolean> {
    try {
        const answer = JSON.parse((await exchange(peer, "GET", "/handover/v1/phase", { signal })).toString())
        // While it begins, and at an earlier version, there is no name: then it is this one's phase.
        const { handover = id, phase } = answer as { handover?: string | null; phase?: string | null }
        if (phase === undefined) throw new Error("GET /handover/v1/phase: that is no phase")
        return handover === id && phase !== "aborted"
    } catch (error) {
        // It does not have the key.
        if (error instanceof Refused && error.status === 401) return false
        throw error
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
