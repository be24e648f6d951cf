/** What differs between two servers with a database each and two servers on one database. */
import { randomBytes } from "node:crypto"
import type { RunningWork } from "../../running-work.ts"
import type { Repos } from "../../store/store.ts"
import type { Copies } from "../copies.ts"
import type { Home } from "../home.ts"
import type { Phase, Plan, SessionStore } from "../store.ts"
import type { SentCopies } from "./device-copies.ts"
import type { DeviceBody } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"
import type { OperatorTraffic } from "./operator-traffic.ts"
import type { ServerParts } from "./parts.ts"

/** What current asks next with. */
export interface Offer {
    readonly handover: string
    /** Made by both sides (introduction.ts), or told by a current of an earlier version. */
    readonly key: string
    readonly from: string
    readonly id: string
    /** The version that both speak; undefined: current is of one that has no number. */
    readonly protocol?: number
    /** Of a server of an earlier version: what next asks for with the key (`root`). */
    readonly secret?: string
}

export interface Ground {
    /** This server's name in the handover. */
    readonly me: string
    readonly sessions: SessionStore<DeviceBody>
    readonly shared: boolean
    /** Where rows move: how they are copied before, and what came of them. */
    readonly copying?: SentCopies
    readonly copies?: Copies<DeviceBody>
    /** How often the store has not taken what had to be written; it is written again until it does. */
    readonly failures: number
    /** A handover in whose midst this server ended. */
    recall(home: Home<DeviceBody>): Promise<{ readonly plan: Plan; readonly peer: Peer } | null>
    /** At current, before next is asked. */
    announce(handover: string, peer: Peer): Promise<void>
    /** What current derives devices' secrets from: next tells the same ones. Null: servers of one database have it already. */
    readonly root: string | null
    /** At next: what has to be here before any device comes. @throws when current's database is not where it should be */
    prepare(offer: Offer, peer: Peer): Promise<void>
    /** The handover begins; it goes on after a restart where the store is this server's own. */
    keep(plan: Plan, peer: Peer): Promise<void>
    /** At next: what was prepared is not used. */
    abandon(): void
    /** At next: whether a device has come with this handover. */
    hasTaken(handover: string): Promise<boolean>
    /** All sessions as they are at the beginning. */
    load(home: Home<DeviceBody>, giver: string): Promise<void>
    /** This server has begun in the middle of a handover that it cannot go on with: whoever comes to it is its own from then on. */
    readonly isClaiming: boolean
    /** In a transaction: whether other servers have begun a handover on this one's database. */
    hasBegunElsewhere(repos: Repos): Promise<boolean>
    /** From now on it is claiming, as if it had begun in the middle. */
    standBy(): void
    /** A device that was added while a handover is under way is this server's. */
    adopt(home: Home<DeviceBody>, device: string, plan: Plan | null): Promise<void>
    /** At current, when none is added any more: those that were, and that nobody has asked about. */
    adoptAll?(home: Home<DeviceBody>): Promise<void>
    /** After a start in the midst of a handover: what happens by itself may be the other server's. */
    settleRoles(plan: Plan): void
    entered(plan: Plan): void
    /** At current: everything that is not a device's comes to rest. */
    rest(): Promise<void>
    /** At next: takes what came to rest. May be done again from the beginning. */
    takeOver(peer: Peer): Promise<void>
    close(): Promise<void>
}

export interface GroundOptions {
    readonly parts: ServerParts
    readonly operators: OperatorTraffic
    readonly work: RunningWork
    peer(): Peer | null
    /** The name of the handover. */
    handover(): string
    /** Committed, and not served yet. */
    onInstalled(device: string, body: DeviceBody): void
    onError(error: unknown): void
}

/** Noted where both servers look, when they look at one database. */
export const HANDOVER_ACTION = "server.handover"

export const newServerId = (): string => `s${randomBytes(8).toString("hex")}`

/** Whether all devices are at this server, and stay, as its handover has it. */
export const isWithAll = (role: Plan["role"], phase: Phase): boolean => (role === "next" && phase === "done") || (role === "current" && phase === "aborted")

/** Whether this server's database has current's note of the handover. */
export async function isNotedHere({ store }: ServerParts, handover: string): Promise<boolean> {
    const [noted] = await store.read.audit.list({ before: null, limit: 1, subject: handover })
    return noted?.action === HANDOVER_ACTION
}
