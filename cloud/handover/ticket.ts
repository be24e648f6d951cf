/**
 * What a client shows at the next server: "current has offered me to you at this epoch".
 * Signed with a key that is made for one handover and told in PREPARE; an abort ends
 * tickets because it raises the epoch.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import type { SessionName } from "./messages.ts"

export interface Ticket {
    readonly epoch: number
    readonly untilS: number
}

const SIGNATURE_CHARS = 22

/** `epoch.untilS.signature`, all of it fit for a URL. */
export function signTicket(key: string, session: SessionName, ticket: Ticket): string {
    const text = `${ticket.epoch.toString(36)}.${ticket.untilS.toString(36)}`
    return `${text}.${signature(key, session, text)}`
}

/** Undefined when it is not for this session, not signed with the key, or over. */
export function readTicket(key: string, session: SessionName, text: string, nowMs: number): Ticket | undefined {
    const match = /^([0-9a-z]{1,10})\.([0-9a-z]{1,10})\.([\w-]{22})$/.exec(text)
    if (match === null) return undefined
    const expected = signature(key, session, `${match[1]}.${match[2]}`)
    if (!timingSafeEqual(Buffer.from(match[3], "latin1"), Buffer.from(expected, "latin1"))) return undefined
    const ticket = { epoch: Number.parseInt(match[1], 36), untilS: Number.parseInt(match[2], 36) }
    return ticket.untilS * 1000 >= nowMs ? ticket : undefined
}

const signature = (key: string, session: SessionName, text: string): string =>
    createHmac("sha256", key).update(`${session}\n${text}`).digest("base64url").slice(0, SIGNATURE_CHARS)
