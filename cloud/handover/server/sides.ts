/** The two plans of a handover, giver's and taker's, over the parts of a real server. */
import type { RunningWork } from "../../running-work.ts"
import { Arriving } from "../arriving.ts"
import type { Home } from "../home.ts"
import { Leaving } from "../leaving.ts"
import type { Message } from "../messages.ts"
import type { Phase, Plan } from "../store.ts"
import type { DeviceBody } from "./device-sessions.ts"
import type { Directions } from "./directions.ts"
import type { Peer } from "./exchange.ts"
import type { Ground } from "./ground.ts"
import type { Link } from "./link.ts"
import type { ServerParts } from "./parts.ts"

const OFFER_MS = 3_000
export const RETRY_MS = 500
const ABORT_ALONE_MS = 5_000

export interface SideOptions {
    readonly plan: Plan
    readonly parts: ServerParts
    readonly ground: Ground
    readonly home: Home<DeviceBody>
    readonly link: Link<Message<DeviceBody>>
    readonly work: RunningWork
    onPhase(phase: Phase): void
}

export function newArriving({ plan, parts, ground, home, link, work, onPhase }: SideOptions, peer: Peer): Arriving<DeviceBody> {
    const takeOver = async (done: () => void): Promise<void> => {
        await ground.takeOver(peer)
        done()
    }
    return new Arriving<DeviceBody>({
        home,
        store: ground.sessions,
        plan,
        send: message => link.send(message),
        refusal: () => null,
        takeOver: (done, failed) =>
            work.begin(
                () => takeOver(done),
                error => {
                    parts.log.error({ err: error }, "handover: taking over failed; current says it again")
                    failed()
                },
            ),
        onPhase,
    })
}

export function newLeaving({ plan, parts, ground, home, link, work, onPhase }: SideOptions, directions: Directions, offersPerS: number): Leaving<DeviceBody> {
    const { now, held, sessions, log } = parts
    const rest = async (done: () => void): Promise<void> => {
        const restWithAll = async (): Promise<void> => {
            await ground.rest()
            await ground.adoptAll?.(home)
        }
        await work.insist(restWithAll, error => log.error({ err: error }, "handover: this server does not come to rest; once more"))
        done()
    }
    return new Leaving<DeviceBody>({
        ...plan,
        home,
        store: ground.sessions,
        offersPerS,
        offerMs: OFFER_MS,
        retryMs: RETRY_MS,
        abortAloneMs: ground.shared ? ABORT_ALONE_MS : undefined,
        copying: ground.copying,
        now,
        send: message => link.send(message),
        tellClient: (device, epoch) => held.offer(device, directions.offer(device, epoch)),
        isConnected: device => sessions.isKnown(device),
        mayOffer: () => link.isUp(),
        rest: done => work.begin(() => rest(done), error => log.error({ err: error }, "handover")),
        onPhase,
    })
}
