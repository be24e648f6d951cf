import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Cloud, startCloud } from "../../cloud/index.ts"
import { type Board, type ChipName, createBoard } from "../../sim/index.ts"
import { type BaseBundle, baseBundle } from "../../toolchain/pack/base-bundle.ts"
import type { CompiledProgram } from "../../toolchain/program/compiled-program.ts"
import type { Signer } from "../../toolchain/sign/index.ts"
import { ApiClient } from "../api-client.ts"
import type { DevOutcome, DevRelease, DevTarget } from "./target.ts"
import { updateOverServer } from "./update-over-server.ts"

export interface SimulatedOptions {
    readonly chip: ChipName
    readonly deviceId: string
    /** of the project, for the app; where the updater's server is, is the session's own affair */
    readonly settings: Readonly<Record<string, string>>
    readonly baseVersion: string
    onLine(line: string): void
}

const APP = "dev"
const START_MS = 15_000

/** A board of the session's own: the stock VM, and a server on loopback that it polls, as boards in the field do. */
export class SimulatedTarget implements DevTarget {
    readonly name: string
    readonly base: BaseBundle
    readonly signer: Signer
    readonly sequence = 0
    private readonly board: Board
    private readonly cloud: Cloud
    private readonly api: ApiClient
    private readonly dataDir: string

    private constructor(base: BaseBundle, signer: Signer, board: Board, cloud: Cloud, api: ApiClient, dataDir: string) {
        this.name = `a simulated ${board.chip}`
        this.base = base
        this.signer = signer
        this.board = board
        this.cloud = cloud
        this.api = api
        this.dataDir = dataDir
    }

    /** @param program built with the session's key */
    static async start(program: CompiledProgram, signer: Signer, options: SimulatedOptions): Promise<SimulatedTarget> {
        const base = baseBundle(program, options.baseVersion)
        const dataDir = mkdtempSync(join(tmpdir(), "handover-dev-"))
        const cloud = await startCloud({ dataDir, logLevel: "silent" })
        const api = new ApiClient(cloud.url, cloud.adminToken, () => {})
        const { token } = await api.call<{ token: string }>("POST", "/devices", { id: options.deviceId })
        const board = await createBoard({
            deviceId: options.deviceId,
            chip: options.chip,
            program: base.linked.file,
            settings: { ...options.settings, hUrl: cloud.url, hToken: token, hPoll: 20, hTrialMs: 500, hJitter: 0, hLog: 1 },
        })
        const target = new SimulatedTarget(base, signer, board, cloud, api, dataDir)
        board.onLine(line => options.onLine(line))
        try {
            await board.powerOn()
            await board.waitForLine(/HOV start/, START_MS)
        } catch (e) {
            await target.close()
            throw e
        }
        return target
    }

    async update(release: DevRelease, running: () => void): Promise<DevOutcome> {
        const off = this.board.onLine(line => {
            if (line.includes(`HOV swap v=${release.version} `)) running()
        })
        try {
            return await updateOverServer(this.api, APP, this.board.deviceId, release, () => {})
        } finally {
            off()
        }
    }

    async close(): Promise<void> {
        await this.board.close()
        await this.cloud.close()
        rmSync(this.dataDir, { recursive: true, force: true })
    }
}
