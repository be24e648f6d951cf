/** Where a device is told to go, and how the other server is known by what it shows. */
import type { Clock } from "../../clock.ts"
import type { Home } from "../home.ts"
import type { Plan } from "../store.ts"
import { readTicket, signTicket } from "../ticket.ts"
import type { DeviceBody } from "./device-sessions.ts"
import type { Peer } from "./exchange.ts"

const TICKET_S = 60

export interface DirectionsOptions {
    readonly home: Home<DeviceBody>
    readonly now: Clock
    peer(): Peer | null
    plan(): Plan | null
}

export class Directions {
    readonly #options: DirectionsOptions

    constructor(options: DirectionsOptions) {
        this.#options = options
    }

    isPeer(authorization: string | undefined): boolean {
        const peer = this.#options.peer()
        return peer !== null && authorization === `Handover ${peer.key}`
    }

    /** Whether the other server hands a request on to this one. */
    isHandedOn(hop: string | string[] | undefined): boolean {
        return hop !== undefined && hop === this.#options.peer()?.key
    }

    /** The epoch of a ticket that a device shows, when it is one of this handover. */
    ticketEpoch(device: string, ticket: string | undefined): number | null {
        const { plan, now } = this.#options
        const key = plan()?.key
        return ticket === undefined || key === undefined ? null : (readTicket(key, device, ticket, now())?.epoch ?? null)
    }

    /** A poll's answer for a device that was offered to the other server. */
    moveOf(device: string): string | null {
        const state = this.#options.home.state(device)
        return state.at === "offered" || state.at === "freezing" ? this.offer(device, state.epoch) : null
    }

    /** A poll's answer for a device that is offered at this epoch. */
    offer(device: string, epoch: number): string {
        const { plan, peer, now } = this.#options
        const ticket = signTicket(plan()?.key ?? "", device, { epoch, untilS: Math.ceil(now() / 1000) + TICKET_S })
        return JSON.stringify({ move: `${peer()?.url}/~${ticket}` })
    }

    /** A poll's answer for a device that the other server has. */
    elsewhere(): string {
        return JSON.stringify({ move: this.#options.peer()?.url })
    }
}
