/**
 * Two servers that have never met get a key of their own out of a token that both know: an operator told
 * it to current, and next keeps its SHA-256 (H). Neither the token nor its hash is ever sent:
 *
 *   current → next   hint (16 bits of HMAC(H, …): which of its admins' tokens), nonce c, to, protocols
 *   next → current   nonce n, protocols, HMAC(H, "next" c n t)   who listens there knows the token
 *   current → next   the offer, HMAC(H, "current" c n t offer)    and so does who offers
 *   both             key = HMAC(H, "key" c n t offer)
 *
 * t are the address that current was told and both sides' protocols: next compares the address with its own, so that
 * somebody in between who hands all of this on does not get current to talk to him (`requireOwn`).
 *
 * A stranger at next's address learns 16 bits of a hash of 192 random ones, and a stranger at current's
 * nothing. What is said with the key afterwards is as safe as the connection: see `requirePrivate`.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Problem } from "../../problems.ts"
import type { TokenRow } from "../../store/schema.ts"
import { hashToken } from "../../tokens.ts"
import { exchange, Refused } from "./exchange.ts"

const NONCE_BYTES = 24
const HINT_CHARS = 4
/** A proof is of use for as long as next may take to answer. */
const OPEN_MS = 60_000
const OPEN_MAX = 64

/**
 * Versions of what two servers say to each other. Fields, messages, tables and columns that one does not know it
 * passes over: that needs no new version. One that changes what something means gets a new `newest`, and stays
 * able to speak the one before: rolling back is a handover, too.
 */
export interface Protocols {
    readonly oldest: number
    readonly newest: number
}

export const PROTOCOLS: Protocols = { oldest: 1, newest: 1 }

/** The newest version that both speak. @throws Problem HOV_API_HANDOVER_VERSION */
export function common(theirs: Protocols, ours = PROTOCOLS): number {
    const version = Math.min(theirs.newest, ours.newest)
    if (version >= Math.max(theirs.oldest, ours.oldest)) return version
    throw new Problem("HOV_API_HANDOVER_VERSION", `this server speaks versions ${ours.oldest} to ${ours.newest}, the other one ${theirs.oldest} to ${theirs.newest}`)
}

export interface Hello {
    readonly hint: string
    readonly nonce: string
    /** Where current takes next to be. */
    readonly to: string
    /** Left out: 1. */
    readonly protocols?: Protocols
}

export interface Welcome {
    readonly nonce: string
    /** One for each of next's tokens that the hint fits; there is hardly ever a second one. */
    readonly proofs: readonly string[]
    readonly protocols?: Protocols
}

const FIRST: Protocols = { oldest: 1, newest: 1 }

/** What of an offer is proven, and makes the key. */
export interface Terms {
    readonly handover: string
    readonly from: string
    readonly id: string
}

/** Between two servers that know each other's nonce. */
export interface Introduced {
    /** What is shown with the offer. */
    readonly proof: string
    readonly key: string
}

const mac = (hash: string, ...words: readonly string[]): Buffer => createHmac("sha256", hash).update(JSON.stringify(words)).digest()
const text = (bytes: Buffer): string => bytes.toString("base64url")
const same = (a: Buffer, b: string): boolean => {
    const bytes = Buffer.from(b, "base64url")
    return a.length === bytes.length && timingSafeEqual(a, bytes)
}

const newNonce = (): string => text(randomBytes(NONCE_BYTES))
const hintOf = (hash: string): string => mac(hash, "hint").toString("hex").slice(0, HINT_CHARS)
/** What both have said before an offer, in one word. */
const meetingOf = ({ nonce, to, protocols = FIRST }: Hello, welcome: Pick<Welcome, "nonce" | "protocols">): string => {
    const theirs = welcome.protocols ?? FIRST
    return JSON.stringify([nonce, welcome.nonce, to, protocols.oldest, protocols.newest, theirs.oldest, theirs.newest])
}
const proofOfNext = (hash: string, meeting: string): Buffer => mac(hash, "next", meeting)
const proofOfCurrent = (hash: string, meeting: string, { handover, from, id }: Terms): Buffer => mac(hash, "current", meeting, handover, from, id)
const keyOf = (hash: string, meeting: string, { handover, from, id }: Terms): string => text(mac(hash, "key", meeting, handover, from, id))

