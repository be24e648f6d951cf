import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
import type { Signer } from "../../toolchain/sign/index.ts"
import { type ApiClient, part } from "../api-client.ts"
import { CliError } from "../cli-error.ts"
import type { DeviceDocument } from "../../cloud/operator-api/documents.ts"
import type { DevOutcome, DevRelease, DevTarget } from "./target.ts"
import { updateOverServer } from "./update-over-server.ts"

/** A board that polls a server: each edit is published there and the board told to take it. */
export class ServerTarget implements DevTarget {
    readonly name: string
    readonly base: BaseBundle
    readonly signer: Signer
    readonly sequence: number
    private readonly api: ApiClient
    private readonly app: string
    private readonly device: string

    private constructor(api: ApiClient, app: string, device: string, base: BaseBundle, signer: Signer, sequence: number) {
        this.name = `${device} over ${api.url}`
        this.api = api
        this.app = app
        this.device = device
        this.base = base
        this.signer = signer
        this.sequence = sequence
    }

    /** @param choose the bundle and the signer for a base id; throws for a base that was not built here */
    static async connect(api: ApiClient, app: string, device: string, choose: (baseId: string) => Promise<{ base: BaseBundle; signer: Signer }>): Promise<ServerTarget> {
        const { actual } = await api.get<DeviceDocument>(`/devices/${part(device)}`)
        if (!actual?.base) throw new CliError("HOV_CLI_NOT_REPORTED", `${device} has not yet told the server what it runs: wait until it is online`)
        const { base, signer } = await choose(actual.base)
        return new ServerTarget(api, app, device, base, signer, actual.sequence ?? 0)
    }

    async update(release: DevRelease, running: () => void): Promise<DevOutcome> {
        let isRunning = false
        const saw = () => {
            if (isRunning) return
            isRunning = true
            running()
        }
        const outcome = await updateOverServer(this.api, this.app, this.device, release, state => {
            if (state === "trial") saw()
        })
        if (outcome.phase === "confirmed") saw()
        return outcome
    }

    async close(): Promise<void> {}
}
