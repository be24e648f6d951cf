import type { BaseBundle } from "../../toolchain/pack/base-bundle.ts"
import type { Signer } from "../../toolchain/sign/index.ts"
import type { BusBootloader } from "../jacdac/bootloader-client.ts"
import { type BusTarget as Where, openBoardOnBus } from "../jacdac/one-board.ts"
import type { DevOutcome, DevRelease, DevTarget } from "./target.ts"

const UPDATE_MS = 60_000

/** A board on the Jacdac bridge: one on USB, or the simulator in VS Code. It runs a base that was deployed to it. */
export class BusTarget implements DevTarget {
    readonly name: string
    readonly base: BaseBundle
    readonly signer: Signer
    readonly sequence: number
    private readonly board: BusBootloader
    private readonly disconnect: () => void

    private constructor(board: BusBootloader, base: BaseBundle, signer: Signer, sequence: number, disconnect: () => void) {
        this.name = `board ${board.board.deviceId}`
        this.board = board
        this.base = base
        this.signer = signer
        this.sequence = sequence
        this.disconnect = disconnect
    }

    /** @param choose the bundle and the signer for a base id; throws for a base that was not built here */
    static async connect(where: Where, choose: (baseId: string) => Promise<{ base: BaseBundle; signer: Signer }>): Promise<BusTarget> {
        const { board, close } = await openBoardOnBus(where)
        try {
            const state = await board.state()
            const { base, signer } = await choose(state.base)
            return new BusTarget(board, base, signer, state.sequence, close)
        } catch (e) {
            close()
            throw e
        }
    }

    async update({ version, artifact }: DevRelease, running: () => void): Promise<DevOutcome> {
        await this.board.push(artifact)
        let isRunning = false
        const { phase, code } = await this.board.waitForEnd(UPDATE_MS, phase => {
            if ((phase !== "trial" && phase !== "confirmed") || isRunning) return
            isRunning = true
            running()
        })
        return { phase: phase === "confirmed" || phase === "rolledBack" ? phase : "failed", code, version }
    }

    async close(): Promise<void> {
        this.disconnect()
    }
}