/**
 * Current's side. Undefined: next is of a version that has no such question, and takes the token itself.
 * @throws Error when whoever listens there does not know the token
 */
export async function introduce(url: string, token: string, terms: Terms, signal: AbortSignal): Promise<Introduced | undefined> {
    const hash = hashToken(token)
    const nonce = newNonce()
    const hello: Hello = { hint: hintOf(hash), nonce, to: url, protocols: PROTOCOLS }
    let answer: Buffer
    try {
        answer = await exchange({ url }, "POST", "/handover/v1/hello", { json: hello, signal })
    } catch (error) {
        if (error instanceof Refused && error.status === 404) return undefined
        throw error
    }
    const welcome = JSON.parse(answer.toString()) as Welcome
    const meeting = meetingOf(hello, welcome)
    const expected = proofOfNext(hash, meeting)
    if (!Array.isArray(welcome.proofs) || !welcome.proofs.some(proof => same(expected, String(proof)))) throw new Error("who listens there does not know the token")
    common(welcome.protocols ?? FIRST)
    return { proof: `${welcome.nonce} ${text(proofOfCurrent(hash, meeting, terms))}`, key: keyOf(hash, meeting, terms) }
}

/** Next's side: what it has said hello to, and is waiting for the offer of. */
export class Introductions {
    readonly #now: () => number
    /** By next's own nonce. */
    readonly #open = new Map<string, { readonly meeting: string; readonly protocol: number; readonly tokens: readonly TokenRow[]; readonly untilMs: number }>()

    constructor(now: () => number) {
        this.#now = now
    }

    /** Undefined: it is none of these tokens that the other side has. */
    welcome(hello: Hello, tokens: readonly TokenRow[]): Welcome | undefined {
        const fitting = tokens.filter(({ hash }) => hintOf(hash) === hello.hint)
        if (fitting.length === 0) return undefined
        const protocol = common(hello.protocols ?? FIRST)
        const nonce = newNonce()
        const meeting = meetingOf(hello, { nonce, protocols: PROTOCOLS })
        const oldest = this.#open.keys().next().value
        if (this.#open.size >= OPEN_MAX && oldest !== undefined) this.#open.delete(oldest)
        this.#open.set(nonce, { meeting, protocol, tokens: fitting, untilMs: this.#now() + OPEN_MS })
        return { nonce, proofs: fitting.map(({ hash }) => text(proofOfNext(hash, meeting))), protocols: PROTOCOLS }
    }

    /** The token that an offer was proven with, and the key that comes of it; each welcome is good for one. */
    meet(shown: string, terms: Terms): { readonly token: TokenRow; readonly key: string; readonly protocol: number } | undefined {
        const [nonce, proof = ""] = shown.split(" ")
        const open = this.#open.get(nonce)
        this.#open.delete(nonce)
        if (open === undefined || open.untilMs < this.#now()) return undefined
        const token = open.tokens.find(({ hash }) => same(proofOfCurrent(hash, open.meeting, terms), proof))
        return token === undefined ? undefined : { token, key: keyOf(token.hash, open.meeting, terms), protocol: open.protocol }
    }
}

/**
 * At next: `to` is its own address. One that does not know its public address has only the name that it was asked by,
 * which who is in between can choose.
 * @throws Problem HOV_API_HANDOVER_ADDRESS
 */
export function requireOwn(to: string, publicUrl: string | null, host: string | undefined): void {
    const { protocol, host: named } = new URL(to)
    const own = publicUrl ?? `${protocol}//${host}`
    if (URL.canParse(own) && new URL(own).host === named && (publicUrl === null || new URL(own).protocol === protocol)) return
    throw new Problem("HOV_API_HANDOVER_ADDRESS", `current takes this server to be at ${to}; it is at ${own}`)
}

/** @throws Problem HOV_API_HANDOVER_INSECURE for an address on another host that is reached without TLS */
export function requirePrivate(url: string, what: string): void {
    const { protocol, hostname } = new URL(url)
    if (protocol === "https:" || hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname)) return
    throw new Problem("HOV_API_HANDOVER_INSECURE", `${what} (${url}) is reached over plain http: whoever reads or changes what the two servers say has devices' keys and all the rest`)
}
