import * as ds from "@devicescript/core"
import { digest } from "@devicescript/crypto"

const PIECE_BYTES = 200
const REPLY_MS = 500
const TRIES = 5
const LOOK_MS = 250

/**
 * For a board with a network that updates one without, over the bus:
 *
 *     const other = new BusUpdater(new ds.HandoverBootloader())
 *     const code = await other.install(artifact, 60000)   // "" when it runs and is kept
 *
 * The artifact is checked by the board that gets it, as one from a server.
 */
export class BusUpdater {
    constructor(public board: ds.HandoverBootloader) {}

    /** Writes an artifact, from where the board has it, and commits it. False when the board does not answer. */
    async push(artifact: Buffer) {
        await this.board.begin(artifact.length)
        let received = await this.resumeAt()
        let silent = 0
        while (received < artifact.length && silent < TRIES) {
            const piece = artifact.slice(received, Math.min(received + PIECE_BYTES, artifact.length))
            const before = received
            received = await this.writePiece(before, piece)
            silent = received > before ? 0 : silent + 1
        }
        if (received < artifact.length) return false
        await this.board.commit()
        return true
    }

    /** Pushes and waits for the end of the trial. Why it does not run, or "". */
    async install(artifact: Buffer, timeoutMs: number) {
        const endMs = ds.millis() + timeoutMs
        if (!(await this.push(artifact))) return "HOV_BUS_SILENT"
        while (ds.millis() < endMs) {
            await ds.sleep(LOOK_MS)
            const phase = await this.board.phase.read()
            if (phase === ds.HandoverBootloaderState.Confirmed) return ""
            if (phase === ds.HandoverBootloaderState.RolledBack || phase === ds.HandoverBootloaderState.Failed)
                return (await this.board.errorCode.read()) || "HOV_TRIAL_FAULT"
        }
        return "HOV_BUS_TIMEOUT"
    }

    /** An earlier sender may have got further than nothing. */
    private async resumeAt() {
        return (await this.board.received.read()) || 0
    }

    /** How much the board has, or `offset` when it did not answer in time. */
    private async writePiece(offset: number, piece: Buffer): Promise<number> {
        const self = ds.Fiber.self()
        const code = this.board.spec.lookup("write").code
        let received: number
        let waiting = true
        const stop = this.board.report().subscribe(packet => {
            if (!waiting || packet.serviceCommand !== code) return
            received = packet.payload.getAt(0, "u32")
            if (self.suspended) self.resume(null)
        })
        await this.board.write(offset, digest("sha256", piece).getAt(0, "u32"), piece)
        if (received === undefined) await ds.suspend(REPLY_MS)
        waiting = false
        stop()
        return received === undefined ? offset : received
    }
}
