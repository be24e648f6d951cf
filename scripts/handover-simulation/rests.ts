/** What is sent of a device at the freeze when the other server has a copy: the lists' ends. */
import { WholeCopies } from "../../cloud/handover/copies.ts"
import type { SessionName, Snapshot } from "../../cloud/handover/messages.ts"
import type { DeviceBody } from "./disk.ts"
import type { Mutation } from "./mutations.ts"

export class SimulatedCopies extends WholeCopies<DeviceBody> {
    readonly #mutation: Mutation | null

    constructor(mutation: Mutation | null) {
        super()
        this.#mutation = mutation
    }

    override complete(session: SessionName, snapshot: Snapshot<DeviceBody>): DeviceBody | undefined {
        const { since } = snapshot
        const copy = this.kept.get(session)
        if (since === undefined || copy?.body === undefined) return super.complete(session, snapshot)
        if (copy.version !== since.version) return undefined
        if (this.#mutation === "rest-left-out") return copy.body
        const rest = since.rest as DeviceBody
        return { statuses: [...copy.body.statuses, ...rest.statuses], commands: [...copy.body.commands, ...rest.commands], taken: rest.taken }
    }
}

/** `copy`: the last that was sent of it. */
export function restSince(copy: Snapshot<DeviceBody> | undefined, have: number, { version, body }: Snapshot<DeviceBody>): Snapshot<DeviceBody> | undefined {
    if (copy?.body === undefined || body === undefined || copy.version !== have) return undefined
    const rest: DeviceBody = { statuses: body.statuses.slice(copy.body.statuses.length), commands: body.commands.slice(copy.body.commands.length), taken: body.taken }
    return { version, since: { version: have, rest } }
}
