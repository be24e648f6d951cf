import * as ds from "@devicescript/core"

/* For a board with a network that updates one without: gives it an artifact over the bus. */

const PIECE_BYTES = 200
const REPLY_MS = 500
const TRIES = 5

/**
 * Writes a whole artifact to a board and has it run on trial; watch its `phase` for the end.
 * False when the board does not answer.
 */
export async function pushArtifact(board: ds.HandoverBootloader, artifact: Buffer) {
    await board.begin(artifact.length)
    let received = 0
    let silent = 0
    while (received < artifact.length && silent < TRIES) {
        const piece = artifact.slice(received, Math.min(received + PIECE_BYTES, artifact.length))
        const before = received
        received = await writePiece(board, before, piece)
        silent = received > before ? 0 : silent + 1
    }
    if (received < artifact.length) return false
    await board.commit()
    return true
}

/** How much the board has, or `offset` when it did not answer in time. */
async function writePiece(board: ds.HandoverBootloader, offset: number, piece: Buffer): Promise<number> {
    const self = ds.Fiber.self()
    const code = board.spec.lookup("write").code
    let received: number
    let waiting = true
    const stop = board.report().subscribe(packet => {
        if (!waiting || packet.serviceCommand !== code) return
        received = packet.payload.getAt(0, "u32")
        if (self.suspended) self.resume(null)
    })
    await board.write(offset, piece)
    if (received === undefined) await ds.suspend(REPLY_MS)
    waiting = false
    stop()
    return received === undefined ? offset : received
}
