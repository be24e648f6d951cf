/**
 * Whose a device is. While servers hand devices over, whatever is written for one says since which
 * epoch its writer has it, and the store compares that in the transaction that writes: a server that
 * was stopped for a while, and goes on when another one has the device, changes nothing.
 */
import { Problem } from "./problems.ts"
import type { Repos } from "./store/store.ts"

/** A device as a request found it: since which epoch it is this server's; null = it was before the handover. */
export interface Held {
    readonly deviceId: string
    readonly since: number | null
}

export interface TenureOptions {
    readonly me: string
    /** Since when this server has the device, as far as it knows; undefined = it has not. */
    since(deviceId: string): number | null | undefined
    /** The store says that the device is not this server's. */
    onLost(deviceId: string): void
    /** Whether a device that nobody is named the owner of may be written. */
    mayBeFree(): boolean
    /** In a transaction: whether other servers of this database hand devices over by now, of which nobody tells this one. */
    hasBegunElsewhere(repos: Repos): Promise<boolean>
}

export class Tenure {
    #options: TenureOptions | undefined
    /** While no handover runs, or has run, every device is this server's: nothing else is asked than whether one has begun. */
    isAsked = false

    /** Who knows, from now on. */
    know(options: TenureOptions): void {
        this.#options = options
    }

    /** Since when this server has the device. */
    since(deviceId: string): number | null {
        return this.#options?.since(deviceId) ?? null
    }

    /** In a transaction that writes: whether it has to be asked whose a device is. */
    async mustAsk(repos: Repos): Promise<boolean> {
        return this.isAsked || (this.#options !== undefined && (await this.#options.hasBegunElsewhere(repos)))
    }

    /** To be asked in the transaction that writes: whose writes have no place any more. */
    async lost<H extends Held>(repos: Repos, all: readonly H[]): Promise<ReadonlySet<H>> {
        const lost = new Set<H>()
        if (this.#options === undefined || all.length === 0 || !(await this.mustAsk(repos))) return lost
        const { me, since, onLost, mayBeFree } = this.#options
        const owners = await repos.handover.ownersOf([...new Set(all.map(({ deviceId }) => deviceId))])
        for (const held of all) {
            const row = owners.get(held.deviceId)
            if (row === undefined ? mayBeFree() : row.owner === me && row.epoch >= (held.since ?? 0) && since(held.deviceId) === held.since) continue
            lost.add(held)
            setImmediate(onLost, held.deviceId)
        }
        return lost
    }

    /** @throws Problem HOV_API_DEVICE_ELSEWHERE, which undoes the transaction */
    async mustHold(repos: Repos, deviceId: string, since: number | null): Promise<void> {
        if ((await this.lost(repos, [{ deviceId, since }])).size > 0) throw elsewhere(deviceId)
    }

    /** For one that is named to be added: here is no row of a device that another server has. @throws Problem HOV_API_DEVICE_ELSEWHERE */
    async mustNotBeElsewhere(repos: Repos, deviceId: string): Promise<void> {
        if (!this.isAsked || this.#options === undefined) return
        const row = (await repos.handover.ownersOf([deviceId])).get(deviceId)
        if (row !== undefined && row.owner !== this.#options.me) throw elsewhere(deviceId)
    }
}

const elsewhere = (deviceId: string): Problem => new Problem("HOV_API_DEVICE_ELSEWHERE", `device ${deviceId} is another server's by now`, 1)
